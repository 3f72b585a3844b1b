package login

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/auth"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/proxyproto"
	"yubin/internal/sock"
	"yubin/test/peer"
)

// A fakeAuth lets in whoever says "ann", and plays the session process.
type fakeAuth struct {
	mu    sync.Mutex // guards what follows
	ack   string     // what is said in place of a session; "": the ack; "-": the end
	conns []net.Conn // sessions
	start ipc.AuthSessionStart

	during func() // happens while a login is being decided; nil: nothing
}

func (a *fakeAuth) Mechanisms(context.Context, *auth.Facts) ([]string, error) {
	return []string{"SCRAM-SHA-256", "PLAIN"}, nil
}

func (a *fakeAuth) Begin(_ context.Context, m string, initial []byte, _ *auth.Facts, seat *auth.Seat) (auth.Exchange, auth.Step) {
	x := &fakeExchange{a}
	a.mu.Lock()
	during := a.during
	a.mu.Unlock()
	if during != nil {
		during()
	}
	switch {
	case m == "EXTERNAL": // nobody knows what became of it
		if string(initial) == "ann" {
			x.HandOver(context.Background(), seat)
		}
		step := auth.Unavailable()
		step.Seated = true
		return x, step
	case m == "PLAIN" && seat != nil:
		step := x.Next(context.Background(), initial)
		if step.State == ipc.AuthOK && len(step.Challenge) == 0 {
			step.Seated = x.HandOver(context.Background(), seat) == nil
			seat.Await()
		}
		return x, step
	case m == "DOWN":
		return x, auth.Unavailable()
	case initial == nil:
		return x, auth.Step{State: ipc.AuthGoOn, Challenge: []byte("who?")}
	}
	return x, x.Next(context.Background(), initial)
}

type fakeExchange struct{ a *fakeAuth }

func (x *fakeExchange) Next(_ context.Context, response []byte) auth.Step {
	switch string(response) {
	case "ann":
		return auth.Step{State: ipc.AuthOK, User: "ann"}
	case "last word":
		return auth.Step{State: ipc.AuthOK, User: "ann", Challenge: []byte("v=proof")}
	}
	return auth.Step{State: ipc.AuthFailed, User: string(response), Code: ipc.AuthCodeFailed, Text: "no"}
}

func (x *fakeExchange) Cancel() {}

func (x *fakeExchange) HandOver(_ context.Context, seat *auth.Seat) error {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	x.a.start = seat.Start
	said := x.a.ack
	if said == "" {
		fd, err := unix.Dup(int(seat.Conn))
		if err != nil {
			return err
		}
		c, err := sock.Adopt(fd, nil, nil)
		if err != nil {
			return err
		}
		x.a.conns = append(x.a.conns, c)
		b, _ := json.Marshal(ipc.SessionAck{PID: 77})
		said = string(b)
	}
	if said == "-" {
		return nil
	}
	return seat.Ack.Reply([]byte(said))
}

func (a *fakeAuth) session(t *testing.T) net.Conn {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.conns) == 0 {
		t.Fatal("there is no session")
	}
	return a.conns[len(a.conns)-1]
}

// fakeTLS is TLS with a certificate of the test's.
type fakeTLS struct {
	config            *tls.Config
	wrapper, required bool
}

func (f *fakeTLS) Wrapper() bool                { return f.wrapper }
func (f *fakeTLS) Offered(context.Context) bool { return true }
func (f *fakeTLS) Required() bool               { return f.required }

func (f *fakeTLS) Handshake(ctx context.Context, raw net.Conn) (net.Conn, *ipc.TLSFacts, error) {
	c := tls.Server(raw, f.config)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	return c, &ipc.TLSFacts{Version: "TLSv1.3"}, nil
}

