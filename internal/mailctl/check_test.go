package mailctl

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// healthy is a configuration of a private instance that check is content
// with, below dir.
func healthy(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"master", "pickup", "qmgr", "local", "smtp", "authd", "smtpd", "imapd", "sendmail", "mailq", "newaliases", "mailctl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "aliases"), []byte("root: alice\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Accounts that every system has: the test may run as root.
	return strings.ReplaceAll(`queue_directory = DIR/queue
daemon_directory = DIR
command_directory = DIR
data_directory = DIR/data
sendmail_path = DIR/sendmail
mailq_path = DIR/mailq
newaliases_path = DIR/newaliases
mail_owner = root
smtpd_user = root
smtp_user = root
login_user = root
setgid_group = root
alias_maps = hash:DIR/aliases
alias_database = $alias_maps
mydestination = $myhostname, DIR/domains
local_recipient_maps = $alias_maps
`, "DIR", dir)
}

// write writes a file of a configuration.
func write(name string, mode os.FileMode, text string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever umask is
			t.Fatal(err)
		}
	}
}

// certificate writes cert.pem, good from and until some time from now.
func certificate(t *testing.T, dir string, from, until time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until)}
	b, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	write("cert.pem", 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b})))(t, dir)
}

// The configuration that is shipped, and the files that RHEL's Postfix comes
// with, are without fault: whatever is not there is not theirs.
func TestCheckShipped(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"../../etc", "../config/testdata/rhel9", "../config/testdata/rhel10"} {
		t.Run(filepath.Base(from), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			etc := filepath.Join(dir, "etc")
			if err := os.CopyFS(etc, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			// What is of the installation is in dir.
			certificate(t, dir, -time.Hour, 90*24*time.Hour)
			write("users", 0o600, "")(t, dir)
			overrides := []string{"smtpd_tls_cert_file=" + dir + "/cert.pem", "smtpd_tls_key_file=" + dir + "/cert.pem"}
			for line := range strings.Lines(healthy(t, dir)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
				if name != "mydestination" && name != "local_recipient_maps" {
					overrides = append(overrides, name+"="+value)
				}
			}
			c, err := config.Read(etc, append(overrides, "auth_backends=passwd-file:"+dir+"/users", "myhostname=mx.example.org"))
			if err != nil {
				t.Fatal(err)
			}
			stdout := new(bytes.Buffer)
			if err := check(t.Context(), &cli.Env{Program: "mailctl", Config: c, Stdout: stdout}, nil); err != nil || strings.Contains(stdout.String(), "warning: ") {
				t.Errorf("%v\n%s", err, stdout)
			}
		})
	}
}

