package imapd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/imap"
	"yubin/internal/imaptest"
	"yubin/internal/ipc"
	"yubin/internal/mailbox"
	"yubin/internal/mimescan"
	"yubin/internal/talk"
)

// A rig is a mailbox and a server for it.
type rig struct {
	t   testing.TB
	dir string
	srv *server
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigIn(t, t.TempDir())
}

// newRigIn is a process of its own for a mailbox that others may use, too.
func newRigIn(t testing.TB, dir string) *rig {
	t.Helper()
	store := mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Warn: func(f string, a ...any) { t.Logf(f, a...) }})
	t.Cleanup(store.Close)
	return &rig{t, filepath.Join(dir, "Maildir"), &server{
		store: store, timeout: time.Minute, stillHere: time.Minute, hardErrors: 20,
		limits: imap.Limits{Command: 64 << 10, Literal: 64 << 10, Nesting: 50}, appendLimit: 1 << 20, commands: commands(),
		mime: mimescan.Defaults, crew: newCrew(nil),
	}}
}

// started is when all messages arrive: in one second, however slow we are.
var started = time.Now()

// deliver puts a message into a folder as another program does.
func (r *rig) deliver(folder, name, text string) {
	r.t.Helper()
	dir := filepath.Join(r.dir, folder)
	temp := filepath.Join(dir, "tmp", name)
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chtimes(temp, started, started); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(dir, "new", name)); err != nil {
		r.t.Fatal(err)
	}
}

// A user is a client. What it is told has to please a strict one.
type user struct {
	t      testing.TB
	c      net.Conn
	in     *bufio.Reader
	strict *imaptest.Strict
}

// connect logs a client in.
func (r *rig) connect() *user {
	r.t.Helper()
	near, far := net.Pipe()
	tree, err := r.tree()
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.serve(ctx, far, tree)
	}()
	r.t.Cleanup(func() { cancel(); near.Close(); <-done })
	return newUser(r.t, near)
}

func newUser(t testing.TB, c net.Conn) *user {
	strict := &imaptest.Strict{Complain: func(err error) { t.Error(err) }}
	return &user{t, c, bufio.NewReader(io.TeeReader(c, strict)), strict}
}

func (r *rig) tree() (*mailbox.Tree, error) {
	return r.srv.store.Tree(&ipc.Account{User: "ann", Base: filepath.Dir(r.dir), Mailbox: "Maildir"})
}

// serve is a session of a client who has logged in.
func (r *rig) serve(ctx context.Context, c net.Conn, tree *mailbox.Tree) {
	defer c.Close()
	defer tree.Close()
	v := r.srv.newVisit(talk.New(c, r.srv.timeout, nil), tree)
	v.complain = func(format string, args ...any) { r.t.Logf("complaint: "+format, args...) }
	defer v.close()
	defer v.Context(ctx)()
	v.run(ctx)
}

func (u *user) line() string {
	u.c.SetDeadline(time.Now().Add(3 * time.Minute))
	s, err := u.in.ReadString('\n')
	if err != nil {
		return "ended: " + err.Error()
	}
	return strings.TrimSuffix(s, "\r\n")
}

func (u *user) send(s string) {
	u.t.Helper()
	u.strict.Sent(s)
	u.c.SetDeadline(time.Now().Add(3 * time.Minute))
	if _, err := u.c.Write([]byte(s)); err != nil {
		u.t.Fatalf("%q: %v", s, err)
	}
}

// cmd sends a command and returns the lines up to the tagged one.
func (u *user) cmd(format string, args ...any) (lines []string) {
	u.t.Helper()
	u.send("x " + fmt.Sprintf(format, args...) + "\r\n")
	for {
		l := u.line()
		lines = append(lines, l)
		if strings.HasPrefix(l, "x ") || strings.HasPrefix(l, "ended: ") {
			return lines
		}
	}
}

// play is a dialogue: lines that begin with C: are sent, with S: expected, with S~
// expected behind untagged ones; "..." in those is anything, "C+ " has no line end behind it, and may have octets that are no text.
func (u *user) play(dialogue string) {
	u.t.Helper()
	for l := range strings.Lines(dialogue) {
		l = strings.TrimSuffix(strings.TrimLeft(l, " \t"), "\n")
		if text, ok := strings.CutPrefix(l, "C:"); ok {
			u.send(strings.TrimPrefix(text, " ") + "\r\n")
		}
		if text, ok := strings.CutPrefix(l, "C+ "); ok {
			u.send(strings.NewReplacer(`\0`, "\x00", `\e9`, "\xe9").Replace(text))
		}
		until, skips := strings.CutPrefix(l, "S~ ")
		want, ok := strings.CutPrefix(l, "S:")
		if want = strings.TrimPrefix(want, " "); skips {
			want = until
		}
		re := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, ".*") + "$")
		for ok || skips {
			got := u.line()
			ok = false
			if re.MatchString(got) {
				break
			}
			if !skips || !strings.HasPrefix(got, "* ") {
				u.t.Fatalf("got  %q\nwant %q", got, want)
			}
		}
	}
}

const letter = "From: Ann <ann@example.test>\nTo: bob@example.test\nSubject: one\nDate: Mon, 7 Feb 1994 21:52:25 -0800\nMessage-ID: <1@x>\n\nHello\nthere\n"
