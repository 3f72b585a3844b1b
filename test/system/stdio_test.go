package system

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// sendmailBS runs "sendmail -bs" and holds a dialogue: lines, each with the reply
// that is waited for before the next, as Symfony's and other mailers' transports do.
func sendmailBS(t *testing.T, i *instance.Instance, dialogue [][2]string) {
	t.Helper()
	c := exec.Command(filepath.Join(i.Bin, "sendmail"), "-C", i.Etc(), "-bs", "-i")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for _, step := range dialogue {
		if step[0] != "" {
			if _, err := io.WriteString(in, step[0]); err != nil {
				t.Fatal(err)
			}
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("after %q: %q, %v", step[0], line, err)
			}
			if len(line) > 3 && line[3] == '-' {
				continue
			}
			if !strings.HasPrefix(line, step[1]) || !strings.HasSuffix(line, "\r\n") {
				t.Fatalf("after %q: %q, want %q", step[0], line, step[1])
			}
			break
		}
	}
	in.Close()
	if err := c.Wait(); err != nil {
		t.Errorf("sendmail -bs: %v", err)
	}
}

// "sendmail -bs" takes letters of local programs, several in a session, whether or not
// the mail system runs.
func TestSendmailBS(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{
		"smtpd_recipient_restrictions = reject", "smtpd_tls_security_level = encrypt", "smtpd_helo_required = yes",
		"smtpd_relay_restrictions = reject",
	}})
	letter := [][2]string{
		{"MAIL FROM:<alice@example.test>\r\n", "250 2.1.0 Ok"},
		{"RCPT TO:<bob@example.test>\r\n", "250 2.1.5 Ok"},
		{"RCPT TO:<x@y@example.test>\r\n", "501 "},
		{"DATA\r\n", "354 "},
		{"Subject: one\r\nTo: bob@example.test\r\n\r\n..dots\r\nM\xc3\xbcll\r\n.\r\n", "250 2.0.0 Ok: queued"},
	}
	dialogue := [][2]string{{"", "220 "}, {"EHLO [127.0.0.1]\r\n", "250 LIMITS RCPTMAX=1000"}}
	dialogue = append(dialogue, letter...)
	dialogue = append(dialogue, letter...)
	dialogue = append(dialogue, [2]string{"XCLIENT ADDR=192.0.2.1\r\n", "550 5.7.0"}, [2]string{"QUIT\r\n", "221 2.0.0 Bye"})
	sendmailBS(t, i, dialogue)
	for _, content := range i.WaitMail("bob", 2) {
		if !strings.Contains(content, "\n.dots\nM\xc3\xbcll\n") || !strings.Contains(content, "Subject: one\n") || !strings.Contains(content, "Received: by ") ||
			!strings.Contains(content, "\nMessage-Id: <") || strings.Contains(content, "127.0.0.1") {
			t.Errorf("the letter:\n%s", content)
		}
	}
	i.Stop()
	sendmailBS(t, i, dialogue)
	i.Start()
	i.WaitMail("bob", 4)
}

// A dialogue that comes all at once, with LF alone, is understood: people and scripts write
// that.
func TestSendmailBSScript(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	r := i.Run("HELO me\nMAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\nSubject: two\n\ntext\n.\nQUIT\n", "sendmail", "-C", i.Etc(), "-bs")
	if r.Code != 0 || r.Stderr != "" || !strings.HasPrefix(r.Stdout, "220 ") || !strings.Contains(r.Stdout, "\r\n250 2.0.0 Ok: queued\r\n221 2.0.0 Bye\r\n") {
		t.Errorf("sendmail -bs: %+v", r)
	}
	if letter := instance.One(t, i.WaitMail("bob", 1)); !strings.Contains(letter, "Subject: two\n") || !strings.HasSuffix(letter, "\n\ntext\n") {
		t.Errorf("the letter:\n%s", letter)
	}
	r = i.Run("", "sendmail", "-C", i.Etc(), "-bs", "bob@example.test")
	if r.Code != 64 {
		t.Errorf("with a recipient: %+v", r)
	}
}