// What check says, and the exit status, for one thing wrong at a time.
func TestCheck(t *testing.T) {
	t.Parallel()
	const smtpd, imapd, lmtp = "smtp inet n - n - - smtpd\n", "imap inet n - n - - imapd\n", "lmtp unix - - n - - lmtp\n"
	tests := []struct {
		name, main, master string
		spoil              func(t *testing.T, dir string)
		want               string // part of a line; "": only notes
	}{
		{"healthy", "", smtpd, nil, ""},
		{"syntax", "myhostname mx.example", smtpd, nil, "main.cf:17: missing '='"},
		{"misspelt", "myhostnam = mx.example", smtpd, nil, "main.cf:17: myhostnam: unknown parameter that no value refers to; write myhostname if that is meant"},
		{"wrong value", "max_idle = never", smtpd, nil, "main.cf:17: max_idle: want a time"},
		{"wrong directory", "queue_directory = queue", smtpd, nil, "main.cf:17: queue_directory: want an absolute path"},
		{"master.cf line", "", "smtp inet n - n - smtpd\n", nil, "master.cf:1: service smtp left out: want eight fields"},
		{"override", "", "smtp inet n - n - - smtpd -o max_idle=x\n", nil, "master.cf:1: -o max_idle: want a time"},
		{"no master.cf", "", "", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "etc/master.cf")) }, "master.cf: no such file"},
		{"no program", "", "x unix - - n - - nosuch\n", nil, "master.cf:1: stat DIR/nosuch: no such file"},
		{"not a program", "", smtpd, func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "smtpd"), 0o644) }, "DIR/smtpd is no program"},
		{"no table", "virtual_mailbox_maps = hash:DIR/vmail", smtpd, nil, "main.cf:17: virtual_mailbox_maps: open DIR/vmail: no such file"},
		{"kind of table", "virtual_mailbox_maps = ldap:x", smtpd, nil, "type \"ldap\" is not supported"},
		{"relayhost", "relayhost = smtp://isp.example", smtpd, nil, "main.cf:17: relayhost: next hop \"smtp://isp.example\": port \"//isp.example\""},
		{"transport", "default_transport =", smtpd, nil, "main.cf:17: default_transport: want transport or transport:nexthop"},
		{"routes", "transport_maps = hash:DIR/none", smtpd, nil, "main.cf:17: transport_maps: open DIR/none: no such file"},
		{"name server", "resolver_addresses = ns.example", smtpd, nil, "main.cf:17: resolver_addresses: want address or address:port of a name server, have \"ns.example\"; correct the value"},
		{"no list", "", smtpd, func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "domains")) }, "DIR/domains: no such file"},
		{"writable", "", smtpd, func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "etc/main.cf"), 0o666) }, "main.cf: others than the owner can change it"},
		{"Postfix's queue", "", smtpd, func(t *testing.T, dir string) { os.MkdirAll(filepath.Join(dir, "queue/active"), 0o700) }, "holds a queue of Postfix"},
		{"twice", "max_idle = 10s\nmax_idle = 20s", smtpd, nil, "main.cf:18: overriding earlier entry: max_idle=10s; remove it or line 17"},
		{"comment", "max_idle = 10s # seconds", smtpd, nil, "main.cf:17: max_idle: \"# seconds\" is part of the value, not a comment; give the comment a line of its own"},
		{"misspelt override", "", "smtp inet n - n - - smtpd -o smtpd_recipient_limt=5\n", nil, "master.cf:1: -o smtpd_recipient_limt: unknown parameter that no value refers to; write smtpd_recipient_limit if that is meant"},
		{"table of an override", "", "smtp inet n - n - - smtpd -o smtpd_client_restrictions=check_client_access,hash:DIR/access\n", nil, "master.cf:1: -o smtpd_client_restrictions: open DIR/access: no such file"},
		{"restriction's table", "smtpd_recipient_restrictions = check_recipient_access hash:DIR/access, reject_unauth_destination", smtpd, nil, "main.cf:17: smtpd_recipient_restrictions: open DIR/access: no such file"},
		{"access actions", "smtpd_client_restrictions = check_client_access hash:DIR/acc", smtpd, write("acc", 0o644, "a OK\nb 550 no\nc STRIP\n"), "main.cf:17: smtpd_client_restrictions: hash:DIR/acc: action \"STRIP\" is not supported here: what it is for gets 451; write OK, "},
		{"known actions", "smtpd_client_restrictions = check_client_access cidr:DIR/acc", smtpd, write("acc", 0o644, "if 10.0.0.0/8\n10.1.1.1 OK\nendif\n10.2.2.2 REJECT no\n"), ""},
		{"actions of networks", "smtpd_client_restrictions = check_client_access cidr:DIR/acc", smtpd, write("acc", 0o644, "10.1.1.1 permit_mynetworks, frobnicate\n"), "main.cf:17: smtpd_client_restrictions: cidr:DIR/acc: action \"permit_mynetworks, frobnicate\" is not"},
		{"actions of patterns", "", "smtp inet n - n - - smtpd -o smtpd_helo_restrictions=check_helo_access,pcre:DIR/acc\n", write("acc", 0o644, "/^x(.)/ REJECT $1\n/y(.)/ STRIP $1 $$\n"), "master.cf:1: -o smtpd_helo_restrictions: pcre:DIR/acc: action \"STRIP ${1} $$\" is not"},
		{"known restrictions as actions", "smtpd_restriction_classes = mine\nmine = reject\nsmtpd_client_restrictions = check_client_access cidr:DIR/acc", smtpd, write("acc", 0o644, "10.1.1.1 permit_mynetworks, mine\n10.1.1.2 PREPEND X: y\n"), ""},
		{"no addresses", "virtual_alias_maps = hash:DIR/va", smtpd, write("va", 0o644, "a.example any thing@\nx@a.example b@c.example, d@\n"), "main.cf:17: virtual_alias_maps: x@a.example in DIR/va: want addresses, have \"b@c.example, d@\": mail for it waits; correct the entry"},
		{"addresses", "virtual_alias_maps = hash:DIR/va", smtpd, write("va", 0o644, "a.example ...@\n@a.example @b.example\nx@a.example b, c@b.example, c@b.example@auto.example\n"), ""},
		{"class's table", "smtpd_restriction_classes = mine\nmine = check_client_access cidr:DIR/nets", smtpd, nil, "main.cf:18: mine: open DIR/nets: no such file"},
		{"aliases of domains", "virtual_alias_maps = hash:DIR/virtual", smtpd, nil, "main.cf:17: virtual_alias_maps: open DIR/virtual: no such file"},
		{"map without its source", "canonical_maps = hash:DIR/canon", smtpd, write("canon.db", 0o644, "x"), "main.cf:17: canonical_maps: open DIR/canon: no such file or directory; the text is read here, and only DIR/canon.db is there: put DIR/canon back"},
		{"anybody's table", "transport_maps = hash:DIR/routes", smtpd, write("routes", 0o666, ""), "DIR/routes: everybody can change where mail goes (mode 0666); chmod o-w DIR/routes"},
		{"anybody's aliases", "", smtpd, func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "aliases"), 0o666) }, "DIR/aliases: everybody can change where mail goes"},
		{"two classes", "virtual_alias_domains = one.example\nrelay_domains = one.example", smtpd, nil, "main.cf:18: relay_domains: domain one.example is in virtual_alias_domains, too, which counts; remove it from one of the two"},
		{"mydestination's virtual domain", "virtual_mailbox_domains = example.net", smtpd, nil, "main.cf:17: virtual_mailbox_domains: domain example.net is in mydestination, too"},
		{"no domain", "myhostname = mx", smtpd, nil, "warning: main.cf:17: myhostname: mx has no domain"},
		{"open relay", "mynetworks = 127.0.0.0/8, 0.0.0.0/0", smtpd, nil, "main.cf:17: mynetworks: 0.0.0.0/0 lets everybody send mail anywhere through this host"},
		{"open relay, IPv6", "mynetworks = [::]/0", smtpd, nil, "main.cf:17: mynetworks: [::]/0 lets everybody"},
		{"provider's network", "mynetworks_style = class", smtpd, nil, "warning: main.cf:17: mynetworks_style: class trusts"},
		{"circle", "myhostname = mx.example.org\nrelayhost = [mx.example.org]:587", smtpd, nil, "main.cf:18: relayhost: mx.example.org is this host: mail would go round in circles"},
		{"one port", "", smtpd + "25 inet n - n - - smtpd\n", nil, "master.cf:2: 25 inet and smtp inet (line 1) both listen on port 25; remove one of the two"},
		{"one port, of all addresses", "", smtpd + "127.0.0.1:25 inet n - n - - smtpd\n", nil, "master.cf:2: 127.0.0.1:25 inet and smtp inet (line 1) both listen on port 25"},
		{"no port", "", "nosuchport inet n - n - - smtpd\n", nil, "master.cf:1: nosuchport inet: port \"nosuchport\": want a number or a name"},
		{"service twice", "", smtpd + smtpd, nil, "master.cf:2: smtp inet replaces the entry of line 1; remove one of the two"},
		{"wakeup", "", "pickup unix n - n x 1 pickup\n", nil, "master.cf:1: service pickup left out: wakeup: want seconds"},
		{"no wakeup", "", "qmgr unix n - n - 1 qmgr\n", nil, "warning: master.cf:1: qmgr has no wakeup"},
		{"busy wakeup", "", "pickup unix n - n 1 1 pickup\n", nil, "warning: master.cf:1: pickup is woken every 1s"},
		{"idle wakeup", "", "smtp inet n - n 60 - smtpd\n", nil, "warning: master.cf:1: smtp waits for clients: waking it up does nothing"},
		{"agent's wakeup", "", "relay unix - - n 60 - smtp\n", nil, "warning: master.cf:1: relay waits for the queue manager"},
		{"maxproc", "", "smtp inet n - n - -3 smtpd\n", nil, "master.cf:1: service smtp left out: maxproc: want a number"},
		{"one client", "", "smtp inet n - n - 1 smtpd\n", nil, "warning: master.cf:1: maxproc 1: smtp serves one client at a time"},
		{"certificate", "smtpd_tls_cert_file = DIR/cert.pem\nsmtpd_tls_key_file = DIR/cert.pem", smtpd, nil, "main.cf:17: smtpd_tls_cert_file: stat DIR/cert.pem: no such file"},
		{"key", "smtpd_tls_cert_file = DIR/cert.pem\nsmtpd_tls_key_file = DIR/key.pem", smtpd, func(t *testing.T, dir string) {
			certificate(t, dir, -time.Hour, 90*24*time.Hour)
			os.WriteFile(filepath.Join(dir, "key.pem"), nil, 0o644)
		}, "main.cf:18: smtpd_tls_key_file: everybody can read the key in DIR/key.pem"},
		{"expired", "smtpd_tls_cert_file = DIR/cert.pem", smtpd, func(t *testing.T, dir string) { certificate(t, dir, -48*time.Hour, -time.Hour) }, "the certificate in DIR/cert.pem has expired"},
		{"expires", "smtpd_tls_cert_file = DIR/cert.pem", smtpd, func(t *testing.T, dir string) { certificate(t, dir, -48*time.Hour, 48*time.Hour) }, "warning: main.cf:17: smtpd_tls_cert_file: the certificate in DIR/cert.pem expires"},
		{"not yet valid", "smtpd_tls_cert_file = DIR/cert.pem", smtpd, func(t *testing.T, dir string) { certificate(t, dir, 48*time.Hour, 96*24*time.Hour) }, "the certificate in DIR/cert.pem is valid from"},
		{"mbox of users", "home_mailbox = Mailbox\nauth_backends = pam:yubin", imapd, nil, "main.cf:17: home_mailbox: mail of users of this system goes to mbox files, which POP3 and IMAP do not serve"},
		{"spool of mbox", "mail_spool_directory = /var/mail\nauth_backends = shadow", imapd, nil, "main.cf:17: mail_spool_directory: mail of users of this system goes to mbox files"},
		{"mbox that nobody reads", "home_mailbox = Mailbox\nauth_backends = pam:yubin", smtpd, nil, ""},
		{"mailbox_command", "home_mailbox = Maildir/\nauth_backends = shadow\nmailbox_command = /usr/bin/procmail", imapd, nil, "warning: main.cf:19: mailbox_command: decides where mail"},
		{"mailbox_transport", "home_mailbox = Maildir/\nauth_backends = shadow\nmailbox_transport = lmtp:unix:private/x", imapd + lmtp, nil, "warning: main.cf:19: mailbox_transport: decides where mail"},
		{"account's mbox", "auth_backends = passwd-file:DIR/users", imapd, write("users", 0o600, "# x\nann@example.org:{PLAIN}x:1000:1000::/home/ann::userdb_mail=mbox:~/mail\n"), "DIR/users:2: ann@example.org: POP3 and IMAP cannot serve the mailbox: the account's mail location"},
		{"account without ID", "auth_backends = passwd-file:DIR/users", imapd, write("users", 0o600, "ann@example.org:{PLAIN}x:nosuchuser:1000::/home/ann::\n"), "DIR/users:1: ann@example.org: POP3 and IMAP cannot serve the mailbox: the account's user ID"},
		{"file for a mailbox", "auth_backends = passwd-file:DIR/users", imapd, func(t *testing.T, dir string) {
			write("users", 0o600, "ann@example.org:{PLAIN}x:1000:1000::"+dir+"::userdb_mail=maildir:"+dir+"/domains\n")(t, dir)
		}, "DIR/users:1: ann@example.org: the mailbox DIR/domains is a file"},
		{"somebody's mailbox", "auth_backends = passwd-file:DIR/users", imapd, func(t *testing.T, dir string) {
			write("users", 0o600, "ann@example.org:{PLAIN}x:54321:1000::"+dir+"::userdb_mail=maildir:"+dir+"/box\n")(t, dir)
			os.Mkdir(filepath.Join(dir, "box"), 0o700)
		}, "DIR/users:1: ann@example.org: the mailbox DIR/box belongs to user"},
		{"no virtual base", "virtual_mailbox_domains = v.example\nvirtual_mailbox_base = DIR/vmail", smtpd, nil, "main.cf:18: virtual_mailbox_base: stat DIR/vmail: no such file or directory: mail for virtual mailboxes waits"},
		{"virtual base's owner", "virtual_mailbox_domains = v.example\nvirtual_mailbox_base = DIR/vmail\nvirtual_uid_maps = static:54321", smtpd, func(t *testing.T, dir string) { os.Mkdir(filepath.Join(dir, "vmail"), 0o755) }, "main.cf:18: virtual_mailbox_base: DIR/vmail belongs to user"},
		{"virtual base's mode", "virtual_mailbox_domains = v.example\nvirtual_mailbox_base = DIR/vmail", smtpd, func(t *testing.T, dir string) {
			os.Mkdir(filepath.Join(dir, "vmail"), 0o755)
			os.Chmod(filepath.Join(dir, "vmail"), 0o777)
		}, "main.cf:18: virtual_mailbox_base: everybody can change what is in DIR/vmail (mode 0777); chmod o-w DIR/vmail"},
		{"password for all", "auth_backends = passwd-file:DIR/users", smtpd, write("users", 0o644, ""), "main.cf:17: auth_backends: others than its owner can read DIR/users"},
		{"certificate of all services", "tls_cert_file = DIR/cert.pem", smtpd, nil, "main.cf:17: tls_cert_file: stat DIR/cert.pem: no such file or directory; put it there, or correct tls_cert_file"},
		{"unknown transport", "default_transport = smpt", smtpd, nil, "main.cf:17: default_transport: master.cf has no service smpt that is started: mail for it waits"},
		{"unknown transport of a domain", "transport_maps = hash:DIR/transport", smtpd, write("transport", 0o644, "ok.example smtp:[192.0.2.1]\ngone.example smpt:\nhop.example :[192.0.2.1]\nbad.example error:5.1.2 no\n"), "main.cf:17: transport_maps: gone.example in DIR/transport: master.cf has no service smpt that is started"},
		{"transport that is inline", "transport_maps = inline:{a.example=nosuch:}", smtpd, nil, ""},
		{"transport of mailboxes", "mailbox_transport = lmpt:unix:private/x", smtpd, nil, "main.cf:17: mailbox_transport: master.cf has no service lmpt that is started"},
		{"known transports", "default_transport = relay\nmailbox_transport = lmtp:unix:x\nlocal_transport = error:5.1.1 nobody", smtpd + lmtp, nil, ""},
		{"relay's port", "relayhost = mail.example.net 587", smtpd, nil, "main.cf:17: relayhost: 587 is taken for a host; a port stands behind a colon, as in [mail.example.com]:587"},
		{"relay's port behind a colon", "relayhost = [mail.example.net]:587", smtpd, nil, ""},
		{"relay's address", "relayhost = mail.example.net 300.1.2.3", smtpd, nil, "main.cf:17: relayhost: 300.1.2.3 is no address, and no host can have it as its name"},
		{"network that is none", "mynetworks = 127.0.0.0/8 256.1.1.1", smtpd, nil, "main.cf:17: mynetworks: 256.1.1.1 is no address, and no host can have it as its name"},
		{"networks", "mynetworks = 127.0.0.0/8, [::1]/128, [::1], 10.1.2.3, !10.1.2.4, host.example", smtpd, nil, ""},
		{"address that is none", "inet_interfaces = 127.0.0.1, 300.1.2.3", smtpd, nil, "main.cf:17: inet_interfaces: 300.1.2.3 is no address, and no host can have it as its name; write all, loopback-only, or addresses of this host"},
		{"interface's name", "inet_interfaces = lo", smtpd, nil, "main.cf:17: inet_interfaces: lo is the name of an interface; write all, loopback-only, or addresses of this host"},
		{"somebody's address", "inet_interfaces = 192.0.2.77", smtpd, nil, "warning: main.cf:17: inet_interfaces: no interface of this host has the address 192.0.2.77"},
		{"own addresses", "inet_interfaces = 127.0.0.1", smtpd, nil, ""},
		{"service's address", "", "192.0.2.300:25 inet n - n - - smtpd\n", nil, "master.cf:1: 192.0.2.300:25 inet: 192.0.2.300 is no address"},
		{"no passwd-file", "auth_backends = passwd-file:DIR/uesrs", smtpd, nil, "warning: main.cf:17: auth_backends: DIR/uesrs is not there: nobody can log in by it"},
		{"no mailbox_command", "mailbox_command = DIR/nosuch -a \"$EXTENSION\"", smtpd, nil, "main.cf:17: mailbox_command: stat DIR/nosuch: no such file or directory: mail for users of this system cannot be delivered; install it, or correct mailbox_command"},
		{"mailbox_command of the shell", "mailbox_command = IFS=' ' && exec procmail", smtpd, nil, ""},
		{"alias loop", "", smtpd, write("aliases", 0o644, "root: ann\nann: root\n"), "DIR/aliases:1: \"root\": alias loop by ann: its mail goes back; name somebody who reads it"},
		{"no room", "queue_minfree = 9000000000000000", smtpd, func(t *testing.T, dir string) { os.Mkdir(filepath.Join(dir, "queue"), 0o755) }, "octets free, below queue_minfree (9000000000000000): no mail is taken; make room"},
		{"short line", "", smtpd + "lmtp unix - - n\n", nil, "master.cf:2: service lmtp left out: want eight fields"},
		{"mode", "", smtpd, func(t *testing.T, dir string) { os.MkdirAll(filepath.Join(dir, "queue/incoming"), 0o755) }, "DIR/queue/incoming has owner"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			main := healthy(t, dir) + strings.ReplaceAll(tt.main, "DIR", dir) + "\n"
			if err := os.WriteFile(filepath.Join(dir, "domains"), []byte("example.net\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			env, stdout, _ := environment(t, main, strings.ReplaceAll(tt.master, "DIR", dir))
			if err := os.Symlink(env.Config.Dir, filepath.Join(dir, "etc")); err != nil {
				t.Fatal(err)
			}
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			err := check(t.Context(), env, nil)
			out := strings.ReplaceAll(stdout.String(), dir, "DIR")
			if tt.want == "" {
				if err != nil {
					t.Errorf("check: %v\n%s", err, out)
				}
				return
			}
			// main.cf is in a directory of its own.
			out = strings.ReplaceAll(out, "warning: "+env.Config.Dir+"/", "warning: ")
			code := 1
			if strings.HasPrefix(tt.want, "warning: ") {
				code = 0
			}
			if exitStatus(t, err) != code || !strings.Contains(out, tt.want) {
				t.Errorf("check: %v, want a line with %q in\n%s", err, tt.want, out)
			}
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	env, _, _ := environment(t, "max_idle\n", "")
	for _, args := range [][]string{nil, {"nosuch"}, {"check", "x"}, {"queue"}} {
		env.Args = args
		if err := run(t.Context(), env); err == nil {
			t.Errorf("mailctl %q: no error", args)
		}
	}
	if !strings.Contains(help(), "queue flush [--to DOMAIN|[-n] ID...|ALL|-|FILTER]\n") {
		t.Error(help())
	}
}
