package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/maillog"
)

// echo serves a connection until its end or that of ctx.
func echo(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	io.Copy(c, c)
}

// bubble runs a service on one fake listener in a synctest bubble, and returns
// the time at which it ended, counted from its start.
func bubble(t *testing.T, h Handler, limit int, test func(l *fakeListener, signals chan<- os.Signal)) (lived time.Duration, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, path := testService(t, h)
		s.MaxConns = limit
		l, signals := newFakeListener(), make(chan os.Signal)
		began := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- s.run(t.Context(), []net.Listener{l}, signals) }()
		test(l, signals)
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		lived = time.Since(began)
		time.Sleep(time.Minute) // goroutines that were given up end too
		if !l.isClosed() {
			t.Error("the listening socket was left open")
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		log = string(b)
	})
	return lived, log
}

// Without connection a service ends after max_idle; one that is open keeps it,
// and so does a handler that is busy.
func TestIdle(t *testing.T) {
	t.Parallel()
	t.Run("never used", func(t *testing.T) {
		t.Parallel()
		stopped := false
		lived, _ := bubble(t, Handler{Conn: echo, Stop: func(context.Context) { stopped = true }}, 0,
			func(*fakeListener, chan<- os.Signal) {})
		if lived != 100*time.Second || !stopped {
			t.Errorf("lived %v, stopped %t, want 100s and true", lived, stopped)
		}
	})
	t.Run("connection", func(t *testing.T) {
		t.Parallel()
		lived, _ := bubble(t, Handler{Conn: echo}, 0, func(l *fakeListener, _ chan<- os.Signal) {
			time.Sleep(90 * time.Second)
			c := l.connect()
			time.Sleep(300 * time.Second)
			c.Close()
		})
		if lived != 490*time.Second {
			t.Errorf("lived %v, want 90s + 300s + 100s", lived)
		}
	})
	t.Run("busy", func(t *testing.T) {
		t.Parallel()
		asked := 0
		lived, _ := bubble(t, Handler{Conn: echo, Idle: func() (bool, time.Time) {
			asked++
			return asked == 3, time.Time{}
		}}, 0, func(*fakeListener, chan<- os.Signal) {})
		if lived != 300*time.Second || asked != 3 {
			t.Errorf("lived %v, asked %d times, want 300s, 3", lived, asked)
		}
	})
}

// The limit counts connections that are served; the next is served when one
// ends.
func TestLimit(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int32
	h := Handler{Conn: func(ctx context.Context, c net.Conn) {
		most.Store(max(most.Load(), open.Add(1)))
		defer open.Add(-1)
		echo(ctx, c)
	}}
	bubble(t, h, 2, func(l *fakeListener, _ chan<- os.Signal) {
		a, b := l.connect(), l.connect()
		third := make(chan net.Conn)
		go func() { third <- l.connect() }()
		synctest.Wait()
		select {
		case <-third:
			t.Error("a third connection was accepted at the limit")
		default:
		}
		a.Close()
		c := <-third
		b.Close()
		c.Close()
	})
	if most.Load() != 2 {
		t.Errorf("served %d at once, want 2", most.Load())
	}
}

// Two sockets share a limit of one: neither keeps the slot from the other.
func TestLimitTwoSockets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := testService(t, Handler{Conn: echo})
		s.MaxConns = 1
		four, six := newFakeListener(), newFakeListener()
		ended := make(chan error, 1)
		go func() { ended <- s.run(t.Context(), []net.Listener{four, six}, nil) }()
		for _, l := range []*fakeListener{six, four, six} {
			c := l.connect()
			io.WriteString(c, "x")
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
			c.Close()
			synctest.Wait()
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// SIGTERM ends sessions at once if they listen to their context, and closes
// them after the grace if they do not.
func TestTerminate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		conn func(context.Context, net.Conn)
		want time.Duration
	}{
		{"polite", echo, 0},
		{"deaf", func(_ context.Context, c net.Conn) { io.Copy(io.Discard, c) }, 5 * time.Second},
		{"stuck", func(context.Context, net.Conn) { time.Sleep(time.Minute) }, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lived, log := bubble(t, Handler{Conn: c.conn}, 0, func(l *fakeListener, signals chan<- os.Signal) {
				l.connect()
				signals <- syscall.SIGTERM
			})
			if lived != c.want {
				t.Errorf("lived %v, want %v", lived, c.want)
			}
			if stuck := strings.Contains(log, "1 sessions did not end"); stuck != (c.name == "stuck") {
				t.Errorf("log: %q", log)
			}
		})
	}
}

