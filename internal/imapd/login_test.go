package imapd

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yubin/internal/auth"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/login"
	"yubin/internal/maillog"
)

// nobody lets nobody in, and remembers what was said.
type nobody struct{ said []string }

func (n *nobody) Mechanisms(context.Context, *auth.Facts) ([]string, error) {
	return []string{"SCRAM-SHA-256", "PLAIN"}, nil
}

func (n *nobody) Begin(ctx context.Context, m string, initial []byte, _ *auth.Facts, _ *auth.Seat) (auth.Exchange, auth.Step) {
	n.said = append(n.said, m)
	if initial == nil {
		return n, auth.Step{State: ipc.AuthGoOn}
	}
	return n, n.Next(ctx, initial)
}

func (n *nobody) Next(_ context.Context, response []byte) auth.Step {
	n.said = append(n.said, string(response))
	switch string(response) {
	case "\x00ann\x00down":
		return auth.Unavailable()
	case "\x00ann\x00off":
		return auth.Step{State: ipc.AuthFailed, Code: ipc.AuthCodeDisabled, Text: "disabled"}
	}
	return auth.Step{State: ipc.AuthFailed, Code: ipc.AuthCodeFailed, Text: "Authentication failed."}
}

func (n *nobody) Cancel() {}

func (n *nobody) HandOver(context.Context, *auth.Seat) error {
	return auth.ErrUnsupported
}

// guestOf is a connection to a login process.
func guestOf(t testing.TB, n *nobody, main ...string) (u *user, done <-chan struct{}) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(strings.Join(main, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cf, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "x", File: null})
	if err != nil {
		t.Fatal(err)
	}
	s := login.New(cf, login.Options{Protocol: protocol(cf), Entry: "imap", Log: log, Auth: n})
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer far.Close()
		s.Serve(context.Background(), far)
	}()
	t.Cleanup(func() { near.Close(); <-ended; log.Close() })
	return newUser(t, near), ended
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestLogin(t *testing.T) {
	t.Parallel()
	n := new(nobody)
	u, done := guestOf(t, n, "imapd_disable_plaintext_auth = no", "mail_name = Yubin", "login_failure_limit = 9")
	u.play(`
		S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=SCRAM-SHA-256 AUTH=PLAIN] Yubin ready.
		C: a CAPABILITY
		S: * CAPABILITY IMAP4rev1 ... AUTH=PLAIN
		S: a OK ...
		C: b STARTTLS
		S: b BAD TLS support isn't enabled.
		C: c SELECT INBOX
		S: c BAD Unknown command, or not before login
		C: d LOGIN ann
		S: d BAD ...
		C: e login "ann" " two  blanks "
		S: e NO [AUTHENTICATIONFAILED] Authentication failed.
		C: f LOGIN {3}
		S: + OK
		C+ ann
		C:  {4+}
		C+ down
		C:
		S: f NO [UNAVAILABLE] Temporary authentication failure
		C: g LOGIN ann {1000000}
		S: g BAD Literal too long
		C: h AUTHENTICATE plain ` + b64("\x00ann\x00off") + `
		S: h NO [CONTACTADMIN] disabled
		C: i AUTHENTICATE PLAIN =
		S: i NO [AUTHENTICATIONFAILED] Authentication failed.
		C: j AUTHENTICATE PLAIN
		S: + 
		C: ` + b64("hello") + `
		S: j NO [AUTHENTICATIONFAILED] Authentication failed.
		C: k AUTHENTICATE PLAIN
		S: + 
		C: *
		S: k BAD Authentication aborted by client.
		C: l AUTHENTICATE PLAIN !!!
		S: l BAD Invalid base64 data in initial response
		C: m ID ("name" "x")
		S: * ID ("name" "Yubin")
		S: m OK ID completed.
		C: n NOOP
		S: n OK NOOP completed.
		C:
		S: * BAD Expected a tag
		C: o LOGOUT
		S: * BYE Logging out
		S: o OK Logout completed.
		S: ended: EOF`)
	<-done
	want := []string{"PLAIN", "\x00ann\x00 two  blanks ", "PLAIN", "\x00ann\x00down", "PLAIN", "\x00ann\x00off", "PLAIN", "", "PLAIN", "hello", "PLAIN"}
	if strings.Join(n.said, "|") != strings.Join(want, "|") {
		t.Errorf("authd heard %q, want %q", n.said, want)
	}
}

