package session

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/fdpass"
	"yubin/internal/hands"
	"yubin/internal/ipc"
	"yubin/internal/lull"
)

// A stage is a session process, played by this one, and its master.
type stage struct {
	t       *testing.T
	master  *fdpass.Conn
	signals chan os.Signal
	done    chan struct{}
	number  uint64
}

func newStage(t *testing.T, h Handler) *stage {
	t.Helper()
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, master: ours, signals: make(chan os.Signal, 1), done: make(chan struct{})}
	p := &process{h: h, status: theirs, pid: os.Getpid(), hands: hands.New(), ended: make(chan *Session), open: map[uint64]*opened{}}
	l := life{process: p, idle: time.Minute, drain: time.Minute, lull: lull.New()}
	go func() {
		defer close(s.done)
		defer theirs.Close()
		l.run(t.Context(), s.signals)
		p.closeAll()
	}()
	t.Cleanup(func() { ours.Close() })
	return s
}

// hear is what the process says next.
func (s *stage) hear() string {
	s.t.Helper()
	s.master.Unix().SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 8<<10)
	n, err := s.master.Unix().Read(b)
	if err != nil {
		return "ended: " + err.Error()
	}
	return string(b[:n])
}

// want hears until something begins so.
func (s *stage) want(prefix string) string {
	s.t.Helper()
	for {
		line := s.hear()
		if strings.HasPrefix(line, prefix) {
			return line
		}
		if strings.HasPrefix(line, "ended: ") {
			s.t.Fatalf("%s, want %s", line, prefix)
		}
	}
}

// A guest is the client of a session, and the login process that hears of it.
type guest struct {
	net.Conn
	in  *bufio.Reader
	ack net.Conn
}

// enter begins a session.
func (s *stage) enter() *guest {
	s.t.Helper()
	client, conn := pair(s.t, unix.SOCK_STREAM)
	login, ack := pair(s.t, unix.SOCK_SEQPACKET)
	defer conn.Close()
	defer ack.Close()
	s.number++
	if err := s.master.Send(ipc.SessionOrder{Start: &ipc.SessionStart{Number: s.number}}, conn, ack); err != nil {
		s.t.Fatal(err)
	}
	return &guest{client, bufio.NewReader(client), login}
}

func (g *guest) line(t *testing.T) string {
	t.Helper()
	g.SetDeadline(time.Now().Add(time.Minute))
	line, err := g.in.ReadString('\n')
	if err != nil {
		return "ended"
	}
	return strings.TrimSpace(line)
}

func pair(t *testing.T, kind int) (ours net.Conn, theirs *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "ours")
	defer f.Close()
	if ours, err = net.FileConn(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, os.NewFile(uintptr(fds[1]), "theirs")
}

// parrot repeats what its client says; "panic" makes it panic.
func parrot(ctx context.Context, s *Session) {
	if s.Accept() != nil {
		return
	}
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintf(s.Conn, "%v\n", context.Cause(ctx))
		s.Conn.Close()
	})()
	for in := bufio.NewScanner(s.Conn); in.Scan(); {
		if in.Text() == "panic" {
			panic("as it was told")
		}
		fmt.Fprintln(s.Conn, in.Text())
	}
}

func newParrots(t *testing.T) *stage {
	return newStage(t, Handler{Serve: parrot, Panic: func(s *Session) { fmt.Fprintln(s.Conn, "sorry") }})
}

func (g *guest) says(t *testing.T, line string) string {
	t.Helper()
	fmt.Fprintln(g, line)
	return g.line(t)
}

// A panic ends its session, is in the log with its stack, and leaves the
// others.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newParrots(t)
	a, b := s.enter(), s.enter()
	if got := b.says(t, "hello"); got != "hello" {
		t.Fatalf("got %q", got)
	}
	if got := a.says(t, "panic"); got != "sorry" || a.line(t) != "ended" {
		t.Errorf("got %q", got)
	}
	s.want("SAY 1 Panic: as it was told")
	s.want("SAY 1 Panic: stack: ")
	s.want("END 1")
	if got := b.says(t, "still there"); got != "still there" {
		t.Errorf("got %q", got)
	}
}

// The login process hears who has taken its client; kick ends one session,
// SIGTERM all.
func TestEnds(t *testing.T) {
	t.Parallel()
	s := newParrots(t)
	a, b := s.enter(), s.enter()
	var ack ipc.SessionAck
	buf := make([]byte, 1000)
	a.ack.SetReadDeadline(time.Now().Add(time.Minute))
	n, err := a.ack.Read(buf)
	if err == nil {
		err = json.Unmarshal(buf[:n], &ack)
	}
	if err != nil || ack.PID != os.Getpid() {
		t.Errorf("acknowledged %+v, %v", ack, err)
	}
	a.says(t, "x")
	b.says(t, "x")
	for _, number := range []uint64{1, 99} {
		if err := s.master.Send(ipc.SessionOrder{Kick: number}); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.line(t); got != ErrKicked.Error() {
		t.Errorf("kicked: got %q", got)
	}
	s.want("END 1")
	if got := b.says(t, "y"); got != "y" {
		t.Errorf("another's kick: got %q", got)
	}
	s.signals <- unix.SIGTERM
	if got := b.line(t); got != ErrShutdown.Error() {
		t.Errorf("SIGTERM: got %q", got)
	}
	<-s.done
}

// The last line for the log goes with the end, once master is known to take it so.
func TestPart(t *testing.T) {
	t.Parallel()
	s := newStage(t, Handler{Serve: func(_ context.Context, s *Session) { s.Part("Bye %d", s.Start.Number) }})
	for _, want := range [][]string{{"SAY 1 Bye 1", "END 1"}, {"END 2 Bye 2"}} {
		s.enter()
		for _, w := range want {
			if got := s.hear(); got != w {
				t.Errorf("got %q, want %q", got, w)
			}
		}
		if err := s.master.Send(ipc.SessionOrder{Kick: 99, Parting: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// What master sends before it has heard STOPPED-ACCEPTING is served; the
// process ends with its last session, also when master has gone.
func TestRetire(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		s := newParrots(t)
		a := s.enter()
		a.says(t, "x")
		var b *guest
		if gone {
			s.master.Close()
		} else {
			if err := s.master.Send(ipc.SessionOrder{Retire: true}); err != nil {
				t.Fatal(err)
			}
			s.want("STOPPED-ACCEPTING")
			b = s.enter()
			if err := s.master.Send(ipc.SessionOrder{Last: true}); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range []*guest{a, b} {
			if g != nil {
				if got := g.says(t, "hello"); got != "hello" {
					t.Errorf("gone %t: got %q", gone, got)
				}
				g.Close()
			}
		}
		<-s.done
	}
}

// A session whose descriptors did not come, as when the process has as many as it may,
// ends at once; the process goes on hearing master.
func TestNoDescriptors(t *testing.T) {
	t.Parallel()
	s := newParrots(t)
	s.number++
	if err := s.master.Send(ipc.SessionOrder{Start: &ipc.SessionStart{Number: s.number}}); err != nil {
		t.Fatal(err)
	}
	s.want("SAY 1 Error: ")
	s.want("END 1")
	if got := s.enter().says(t, "hello"); got != "hello" {
		t.Errorf("got %q", got)
	}
}