// SIGHUP without Reload: no new connection, the session goes on for
// session_drain_time at most; SIGTERM meanwhile ends it.
func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("to the end", func(t *testing.T) {
		t.Parallel()
		lived, _ := bubble(t, Handler{Conn: echo}, 0, func(l *fakeListener, signals chan<- os.Signal) {
			c := l.connect()
			signals <- syscall.SIGHUP
			time.Sleep(10 * time.Minute)
			io.WriteString(c, "x")
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Errorf("the session was cut: %v", err)
			}
			c.Close()
		})
		if lived != 10*time.Minute {
			t.Errorf("lived %v, want 10m", lived)
		}
	})
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		lived, _ := bubble(t, Handler{Conn: echo}, 0, func(l *fakeListener, signals chan<- os.Signal) {
			l.connect()
			signals <- syscall.SIGHUP
		})
		if lived != time.Hour {
			t.Errorf("lived %v, want 1h", lived)
		}
	})
	t.Run("SIGTERM", func(t *testing.T) {
		t.Parallel()
		lived, _ := bubble(t, Handler{Conn: echo}, 0, func(l *fakeListener, signals chan<- os.Signal) {
			l.connect()
			signals <- syscall.SIGHUP
			time.Sleep(time.Minute)
			signals <- syscall.SIGTERM
		})
		if lived != time.Minute {
			t.Errorf("lived %v, want 1m", lived)
		}
	})
}

// Before a service makes way its handler may have clients finish, for a few
// seconds; SIGTERM cuts that short, and alone leaves it out.
func TestRetire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		signals []os.Signal
		want    time.Duration
		called  bool
	}{
		{"limit", []os.Signal{syscall.SIGHUP}, 5 * time.Second, true},
		{"cut short", []os.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGTERM}, 2 * time.Second, true},
		{"SIGTERM", []os.Signal{syscall.SIGTERM}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			called := false
			h := Handler{Conn: echo, Retire: func(ctx context.Context) { called = true; <-ctx.Done() }}
			lived, _ := bubble(t, h, 0, func(l *fakeListener, signals chan<- os.Signal) {
				for i, sig := range c.signals {
					if i > 0 {
						time.Sleep(time.Second)
					}
					signals <- sig
				}
			})
			if lived != c.want || called != c.called {
				t.Errorf("lived %v, called %t, want %v, %t", lived, called, c.want, c.called)
			}
		})
	}
}

// SIGHUP with Reload hands over a configuration that is sound, and no other.
func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reloads := 0
		s, path := testService(t, Handler{Conn: echo, Reload: func(*config.Config) { reloads++ }})
		var broken error
		s.reload = func() (*config.Config, error) { return new(config.Config), broken }
		signals := make(chan os.Signal)
		ended := make(chan error, 1)
		go func() { ended <- s.run(t.Context(), []net.Listener{newFakeListener()}, signals) }()
		signals <- syscall.SIGHUP
		synctest.Wait()
		broken = errors.New("main.cf:2: as asked")
		signals <- syscall.SIGHUP
		<-ended
		b, err := os.ReadFile(path)
		if want := "warning: reload: main.cf:2: as asked; the old configuration stays"; err != nil || reloads != 1 || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%d reloads, want 1; log %q, %v, want %q", reloads, b, err, want)
		}
	})
}

// Without descriptors the service waits, says so once, and goes on.
func TestShortage(t *testing.T) {
	t.Parallel()
	_, log := bubble(t, Handler{Conn: echo}, 0, func(l *fakeListener, _ chan<- os.Signal) {
		for range 5 {
			l.errors <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		}
		began := time.Now()
		l.connect().Close() // makes Accept, which may be waiting already, return
		l.connect().Close()
		if waited := time.Since(began); waited != 5*shortage {
			t.Errorf("waited %v, want %v", waited, 5*shortage)
		}
	})
	if n := strings.Count(log, "too many open files"); n != 1 {
		t.Errorf("said so %d times, want once: %q", n, log)
	}
}

