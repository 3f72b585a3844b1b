package pop3d

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
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
func guestOf(t testing.TB, n *nobody, main ...string) (c net.Conn, done <-chan struct{}) {
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
	s := login.New(cf, login.Options{Protocol: protocol(cf), Entry: "pop3", Log: log, Auth: n})
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer far.Close()
		s.Serve(context.Background(), far)
	}()
	t.Cleanup(func() { near.Close(); <-ended; log.Close() })
	return near, ended
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuthorization(t *testing.T) {
	t.Parallel()
	n := new(nobody)
	c, done := guestOf(t, n, "pop3d_disable_plaintext_auth = no", "mail_name = Yubin", "login_failure_limit = 7")
	play(t, c, `
		S: +OK Yubin ready.
		C: CAPA
		S: +OK Capability list follows
		S: CAPA
		S: TOP
		S: UIDL
		S: RESP-CODES
		S: PIPELINING
		S: AUTH-RESP-CODE
		S: EXPIRE NEVER
		S: LOGIN-DELAY 0
		S: UTF8 USER
		S: LANG
		S: USER
		S: SASL SCRAM-SHA-256 PLAIN
		S: IMPLEMENTATION Yubin
		S: .
		C: STLS
		S: -ERR TLS support isn't enabled.
		C: STAT
		S: -ERR Unknown command.
		C: PASS x
		S: -ERR No username given.
		C: USER
		S: -ERR No user name.
		C: user ann
		S: +OK
		C: pass  two  blanks 
		S: -ERR [AUTH] Authentication failed.
		C: PASS again
		S: -ERR No username given.
		C: AUTH
		S: +OK
		S: SCRAM-SHA-256
		S: PLAIN
		S: .
		C: AUTH plain `+b64("\x00ann\x00down")+`
		S: -ERR [SYS/TEMP] Temporary authentication failure
		C: AUTH PLAIN `+b64("\x00ann\x00off")+`
		S: -ERR [SYS/PERM] disabled
		C: AUTH PLAIN =
		S: -ERR [AUTH] Authentication failed.
		C: AUTH PLAIN
		S: + 
		C: `+b64("hello")+`
		S: -ERR [AUTH] Authentication failed.
		C: AUTH PLAIN 
		S: + 
		C: *
		S: -ERR Authentication aborted by client.
		C: AUTH PLAIN
		S: + 
		C: `+strings.Repeat("A", loginLine+1)+`
		S: -ERR Authentication aborted by client.
		C: AUTH PLAIN !!!
		S: -ERR Invalid base64 data in initial response
		C: UTF8
		S: +OK UTF8 enabled
		C: STLS
		S: -ERR TLS support isn't enabled.
		C: NOOP
		S: +OK
		C: LANG en
		S: +OK en English it is
		C: QUIT
		S: +OK Logging out`)
	<-done
	want := []string{"PLAIN", "\x00ann\x00 two  blanks ", "PLAIN", "\x00ann\x00down", "PLAIN", "\x00ann\x00off", "PLAIN", "", "PLAIN", "hello", "PLAIN", "PLAIN"}
	if strings.Join(n.said, "|") != strings.Join(want, "|") {
		t.Errorf("authd heard %q, want %q", n.said, want)
	}
}

// No password is taken where others can listen (a pipe has no address).
func TestNoPlaintext(t *testing.T) {
	t.Parallel()
	n := new(nobody)
	c, _ := guestOf(t, n, "pop3d_hard_error_limit = 2")
	play(t, c, `
		S: +OK ...
		C: USER ann
		S: -ERR [AUTH] Plaintext authentication disallowed...
		C: AUTH PLAIN `+b64("\x00a\x00b")+`
		S: -ERR [AUTH] Plaintext authentication disallowed...
		C: AUTH
		S: +OK
		S: SCRAM-SHA-256
		S: .
		C: X
		S: -ERR Unknown command.
		C: Y
		S: -ERR Unknown command.
		S: -ERR Too many invalid commands.`)
	if len(n.said) > 0 {
		t.Errorf("authd heard %q", n.said)
	}
}

// FuzzLogin: whatever a stranger says, the answers are POP3's, the conversation
// ends with him, and nothing of it is a session.
func FuzzLogin(f *testing.F) {
	f.Add("USER ann\r\nPASS x\r\nCAPA\r\n")
	f.Add("AUTH PLAIN\r\n*\r\nAUTH PLAIN AAAA\r\nAUTH\r\nSTLS\r\n")
	f.Add("UTF8\r\nLANG *\r\n" + strings.Repeat("x", 20000) + "\r\n\x00\r\n")
	f.Fuzz(func(t *testing.T, said string) {
		c, done := guestOf(t, new(nobody), "pop3d_disable_plaintext_auth = no")
		go func() {
			io.WriteString(c, said)
			io.WriteString(c, "\r\nQUIT\r\n*\r\nQUIT\r\n")
			<-done
			c.Close()
		}()
		heard, _ := io.ReadAll(c)
		<-done
		for line := range bytes.Lines(heard) {
			if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.Contains(line, []byte("Logged in")) {
				t.Errorf("heard %q", line)
			}
		}
	})
}
