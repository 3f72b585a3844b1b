package system

import (
	"net"
	"strings"
	"testing"

	"yubin/test/instance"
)

// stockMaster are the entries of the master.cf that Postfix comes with, those
// that stand there as comments too. HOST is where this test listens.
const stockMaster = `HOST:2525 inet n - n - - smtpd
smtpd     pass  -       -       n       -       -       smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
HOST:2587 inet n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_reject_unlisted_recipient=no
#     Instead of specifying complex smtpd_<xxx>_restrictions here,
  -o smtpd_client_restrictions=
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_relay_restrictions=
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
HOST:2465     inet  n       -       n       -       -       smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
HOST:2628 inet  n       -       n       -       -       qmqpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
        -o syslog_name=postfix/$service_name
       -o smtp_helo_timeout=5 -o smtp_connect_timeout=5
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
cyrus     unix  -       n       n       -       -       pipe
  flags=DRX user=cyrus argv=/cyrus/bin/deliver -e -r ${sender} -m ${extension} ${user}
old-cyrus unix  -       n       n       -       -       pipe
  flags=R user=cyrus argv=/cyrus/bin/deliver -e -m ${extension} ${user}
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
ifmail    unix  -       n       n       -       -       pipe
  flags=F user=ftn argv=/usr/lib/ifmail/ifmail -r $nexthop ($recipient)
bsmtp     unix  -       n       n       -       -       pipe
  flags=Fq. user=bsmtp argv=/usr/local/sbin/bsmtp -f $sender $nexthop $recipient
scalemail-backend unix -       n       n       -       2       pipe
  flags=R user=scalemail argv=/usr/lib/scalemail/bin/scalemail-store
  ${nexthop} ${user} ${extension}
mailman   unix  -       n       n       -       -       pipe
  flags=FRX user=list argv=/usr/lib/mailman/bin/postfix-to-mailman.py
  ${nexthop} ${user}
`

// Postfix's own master.cf with everything in use: mailctl check finds nothing
// wrong with it, master starts, and mail is delivered. A service whose user
// does not exist on this host defers its mail and no other.
func TestStockMaster(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true})
	host, _, err := net.SplitHostPort(i.Addr)
	if err != nil {
		t.Fatal(err)
	}
	i.WriteFile("etc/master.cf", []string{strings.ReplaceAll(stockMaster, "HOST", host)})
	i.AppendMain("transport_maps = inline:{ {far.test=scalemail-backend:} }", "relay_domains = far.test")
	r := i.Mailctl("check")
	for line := range strings.Lines(r.Stdout) {
		if !strings.HasPrefix(line, "note: ") {
			t.Errorf("mailctl check: %s", line)
		}
	}
	if r.Code != 0 || r.Stderr != "" {
		t.Errorf("mailctl check: %+v", r)
	}
	i.Start()
	id := i.Submit("alice@example.test", "bob@example.test", "Subject: x\n\nbody\n")
	i.WaitLog(id+": to=<bob@example.test>", "status=sent")
	id = i.Submit("alice@example.test", "x@far.test", "Subject: x\n\nbody\n")
	i.WaitLog(id+": to=<x@far.test>, relay=scalemail-backend", "dsn=4.3.5, status=deferred (mail system configuration error)")
}
