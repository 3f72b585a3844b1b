package dovecotauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/auth"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

func discard(t *testing.T) *maillog.Logger {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtpd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// A service is an auth service of this test, which plays lines.
type service struct {
	t    *testing.T
	l    net.Listener
	play func(c net.Conn)
	wg   sync.WaitGroup
}

func newService(t *testing.T, play func(c net.Conn)) (*service, auth.Server) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, l: l, play: play}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { defer c.Close(); s.play(c) })
		}
	})
	t.Cleanup(func() { l.Close() })
	return s, New("unix", path, discard(t))
}

const greeting = "VERSION\t1\t2\nMECH\tLOGIN\tplaintext\nMECH\tPLAIN\tplaintext\nMECH\tGSSAPI\tprivate\nMECH\tSCRAM-SHA-256\tmutual-auth\n" +
	"MECH\tEXTERNAL\nMECH\tSCRAM-SHA-256-PLUS\nMECH\tNEW\nSPID\t7\nCUID\t1\nCOOKIE\tff\nDONE\n"

// The lines that are exchanged, as the protocol's documentation has them.
func TestClient(t *testing.T) {
	t.Parallel()
	said := make(chan string, 10)
	_, server := newService(t, func(c net.Conn) {
		io.WriteString(c, greeting)
		r := newReader(c)
		for {
			w, err := readLine(r)
			if err != nil {
				return
			}
			if w[0] == "VERSION" || w[0] == "CPID" {
				continue
			}
			said <- strings.Join(w, " ")
			w = append(w, "") // CANCEL has two
			answer := map[string]string{
				"PLAIN":         "OK\t%s\tuser=bob@example.com\textra=1",
				"LOGIN":         "CONT\t%s\tVXNlcm5hbWU6",
				"CRAM-MD5":      "FAIL\t%s\tuser=bob\treason=Authentication failed",
				"SCRAM-SHA-256": "FAIL\t%s\ttemp",
				"XOAUTH2":       "FAIL\t%s\tuser=bob\tcode=user_disabled",
				"GSSAPI":        "SOMETHING\t%[1]s\nFAIL\t%[1]s\tpass_expired",
			}[w[2]]
			if w[0] == "CONT" {
				answer = "CONT\t%s\t"
			}
			if answer != "" {
				fmt.Fprintf(c, answer+"\n", w[1])
			}
		}
	})
	facts := &auth.Facts{Service: "smtp", Client: "192.0.2.10", Port: 4242, Local: "192.0.2.1", LPort: 25, Session: "a\tb", TLS: &ipc.TLSFacts{SNI: "mx.example.com", CertName: "bob"}}
	ctx := t.Context()
	if m, err := server.Mechanisms(ctx, facts); err != nil || !slices.Equal(m, []string{"SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN", "NEW"}) {
		t.Errorf("got %q, %v", m, err)
	}
	plain := &auth.Facts{Service: "smtp", Client: "192.0.2.10"}
	if m, err := server.Mechanisms(ctx, plain); err != nil || slices.Contains(m, "EXTERNAL") {
		t.Errorf("without a certificate: got %q, %v", m, err)
	}
	for _, c := range []struct {
		mechanism string
		initial   []byte
		facts     *auth.Facts
		step      auth.Step
		said      string
	}{
		{"PLAIN", []byte("x"), facts, auth.Step{State: ipc.AuthOK, User: "bob@example.com"},
			"PLAIN service=smtp rip=192.0.2.10 rport=4242 lip=192.0.2.1 lport=25 session=a\x01tb secured=tls local_name=mx.example.com valid-client-cert cert_username=bob resp=eA=="},
		{"LOGIN", nil, plain, auth.Step{State: ipc.AuthGoOn, Challenge: []byte("Username:")}, "LOGIN service=smtp rip=192.0.2.10"},
		{"CRAM-MD5", []byte{}, plain, auth.Step{State: ipc.AuthFailed, User: "bob", Code: ipc.AuthCodeFailed, Text: "Authentication failed"}, "CRAM-MD5 service=smtp rip=192.0.2.10 resp="},
		{"SCRAM-SHA-256", nil, plain, auth.Unavailable(), ""},
		{"XOAUTH2", nil, plain, auth.Step{State: ipc.AuthFailed, User: "bob", Code: ipc.AuthCodeDisabled}, ""},
		{"GSSAPI", nil, plain, auth.Step{State: ipc.AuthFailed, Code: ipc.AuthCodeExpired}, ""},
	} {
		x, step := server.Begin(ctx, c.mechanism, c.initial, c.facts, nil)
		if !reflect.DeepEqual(step, c.step) {
			t.Errorf("%s: got %+v, want %+v", c.mechanism, step, c.step)
		}
		_, line, _ := strings.Cut(<-said, " ")
		_, line, _ = strings.Cut(line, " ")
		if c.said != "" && line != c.said {
			t.Errorf("%s: said %q, want %q", c.mechanism, line, c.said)
		}
		switch c.mechanism {
		case "LOGIN":
			if step := x.Next(ctx, []byte("bob")); step.State != ipc.AuthGoOn || len(step.Challenge) != 0 {
				t.Errorf("got %+v", step)
			}
			if line := <-said; !strings.HasPrefix(line, "CONT ") || !strings.HasSuffix(line, " Ym9i") {
				t.Errorf("said %q", line)
			}
			x.Cancel()
			if line := <-said; !strings.HasPrefix(line, "CANCEL ") {
				t.Errorf("said %q", line)
			}
		case "PLAIN":
			if err := x.HandOver(ctx, new(auth.Seat)); !errors.Is(err, auth.ErrUnsupported) {
				t.Errorf("handed over: %v", err)
			}
		}
	}
}

