package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// Values that only the program which reads them can judge: mailctl check finds
// each, in the words in which the program says it when it is to start, and the
// program ends with the status for a wrong configuration (EX_CONFIG).
func TestWrongValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		program, main, master string
		want                  string // behind the file
	}{
		{"smtpd", "smtpd_recipient_restrictions = permit_mynetworks, rejekt", "", "main.cf:LINE: smtpd_recipient_restrictions: restriction \"rejekt\" is not known"},
		{"smtpd", "smtpd_client_event_limit_exceptions = hash:", "", "main.cf:LINE: smtpd_client_event_limit_exceptions: "},
		{"smtp", "smtp_helo_name = two words", "", "main.cf:LINE: smtp_helo_name: want a host name or an address in brackets, have \"two words\""},
		{"smtp", "smtp_tls_policy_maps = nosuch:x", "", "main.cf:LINE: smtp_tls_policy_maps: "},
		{"smtp", "smtp_sasl_auth_enable = yes", "", "smtp_sasl_password_maps (default): it is empty, but smtp_sasl_auth_enable wants passwords"},
		{"smtp", "", "lmtp unix - - n - - lmtp -o lmtp_bind_address=nowhere", "master.cf:LINE: -o lmtp_bind_address: want an address of that protocol, have \"nowhere\""},
		{"qmgr", "authorized_flush_users = hash:", "", "main.cf:LINE: authorized_flush_users: "},
		{"local", "virtual_uid_maps = nosuch:x", "", "main.cf:LINE: virtual_uid_maps: "},
		{"authd", "smtp_sasl_password_maps = nosuch:x", "", "main.cf:LINE: smtp_sasl_password_maps: a table in it cannot be used"},
	} {
		t.Run(c.program+" "+c.main+c.master, func(t *testing.T) {
			t.Parallel()
			o := instance.Options{Stopped: true}
			if c.main != "" {
				o.Main = []string{c.main}
			}
			if c.master != "" {
				o.Master = []string{c.master}
			}
			i := instance.New(t, o)
			check := i.Mailctl("check")
			found := ""
			for line := range strings.Lines(check.Stdout) {
				head, rest, _ := strings.Cut(c.want, "LINE")
				if strings.Contains(line, head) && strings.Contains(line, rest) {
					found += line
				}
			}
			if check.Code != 1 || strings.Count(found, "\n") != 1 {
				t.Errorf("mailctl check: %+v; want one line with %q", check, c.want)
			}
			if c.main == "" {
				return
			}
			r := i.Run("", c.program, "-c", i.Etc(), "--check")
			if _, rest, _ := strings.Cut(c.want, "LINE"); r.Code != 78 || r.Stdout != "" || !strings.Contains(r.Stderr, rest) {
				t.Errorf("%s --check: %+v", c.program, r)
			}
		})
	}
}

// A service with a wrong value says so in the log, and how it ended.
func TestWrongValueAtStart(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"smtp_helo_name = two words"}})
	i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
	i.WaitLog("postfix/smtp[", "fatal: ", "smtp_helo_name: want a host name")
	i.WaitLog("postfix/master[", "smtp", "exit status 78")
}