// dialogue is a protocol of "TLS", "LOGIN mechanism [response]" and "BYE".
func dialogue(ctx context.Context, c *Client) string {
	c.Printf("hello\r\n")
	for {
		line, err := c.Next(ctx, 1000)
		if err != nil {
			return c.Why(ctx, err)
		}
		words := strings.Fields(string(line))
		switch {
		case len(words) == 1 && words[0] == "TLS":
			c.Printf("go\r\n")
			if err := c.StartTLS(ctx); err != nil {
				return ""
			}
		case len(words) >= 2 && words[0] == "LOGIN":
			var initial []byte
			if len(words) > 2 {
				initial = []byte(strings.Join(words[2:], " "))
			}
			r, err := c.Login(ctx, words[1], initial, Start{Tag: "t"}, func(challenge []byte) ([]byte, error) {
				c.Printf("? %s\r\n", challenge)
				line, err := c.Next(ctx, 1000)
				if string(line) == "*" {
					return nil, ErrCancelled
				}
				return []byte(string(line)), err
			})
			switch {
			case err != nil:
				return c.Why(ctx, err)
			case r.In:
				return ""
			case c.Worn():
				c.Printf("worn\r\n")
				c.Flush()
				return "Worn"
			}
			c.Printf("no %s %s\r\n", r.Code, r.Text)
		default:
			c.Flush()
			return "Bye"
		}
	}
}

// A rig is a server on a loopback address.
type rig struct {
	t    *testing.T
	addr string
	auth *fakeAuth
	srv  *Server
	log  string
}

func newRig(t *testing.T, o Options, main ...string) *rig {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(strings.Join(main, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, auth: &fakeAuth{}, log: filepath.Join(dir, "log")}
	f, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if o.Log, err = maillog.Open(maillog.Options{Tag: "postfix/pop3d", File: f}); err != nil {
		t.Fatal(err)
	}
	o.Protocol = Protocol{
		Name: "pop3", Program: "pop3d", LoginTimeout: config.Pop3dLoginTimeout, SessionTimeout: config.Pop3dTimeout,
		DisablePlaintext: config.Pop3dDisablePlaintextAuth, Dialogue: dialogue,
	}
	o.Entry, o.Auth = "pop3", r.auth
	r.srv = New(c, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				r.srv.Serve(ctx, sock.Wrap(c))
			})
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); all.Wait(); o.Log.Close() })
	return r
}

type client struct {
	net.Conn
	in *bufio.Reader
}

func (r *rig) dial(over *tls.Config) *client {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	if over != nil {
		c = tls.Client(c, over)
	}
	r.t.Cleanup(func() { c.Close() })
	return &client{c, bufio.NewReader(c)}
}

func (c *client) line() string {
	c.SetDeadline(time.Now().Add(time.Minute))
	s, err := c.in.ReadString('\n')
	if err != nil {
		return "ended"
	}
	return strings.TrimSuffix(s, "\r\n")
}

func (c *client) ask(t *testing.T, line, want string) {
	t.Helper()
	fmt.Fprintf(c, "%s\r\n", line)
	if got := c.line(); got != want {
		t.Errorf("%s: got %q, want %q", line, got, want)
	}
}

// logged waits for a line that the pattern matches.
func (r *rig) logged(pattern string) {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(r.log)
		if err != nil {
			r.t.Fatal(err)
		}
		if re.Match(b) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("the log has no %s:\n%s", pattern, b)
		}
	}
}

// A plain connection is the session's after login, with what came behind it.
func TestPlain(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	c := r.dial(nil)
	c.line()
	c.ask(t, "LOGIN PLAIN eve", "no AUTHENTICATIONFAILED no")
	fmt.Fprintf(c, "LOGIN PLAIN ann\r\nahead")
	r.logged(`dovecot: pop3-login: Login: user=<ann>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, mpid=77, secured, session=<[^>]{12}>\n`)
	s := r.auth.session(t)
	s.Write([]byte("from the session\r\n"))
	if got := c.line(); got != "from the session" {
		t.Errorf("got %q", got)
	}
	fmt.Fprint(c, "more")
	c.Conn.(*net.TCPConn).CloseWrite()
	rest, err := io.ReadAll(s)
	if all := string(r.auth.start.Unread) + string(rest); all != "aheadmore" || err != nil || r.auth.start.Entry != "pop3" || r.auth.start.Tag != "t" {
		t.Errorf("got %q, %v, %+v", rest, err, r.auth.start)
	}
}