// No password is taken where others can listen (a pipe has no address), and a
// literal with one is not asked for.
func TestNoPlaintext(t *testing.T) {
	t.Parallel()
	n := new(nobody)
	u, _ := guestOf(t, n, "imapd_hard_error_limit = 2")
	u.play(`
		S: * OK [CAPABILITY ... LOGINDISABLED AUTH=SCRAM-SHA-256] ...
		C: a LOGIN ann {3}
		S: a NO [PRIVACYREQUIRED] Plaintext authentication disallowed...
		C: b LOGIN ann {3+}
		C: abc
		S: b NO [PRIVACYREQUIRED] Plaintext authentication disallowed...
		C: c AUTHENTICATE PLAIN ` + b64("\x00a\x00b") + `
		S: c NO [PRIVACYREQUIRED] Plaintext authentication disallowed...
		C: d X
		S: d BAD ...
		C: e Y
		S: e BAD ...
		S: * BYE Too many invalid IMAP commands.
		S: ended: EOF`)
	if len(n.said) > 0 {
		t.Errorf("authd heard %q", n.said)
	}
}

// FuzzLogin: whatever a stranger says, the answers are IMAP's, the conversation
// ends with him, and nothing of it is a session.
func FuzzLogin(f *testing.F) {
	f.Add("a LOGIN ann x\r\nb CAPABILITY\r\n")
	f.Add("a AUTHENTICATE PLAIN\r\n*\r\nb AUTHENTICATE PLAIN AAAA\r\nc STARTTLS\r\n")
	f.Add("a LOGIN {3}\r\nann {3+}\r\nabc\r\nb ID (\"a\" NIL)\r\n\x00 {9+}\r\n")
	answer := regexp.MustCompile(`^(\* (OK|BAD|BYE|ID|CAPABILITY) .*|\+ .*|[!-~]+ (OK|NO|BAD) .*)$`)
	f.Fuzz(func(t *testing.T, said string) {
		u, done := guestOf(t, new(nobody), "imapd_disable_plaintext_auth = no")
		go func() {
			io.WriteString(u.c, said)
			io.WriteString(u.c, "\r\n*\r\nz LOGOUT\r\n")
			u.c.Close()
		}()
		heard, _ := io.ReadAll(u.in)
		<-done
		for line := range strings.Lines(string(heard)) {
			if line, whole := strings.CutSuffix(line, "\r\n"); whole && !answer.MatchString(line) {
				t.Errorf("%q: heard %q", said, line)
			}
		}
	})
}

// FuzzSession: whatever a client says, each line of an answer is one of IMAP's,
// the session ends with the client, and nothing panics.
func FuzzSession(f *testing.F) {
	for _, d := range dialogues {
		var said strings.Builder
		for l := range strings.Lines(d.text) {
			if c, ok := strings.CutPrefix(strings.TrimSpace(l), "C:"); ok {
				said.WriteString(strings.TrimPrefix(c, " ") + "\r\n")
			}
		}
		f.Add(said.String())
	}
	f.Fuzz(func(t *testing.T, said string) {
		r := newRig(t)
		r.srv.appendLimit = 1 << 10
		r.deliver("", "1.h", letter)
		u := r.connect()
		heard := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(u.in)
			heard <- b
		}()
		io.WriteString(u.c, said)
		u.c.Close()
		if b := <-heard; strings.Contains(string(b), "[SERVERBUG]") {
			t.Errorf("%q: heard %q", said, b)
		}
	})
}
