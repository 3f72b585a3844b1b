package mailctl

import (
	"strings"
	"testing"
)

// Where local mail goes that nothing sends elsewhere, and which parameter says so.
func TestRouteFinal(t *testing.T) {
	t.Parallel()
	const usual = `myhostname = mx.example.test
mydestination = $myhostname
local_recipient_maps =
alias_maps =
forward_path =
recipient_delimiter = +
resolver_addresses = 127.0.0.1:1
`
	const master = `local unix - n n - - local
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
cyrus unix - n n - - pipe user=nobody argv=/bin/true
`
	for name, c := range map[string]struct {
		main string
		to   string
		code int
		want []string // lines, in order, among others
	}{
		"spool":         {"mail_spool_directory = /var/mail", "daemon", 0, []string{"by         mail_spool_directory", "mailbox    /var/mail/daemon, an mbox file of daemon"}},
		"home":          {"home_mailbox = Maildir/", "root", 0, []string{"by         home_mailbox", "mailbox    /root/Maildir/, a Maildir of uid 0"}},
		"mbox at home":  {"home_mailbox = mail/in", "root", 0, []string{"by         home_mailbox", "mailbox    /root/mail/in, an mbox file of root"}},
		"command":       {"mailbox_command = /usr/bin/procmail", "daemon+x", 0, []string{"command    /usr/bin/procmail, with the rights of daemon, by mailbox_command"}},
		"unknown":       {"", "zoe", 1, []string{`goes back  unknown user: "zoe"`}},
		"transport":     {"mailbox_transport = lmtp:unix:private/lmtp\nmailbox_command = /bin/x", "zoe+x", 0, []string{"handed to  lmtp:unix:private/lmtp, by mailbox_transport", "service    lmtp, CONF/master.cf line 3, by smtp(8)", "socket     private/lmtp"}},
		"a program":     {"mailbox_transport_maps = inline:{ {daemon=cyrus} }", "daemon", 0, []string{"handed to  cyrus, by mailbox_transport_maps inline:{ {daemon=cyrus} }", "service    cyrus, CONF/master.cf line 4, by pipe(8)"}},
		"no service":    {"mailbox_transport = gone:", "daemon", 1, []string{"waits      master.cf has no service gone that is started"}},
		"circle":        {"mailbox_transport = local:", "daemon", 1, []string{"waits      mail transports hand the recipient on in a circle"}},
		"fallback":      {"fallback_transport = smtp:[127.0.0.9]\nluser_relay = x@y", "zoe", 0, []string{"handed to  smtp:[127.0.0.9], by fallback_transport", "host       [127.0.0.9]"}},
		"fallback ends": {"fallback_transport = error:5.1.6 moved", "zoe", 1, []string{"goes back  5.1.6 moved"}},
		"luser_relay":   {"luser_relay = $user+lost@mx.example.test\nlocal_transport = local\nmail_spool_directory = /var/mail\nvirtual_alias_maps = inline:{ {zoe+lost@mx.example.test=daemon} }", "zoe", 0, []string{"goes to    zoe+lost@mx.example.test, by luser_relay", "follow     zoe+lost@mx.example.test", "mailbox    /var/mail/daemon, an mbox file of daemon"}},
		"no address":    {"luser_relay = |/bin/x", "zoe", 1, []string{"waits      luser_relay is not an address: "}},
		"no table":      {"mailbox_command_maps = fail:x", "daemon", 1, []string{"waits      mailbox_command_maps: lookup failed: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, stdout, _ := environment(t, usual+c.main+"\n", master)
			env.Args = []string{"route", c.to + "@mx.example.test"}
			code := exitStatus(t, run(t.Context(), env))
			out := strings.ReplaceAll(stdout.String(), env.Config.Dir, "CONF")
			rest := out
			for _, line := range c.want {
				var ok bool
				if _, rest, ok = strings.Cut(rest, line); !ok {
					t.Errorf("want the line %q, in its place, in\n%s", line, out)
				}
			}
			if code != c.code {
				t.Errorf("exit status %d, want %d\n%s", code, c.code, out)
			}
		})
	}
}