// Where authd died with a connection, what comes on the acknowledgement tells
// whose the client is.
func TestUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	c := r.dial(nil)
	c.line()
	c.ask(t, "LOGIN EXTERNAL eve", "no UNAVAILABLE Internal error occurred. Refer to server log for more information.")
	fmt.Fprintf(c, "LOGIN EXTERNAL ann\r\n")
	r.logged(`Login: user=<>, method=EXTERNAL, .*mpid=77`)
	r.auth.session(t).Write([]byte("hello\r\n"))
	if got := c.line(); got != "hello" {
		t.Errorf("got %q", got)
	}
}

// TLS stays here: both ways much and little, and each half's end, pass through.
func TestPump(t *testing.T) {
	t.Parallel()
	config, _ := peer.Certificate(t, "mx.example")
	r := newRig(t, Options{TLS: &fakeTLS{config: config, wrapper: true}})
	c := r.dial(&tls.Config{InsecureSkipVerify: true})
	c.line()
	fmt.Fprintf(c, "LOGIN PLAIN ann\r\n")
	r.logged(`mpid=77, TLS, session`)
	s := r.auth.session(t)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	for _, text := range []string{"little", big, "again"} {
		c.SetDeadline(time.Now().Add(time.Minute))
		s.SetDeadline(time.Now().Add(time.Minute))
		for _, way := range []struct {
			from io.Writer
			to   io.Reader
		}{{c, s}, {s, c.in}} {
			go io.WriteString(way.from, text)
			got := make([]byte, len(text))
			if _, err := io.ReadFull(way.to, got); err != nil || string(got) != text {
				t.Fatalf("%d octets: %v, equal %t", len(text), err, string(got) == text)
			}
		}
	}
	c.Conn.(*tls.Conn).CloseWrite()
	if rest, err := io.ReadAll(s); len(rest) > 0 || err != nil {
		t.Errorf("the end of the client's half: %q, %v", rest, err)
	}
	fmt.Fprint(s, "bye\r\n")
	s.Close()
	if got := c.line(); got != "bye" {
		t.Errorf("got %q", got)
	}
	if _, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the session's half: %v", err)
	}
}

// When no session can be had the client is still ours, and hears why where
// master has words for it.
func TestNoSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	c := r.dial(nil)
	c.line()
	for said, want := range map[string]string{
		"-":                           "no UNAVAILABLE Internal error occurred. Refer to server log for more information.",
		`x`:                           "no UNAVAILABLE Internal error occurred. Refer to server log for more information.",
		`{"error":"too many of you"}`: "no UNAVAILABLE too many of you",
	} {
		r.auth.mu.Lock()
		r.auth.ack = said
		r.auth.mu.Unlock()
		c.ask(t, "LOGIN PLAIN ann", want)
	}
	c.ask(t, "LOGIN DOWN ann", "no UNAVAILABLE Temporary authentication failure")
	r.auth.mu.Lock()
	r.auth.ack = ""
	r.auth.mu.Unlock()
	fmt.Fprintf(c, "LOGIN PLAIN ann\r\n")
	r.logged(`Login: user=<ann>`)
}

// What a mechanism says with success is a challenge first.
func TestLastWord(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, "login_failure_limit = 2")
	c := r.dial(nil)
	c.line()
	c.ask(t, "LOGIN PLAIN", "? who?")
	c.ask(t, "last word", "? v=proof")
	c.ask(t, "and more", "no AUTHENTICATIONFAILED Authentication failed.")
	c.ask(t, "LOGIN PLAIN", "? who?")
	c.ask(t, "*", "worn")
	r.logged(`Disconnected: Worn \(auth failed, 2 attempts in \d+ secs\): user=<ann>, method=PLAIN, rip=127`)
}

