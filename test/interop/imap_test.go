//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var imapWays = []way{{"plain", "1143", false, false}, {"STARTTLS", "1143", true, false}, {"TLS", "1993", false, true}}

// imapClients put a letter with the subject "put" into INBOX, mark it as flagged,
// and return the text of what lies there.
var imapClients = map[string]func(t *testing.T, dir, host string, w way) string{
	"curl": func(t *testing.T, dir, host string, w way) string {
		url := "imap://" + host + ":" + w.port + "/INBOX"
		flags := []string{"curl", "-sS", "-k", "--user", popUser + ":" + popSecret}
		if w.tls {
			url = "imaps://" + host + ":" + w.port + "/INBOX"
		}
		if w.stls {
			flags = append(flags, "--ssl-reqd")
		}
		file := filepath.Join(dir, "put")
		if err := os.WriteFile(file, []byte("Subject: put\r\n\r\ntext\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		succeed(t, "", append(flags, "-T", file, url)...)
		found := strings.Fields(succeed(t, "", append(flags, url+"?SUBJECT%20put")...))
		if len(found) < 3 || found[0] != "*" || found[1] != "SEARCH" {
			t.Fatalf("SEARCH says %q", found)
		}
		succeed(t, "", append(flags, "-X", `STORE `+found[2]+` +FLAGS (\Flagged)`, url)...)
		return succeed(t, "", append(flags, url+";MAILINDEX="+found[2])...)
	},
	"imaplib": func(t *testing.T, dir, host string, w way) string {
		return succeed(t, fmt.Sprintf(`
import imaplib, ssl, sys, time
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
m = imaplib.IMAP4_SSL(%[1]q, %[2]s, ssl_context=c) if %[4]d else imaplib.IMAP4(%[1]q, %[2]s)
if %[3]d: m.starttls(c)
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
ok(m.login(%[5]q, %[6]q))
ok(m.create('Work/Deep')); ok(m.subscribe('Work/Deep'))
assert any(b'Work/Deep' in l for l in ok(m.lsub()))
when = imaplib.Time2Internaldate(1000000000)
ok(m.append('INBOX', None, when, b'Subject: put\r\n\r\ntext\r\n'))
n = int(ok(m.select('INBOX'))[0])
assert ok(m.search(None, 'SUBJECT', 'put'))[0].split()[-1] == b'%%d' %% n
assert ok(m.sort('REVERSE DATE', 'UTF-8', 'ALL')) and ok(m.thread('REFERENCES', 'UTF-8', 'ALL'))
ok(m.store(str(n), '+FLAGS', '\\Flagged'))
answer = ok(m.fetch(str(n), '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY[])'))
head, text = answer[0]
assert b'\\Flagged' in head + answer[1], answer
assert time.mktime(imaplib.Internaldate2tuple(head)) == 1000000000, head
ok(m.copy(str(n), 'Work/Deep'))
assert b'MESSAGES 1' in ok(m.status('Work/Deep', '(MESSAGES UNSEEN)'))[0]
ok(m.select('Work/Deep')); ok(m.store('1', '+FLAGS', '\\Deleted')); assert ok(m.expunge()) == [b'1']
ok(m.close()); ok(m.unsubscribe('Work/Deep')); ok(m.delete('Work/Deep'))
m.logout()
sys.stdout.write(text.decode())
`, host, w.port, bit(w.stls), bit(w.tls), popUser, popSecret), "python3", "-")
	},
	"mbsync": func(t *testing.T, dir, host string, w way) string {
		local := filepath.Join(dir, "local")
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(local, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(local, "cur", "1.x:2,F"), []byte("Subject: put\n\ntext\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		rc := fmt.Sprintf("IMAPAccount a\nHost %s\nPort %s\nUser %s\nPass %s\nSSLType None\n\nIMAPStore r\nAccount a\n\n"+
			"MaildirStore l\nInbox %s\n\nChannel c\nFar :r:\nNear :l:\nSync All\nExpunge Both\nSyncState *\n",
			host, w.port, popUser, popSecret, local)
		file := filepath.Join(dir, "rc")
		if err := os.WriteFile(file, []byte(rc), 0o600); err != nil {
			t.Fatal(err)
		}
		succeed(t, "", "mbsync", "-c", file, "c")
		succeed(t, "", "mbsync", "-c", file, "c") // finds nothing to do
		return "Subject: put\n\ntext\n"
	},
}

// Clients that people use put letters into a mailbox, mark them, and read them,
// in the clear, with STARTTLS and with TLS.
func TestIMAPClients(t *testing.T) {
	t.Parallel()
	for name, client := range imapClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, w := range imapWays {
				if name == "mbsync" && (w.stls || w.tls) {
					continue // it wants a certificate for an address
				}
				home := newShared(t).dir
				_, host := mailServer(t, home, "imapd", ":1143", ":1993")
				text := strings.ReplaceAll(client(t, t.TempDir(), host, w), "\r", "")
				if text != "Subject: put\n\ntext\n" {
					t.Errorf("%s: got %q", w.name, text)
				}
				files, _ := filepath.Glob(filepath.Join(home, "Maildir", "cur", "*:2,F*"))
				if len(files) != 1 {
					all, _ := filepath.Glob(filepath.Join(home, "Maildir", "*", "*"))
					t.Errorf("%s: not one flagged letter: %q", w.name, all)
				}
			}
		})
	}
}
