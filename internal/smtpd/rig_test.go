package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// A rig is a server with a queue of its own and a log to look at.
type rig struct {
	t     testing.TB
	srv   *server
	depot *fakeDepot
	log   string // file
	c     *config.Config
}

// mainCF is what every test's main.cf begins with.
const mainCF = `
myhostname = mx.example
mydestination = example.org
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
local_recipient_maps = inline:{ann=x, bob=x}
alias_maps =
relay_domains = relayed.example
smtpd_error_sleep_time = 0
smtpd_peername_lookup = no
`

func newRig(t testing.TB, lines ...string) *rig {
	t.Helper()
	r, err := tryRig(t, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryRig(t testing.TB, lines ...string) (*rig, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(mainCF+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		return nil, err
	}
	if err := c.Check(Command.Params); err != nil {
		return nil, err
	}
	r := &rig{t: t, c: c, log: filepath.Join(dir, "log"), depot: &fakeDepot{dir: t.TempDir()}}
	f, err := os.OpenFile(r.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtpd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	r.srv, err = newServer(c, "smtp", log, r.depot)
	return r, err
}

// logged returns the texts of the log, each with the last part of its tag in
// front when that is not smtpd.
func (r *rig) logged() []string {
	r.t.Helper()
	b, err := os.ReadFile(r.log)
	if err != nil {
		r.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		tag, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "]: ")
		if strings.Contains(tag, "/cleanup[") {
			text = "cleanup: " + text
		}
		lines = append(lines, text)
	}
	return lines
}

var (
	stranger = peer{name: "unknown", ip: netip.MustParseAddr("192.0.2.1"), port: 1025}
	insider  = peer{name: "localhost", ip: netip.MustParseAddr("127.0.0.1"), port: 1026}
)

// A client is the other end of a session.
type client struct {
	t    testing.TB
	c    net.Conn
	in   *bufio.Reader
	done chan struct{} // the session has ended
	stop context.CancelFunc
}

// connect starts a session over a pipe.
func (r *rig) connect(who peer) *client {
	r.t.Helper()
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	c := clientOf(r.t, near, make(chan struct{}))
	c.stop = cancel
	go func() {
		defer close(c.done)
		defer far.Close()
		r.srv.session(ctx, far, who)
	}()
	return c
}

func clientOf(t testing.TB, c net.Conn, done chan struct{}) *client {
	return &client{t: t, c: c, in: bufio.NewReader(c), done: done, stop: func() {}}
}

// close hangs up and waits for the session to end.
func (c *client) close() {
	c.c.Close()
	<-c.done
	c.stop()
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := c.c.Write([]byte(text)); err != nil {
		c.t.Fatalf("send %.60q: %v", text, err)
	}
}

// reply reads one reply, lines joined by "\n".
func (c *client) reply() string {
	c.t.Helper()
	var lines []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatalf("reading a reply after %q: %v", lines, err)
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok || len(text) < 4 {
			c.t.Fatalf("reply line %q", line)
		}
		lines = append(lines, text)
		if text[3] == ' ' {
			return strings.Join(lines, "\n")
		}
	}
}

// say sends one line and returns the reply.
func (c *client) say(line string) string {
	c.t.Helper()
	c.send(line + "\r\n")
	return c.reply()
}

// play runs a dialogue of lines "C: ..." and "S: ...". A C: line gets CR LF; in
// C~ lines, Go escapes stand for octets and nothing is added. An S: line is
// what the reply line must be; "..." at its end stands for anything.
func (c *client) play(script string) {
	c.t.Helper()
	for n, line := range strings.Split(strings.TrimSpace(script), "\n") {
		line = strings.TrimSpace(line)
		mark, text, _ := strings.Cut(line, " ")
		switch mark {
		case "C:":
			c.send(text + "\r\n")
		case "C~":
			var raw string
			if _, err := fmt.Sscanf(`"`+text+`"`, "%q", &raw); err != nil {
				c.t.Fatalf("line %d: %v", n+1, err)
			}
			c.send(raw)
		case "S:":
			got, err := c.in.ReadString('\n')
			if err != nil {
				c.t.Fatalf("line %d: want %q, got %q and %v", n+1, text, got, err)
			}
			got, crlf := strings.CutSuffix(got, "\r\n")
			start, open := strings.CutSuffix(text, "...")
			if !crlf || got != text && !(open && strings.HasPrefix(got, start)) {
				c.t.Fatalf("line %d: got %q, want %q", n+1, got, text)
			}
		case "", "#":
		default:
			c.t.Fatalf("line %d: %q", n+1, line)
		}
	}
}

// A fakeDepot is a queue in a directory.
type fakeDepot struct {
	dir string

	mu       sync.Mutex // guards what follows
	n        int
	lent     map[string]*intake.Blank
	messages []stored
	blankErr error
	commit   error
	full     bool
	spoiled  bool // blanks cannot be written to
}

// A stored message is one that the fakeDepot has taken.
type stored struct {
	id      string
	env     *queue.Envelope
	content string
	flags   uint32 // of the queue file
}

func (d *fakeDepot) Blank(context.Context) (*intake.Blank, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blankErr != nil {
		return nil, d.blankErr
	}
	d.n++
	b := &intake.Blank{ID: queue.FreshID(time.UnixMicro(int64(d.n)), queue.OriginQmgr)}
	flags := os.O_CREATE | os.O_WRONLY
	name := filepath.Join(d.dir, b.ID)
	if d.spoiled {
		flags, name = os.O_RDONLY, os.DevNull
	}
	var err error
	if b.File, err = os.OpenFile(name, flags, 0o600); err != nil {
		return nil, err
	}
	if d.lent == nil {
		d.lent = map[string]*intake.Blank{}
	}
	d.lent[b.ID] = b
	return b, nil
}

func (d *fakeDepot) Commit(_ context.Context, b *intake.Blank, _ string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lent, b.ID)
	if d.commit != nil {
		return "", d.commit
	}
	raw, err := os.ReadFile(filepath.Join(d.dir, b.ID))
	if err != nil {
		return "", err
	}
	h, err := queue.ParseHeader(raw)
	if err != nil {
		return "", err
	}
	env, err := queue.ParseEnvelope(raw[queue.HeaderSize:h.ContentOffset()])
	if err != nil {
		return "", err
	}
	d.messages = append(d.messages, stored{h.ID, env, string(raw[h.ContentOffset():h.End()]), h.Flags})
	return b.ID, nil
}

func (d *fakeDepot) Return(b *intake.Blank) {
	b.File.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lent, b.ID)
}

func (d *fakeDepot) Full(context.Context) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.full
}

// taken returns the messages, and fails the test when a blank was lost.
func (r *rig) taken() []stored {
	r.t.Helper()
	r.depot.mu.Lock()
	defer r.depot.mu.Unlock()
	if len(r.depot.lent) != 0 {
		r.t.Errorf("%d blanks were neither committed nor returned", len(r.depot.lent))
	}
	return r.depot.messages
}

// body is the content behind our Received field.
func (m stored) body() string {
	rest := m.content
	for first := true; first || strings.HasPrefix(rest, "\t"); first = false {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	return rest
}