// Passwords are not taken where others can listen.
func TestDisallowed(t *testing.T) {
	t.Parallel()
	proxied := func(c net.Conn) (net.Conn, error) {
		far := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
		return &proxyproto.Conn{Conn: c, Client: far, Server: c.LocalAddr()}, nil
	}
	r := newRig(t, Options{Unproxy: proxied})
	c := r.dial(nil)
	c.line()
	c.ask(t, "LOGIN PLAIN ann", "no PRIVACYREQUIRED Plaintext authentication disallowed on non-secure (SSL/TLS) connections.")
	c.Close()
	r.logged(`Disconnected: Connection closed \(tried to use disallowed plaintext auth\): user=<>, method=PLAIN, rip=192.0.2.1, lip=127.0.0.1, session=`)

	config, _ := peer.Certificate(t, "mx.example")
	r = newRig(t, Options{TLS: &fakeTLS{config: config, required: true}}, "pop3d_disable_plaintext_auth = no")
	c = r.dial(nil)
	c.line()
	fmt.Fprintf(c, "TLS\r\nLOGIN PLAIN ann\r\n") // what is ahead counts no more
	c.line()
	over := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c = &client{over, bufio.NewReader(over)}
	c.ask(t, "LOGIN PLAIN eve", "no AUTHENTICATIONFAILED no")
}

// Where too many wait, the one that has waited longest goes; a client that says
// nothing goes when its time is over.
func TestWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, "login_client_limit = 2")
	var clients []*client
	for range 3 {
		c := r.dial(nil)
		if got := c.line(); got != "hello" {
			t.Fatalf("got %q", got)
		}
		clients = append(clients, c)
	}
	if got := clients[0].line(); got != "ended" {
		t.Errorf("the oldest: got %q", got)
	}
	r.logged(`Disconnected: Connection queue full \(no auth attempts in \d+ secs\): user=<>, rip=127`)
	clients[2].ask(t, "LOGIN PLAIN eve", "no AUTHENTICATIONFAILED no")

	r = newRig(t, Options{}, "pop3d_login_timeout = 1s")
	c := r.dial(nil)
	c.line()
	if got := c.line(); got != "ended" {
		t.Errorf("silent: got %q", got)
	}
	r.logged(`Disconnected: Inactivity \(no auth attempts in [1-9]\d* secs\)`)
}

// A client that takes nothing of what is said to it goes when one that says
// nothing does: when its time is over, or when too many wait.
func TestNeverReads(t *testing.T) {
	t.Parallel()
	for name, main := range map[string]string{"its time is over": "pop3d_login_timeout = 1s", "too many wait": "login_client_limit = 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Options{}, main)
			near, far := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer far.Close()
				r.srv.Serve(context.Background(), far)
			}()
			defer func() { near.Close(); <-done }()
			if _, err := near.Read(make([]byte, 1)); err != nil { // the rest of the greeting is on its way
				t.Fatal(err)
			}
			if name == "too many wait" {
				r.dial(nil).line()
			}
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Error("it is still there")
			}
		})
	}
}

// Too many wait while one of them is let in: its session is none that waits.
func TestCrowdedLogin(t *testing.T) {
	t.Parallel()
	config, _ := peer.Certificate(t, "mx.example")
	r := newRig(t, Options{TLS: &fakeTLS{config: config, wrapper: true}}, "login_client_limit = 1")
	c := r.dial(&tls.Config{InsecureSkipVerify: true})
	c.line()
	r.auth.mu.Lock()
	r.auth.during = func() { r.dial(&tls.Config{InsecureSkipVerify: true}).line() }
	r.auth.mu.Unlock()
	fmt.Fprintf(c, "LOGIN PLAIN ann\r\n")
	r.logged(`mpid=77, TLS, session`)
	s := r.auth.session(t)
	fmt.Fprint(s, "hello\r\n")
	if got := c.line(); got != "hello" {
		t.Errorf("got %q", got)
	}
	s.SetDeadline(time.Now().Add(time.Minute))
	for _, said := range []string{"one", "two"} {
		fmt.Fprint(c, said)
		b := make([]byte, len(said))
		if _, err := io.ReadFull(s, b); err != nil || string(b) != said {
			t.Errorf("got %q, %v", b, err)
		}
	}
}

// A client whose conversation panicked does not wait any more.
func TestPanicLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.srv.Protocol.Dialogue = func(context.Context, *Client) string { panic("test") }
	near, far := net.Pipe()
	defer near.Close()
	func() {
		defer func() { _ = recover() }()
		r.srv.Serve(t.Context(), far)
	}()
	if n := r.srv.waiting.Len(); n != 0 {
		t.Errorf("%d wait, want none", n)
	}
}