// A server that does not speak the protocol is one that cannot be reached.
func TestBadServers(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"another version": "VERSION\t2\t0\nDONE\n",
		"no version":      "VERSION\n",
		"hangs up":        "VERSION\t1\t2\n",
		"endless lines":   strings.Repeat("MECH\tPLAIN\n", mostLines),
		"an endless line": strings.Repeat("x", maxLine+1),
		"a bad reply":     greeting + "OK\tx\n",
		"nobody":          greeting + "OK\t1\n",
	} {
		_, server := newService(t, func(c net.Conn) {
			go io.WriteString(c, says)
			if strings.HasSuffix(says, "\t2\n") {
				return
			}
			io.Copy(io.Discard, c)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if _, step := server.Begin(ctx, "PLAIN", nil, &auth.Facts{Service: "smtp"}, nil); step.State != ipc.AuthTempFail {
			t.Errorf("%s: got %+v", name, step)
		}
		cancel()
	}
	server := New("unix", filepath.Join(t.TempDir(), "nothing"), discard(t))
	if _, err := server.Mechanisms(t.Context(), &auth.Facts{}); err == nil {
		t.Error("mechanisms of nobody")
	}
}

// What one side writes the other reads.
func TestBothSides(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(line("VERSION", "1", "1") + line("CPID", "9"))
	requests := []*ipc.AuthRequest{
		{Op: ipc.AuthBegin, Exchange: 1, Mechanism: "PLAIN", Initial: true, Response: []byte("\x00bob\x00x"), Facts: &ipc.AuthFacts{
			Service: "smtp", Client: "2001:db8::1", Port: 1, Local: "2001:db8::2", LPort: 587, Session: "a=b\t\x01\x00\r\n", TLS: &ipc.TLSFacts{SNI: "x", CertName: "bob"}}},
		{Op: ipc.AuthBegin, Exchange: 1<<32 - 1, Mechanism: "LOGIN", Response: []byte{}, Facts: &ipc.AuthFacts{Service: "imap"}},
		{Op: ipc.AuthContinue, Exchange: 2, Response: []byte("x")},
		{Op: ipc.AuthCancel, Exchange: 3},
	}
	for _, q := range requests {
		switch q.Op {
		case ipc.AuthBegin:
			b.WriteString(writeBegin(q))
		case ipc.AuthContinue:
			b.WriteString(line("CONT", writeID(q.Exchange), writeData(q.Response)))
		default:
			b.WriteString(line("CANCEL", writeID(q.Exchange)) + line("LATER", "x"))
		}
	}
	r := NewReader(&b)
	for i, want := range requests {
		if got, err := r.Next(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("request %d: got %+v, %v, want %+v", i, got, err, want)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	u := auth.Unavailable()
	for _, want := range []*ipc.AuthReply{
		{Exchange: 1, State: ipc.AuthOK, User: "bob\t\n"},
		{Exchange: 2, State: ipc.AuthGoOn, Challenge: []byte("x")},
		{Exchange: 3, State: ipc.AuthFailed, User: "bob", Code: ipc.AuthCodeFailed},
		{Exchange: 3, State: ipc.AuthFailed, Code: ipc.AuthCodeDisabled},
		{Exchange: 3, State: ipc.AuthFailed, Code: ipc.AuthCodeExpired},
		{Exchange: 3, State: ipc.AuthFailed, Code: ipc.AuthCodeAuthz},
		{Exchange: 3, State: ipc.AuthFailed, Code: ipc.AuthCodeMalformed},
		{Exchange: 4, State: ipc.AuthTempFail, Code: u.Code, Text: u.Text},
	} {
		got, err := readReply(strings.Split(strings.TrimSuffix(Reply(want), "\n"), "\t"))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if g := Greeting([]string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256"}, 3); !strings.HasPrefix(g, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\tdictionary\tactive\nMECH\tCRAM-MD5\tdictionary\tactive\nMECH\tSCRAM-SHA-256\tdictionary\tmutual-auth\nSPID\t") || !strings.HasSuffix(g, "\nDONE\n") {
		t.Errorf("got %q", g)
	}
}

func TestParsePlace(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"private/auth", "unix", "/q/private/auth"}, {"/run/auth", "unix", "/run/auth"}, {"unix:/run/auth", "unix", "/run/auth"},
		{"unix:private/auth", "unix", "/q/private/auth"},
		{"inet:auth.test:12345", "tcp", "auth.test:12345"}, {"inet:[::1]:1", "tcp", "[::1]:1"}, {"inet:12345", "tcp", "127.0.0.1:12345"},
		{"", "", ""}, {"inet:", "", ""}, {"inet:a:", "", ""}, {"inet:::1:1", "", ""}, {"unix:", "", ""},
	} {
		network, address, err := ParsePlace(c[0], "/q")
		if network != c[1] || address != c[2] || (err != nil) != (c[1] == "") {
			t.Errorf("%q: got %s %s, %v", c[0], network, address, err)
		}
	}
}

// FuzzRequests: a client may say anything: it is understood or an error without
// anything of it, and what is understood has a mechanism and facts.
func FuzzRequests(f *testing.F) {
	f.Add([]byte("VERSION\t1\t1\nCPID\t1\nAUTH\t1\tPLAIN\tservice=smtp\tresp=AGJvYgB4\nCONT\t1\teA==\nCANCEL\t1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for {
			q, err := r.Next()
			if err != nil {
				if strings.Contains(err.Error(), "AGJvYgB4") {
					t.Fatal("the error has a response")
				}
				return
			}
			if q.Exchange >= 1<<32 || q.Op == ipc.AuthBegin && (q.Facts == nil || q.Facts.Service == "") {
				t.Fatalf("got %+v", q)
			}
		}
	})
}

// FuzzReplies: a server may say anything: it is a reply to an exchange, or
// passed over, or an error; only OK with a user is success.
func FuzzReplies(f *testing.F) {
	f.Add("OK\t1\tuser=bob")
	f.Add("FAIL\t1\ttemp")
	f.Add("CONT\t1\t" + base64.StdEncoding.EncodeToString([]byte("x")))
	f.Fuzz(func(t *testing.T, s string) {
		s, _, _ = strings.Cut(s, "\n")
		r, err := readReply(strings.Split(s, "\t"))
		if err == nil && r != nil && (r.State == ipc.AuthOK) != (strings.HasPrefix(s, "OK\t") && r.User != "") {
			t.Fatalf("%q: got %+v", s, r)
		}
	})
}