// A socket that is broken ends the process: master starts another.
func TestBrokenSocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := testService(t, Handler{Conn: echo})
		l := newFakeListener()
		l.errors <- syscall.EINVAL
		if err := s.run(t.Context(), []net.Listener{l}, nil); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("got %v, want EINVAL", err)
		}
	})
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	want := errors.New("no room")
	s, path := testService(t, Handler{Conn: echo, Start: func(context.Context, *Service) error { return want }})
	err := s.run(t.Context(), []net.Listener{newFakeListener()}, nil)
	if b, _ := os.ReadFile(path); !errors.Is(err, want) || !bytes.Contains(b, []byte("fatal: no room")) {
		t.Errorf("got %v and log %q, want %v", err, b, want)
	}
}

// A wrong value that only the daemon can find has the status of one that
// everybody can, and --check finds it without a socket.
func TestWrongValue(t *testing.T) {
	t.Parallel()
	wrong := fmt.Errorf("more: %w", config.Problem{File: "main.cf", Line: 2, What: "x: no"})
	s, _ := testService(t, Handler{Conn: echo, Start: func(context.Context, *Service) error { return wrong }})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := s.run(t.Context(), []net.Listener{newFakeListener()}, nil)
	look := Run(t.Context(), &cli.Env{Config: c}, &Options{check: true}, Handler{
		Check: func(*config.Config, *maillog.Logger) error { return wrong },
	})
	for _, err := range []error{start, look} {
		var status *cli.Status
		if !errors.As(err, &status) || status.Code != cli.ExConfig || !errors.Is(err, wrong) {
			t.Errorf("got %v, want %v with status %d", err, wrong, cli.ExConfig)
		}
	}
	if err := Run(t.Context(), &cli.Env{Config: c}, &Options{check: true}, Handler{}); err != nil {
		t.Errorf("nothing to look at: %v", err)
	}
}

// A panic is logged with its stack, gets its last word out, and costs its own
// session only.
func TestPanic(t *testing.T) {
	t.Parallel()
	h := Handler{
		Conn: func(_ context.Context, c net.Conn) {
			b := make([]byte, 1)
			c.Read(b)
			if b[0] == 'p' {
				panic("as asked\nforged")
			}
			c.Write(b)
		},
		Panic: func(c net.Conn) { io.WriteString(c, "421 bye") },
	}
	_, log := bubble(t, h, 0, func(l *fakeListener, _ chan<- os.Signal) {
		good, bad := l.connect(), l.connect()
		io.WriteString(bad, "p")
		if b, err := io.ReadAll(bad); err != nil || string(b) != "421 bye" {
			t.Errorf("got %q, %v, want the last word", b, err)
		}
		io.WriteString(good, "g")
		if b, err := io.ReadAll(good); err != nil || string(b) != "g" {
			t.Errorf("the other session got %q, %v", b, err)
		}
	})
	if !strings.Contains(log, "error: panic in a session of service test: as asked?forged") || !strings.Contains(log, "service_test.go") {
		t.Errorf("log lacks the panic or its stack: %s", log)
	}
}

// Draining, an internal connection is served to the last request that was
// sent; the next one fails at the client, which still reads the replies.
func TestDrainInternal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted, shut := make(chan struct{}), make(chan struct{})
	a := newAcceptor([]net.Listener{l}, 0, func(_ context.Context, c net.Conn) {
		close(accepted)
		<-shut
		b := make([]byte, 10)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			c.Write(b[:n])
		}
	}, nil)
	a.start(t.Context())
	c, err := net.Dial("unixpacket", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	for _, request := range []string{"one", "two"} {
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
	}
	<-accepted
	a.stop()
	a.closeReading()
	if _, err := io.WriteString(c, "late"); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a late request: %v, want EPIPE", err)
	}
	close(shut)
	b := make([]byte, 10)
	for _, want := range []string{"one", "two"} {
		if n, err := c.Read(b); err != nil || string(b[:n]) != want {
			t.Errorf("got %q, %v, want the reply %q", b[:n], err, want)
		}
	}
	if _, err := c.Read(b); !errors.Is(err, io.EOF) {
		t.Errorf("after the replies: %v, want the end", err)
	}
	if !a.wait(time.Minute) {
		t.Error("the connection is still open")
	}
}
