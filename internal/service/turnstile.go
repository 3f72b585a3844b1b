package service

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/sock"
)

// A turnstile lets a number of connections in, whatever sockets they come to:
// not one more, also when several come at once.
type turnstile struct {
	limit int
	spent chan struct{} // the last one is in

	mu    sync.Mutex // guards taken, and accepting
	taken int
}

var errSpent = errors.New("as many connections as one process takes")

// newTurnstile returns a turnstile; limit 0 is no limit.
func newTurnstile(limit int) *turnstile {
	return &turnstile{limit: limit, spent: make(chan struct{}, 1)}
}

// at puts the turnstile before listeners. Without a limit that is for TCP, whose
// connections cost fewer system calls so.
func (t *turnstile) at(listeners []net.Listener) ([]net.Listener, error) {
	var gates []net.Listener
	for _, l := range listeners {
		if _, tcp := l.(*net.TCPListener); !tcp && t.limit == 0 {
			gates = append(gates, l)
			continue
		}
		s, ok := l.(interface{ File() (*os.File, error) })
		if !ok {
			return nil, errors.New("a listening socket without descriptor")
		}
		f, err := s.File()
		if err != nil {
			return nil, err
		}
		// A listener lets nobody wait for its readiness without accepting; a
		// file does.
		raw, err := f.SyscallConn()
		if err != nil {
			return nil, err
		}
		raw.Control(func(fd uintptr) { sock.KeepAlive(int(fd)) })
		gates = append(gates, &gate{l, f, raw, t})
	}
	return gates, nil
}

// A gate is a listening socket behind a turnstile.
type gate struct {
	net.Listener
	file *os.File
	raw  syscall.RawConn
	t    *turnstile
}

func (g *gate) SetDeadline(t time.Time) error { return g.file.SetDeadline(t) }

func (g *gate) Close() error { return errors.Join(g.file.Close(), g.Listener.Close()) }

// Accept implements net.Listener. Its error when nobody is let in any more is
// errSpent.
func (g *gate) Accept() (net.Conn, error) {
	var c *sock.Conn
	var acceptErr error
	err := g.raw.Read(func(socket uintptr) bool {
		// Readiness is told once: who waits behind one that has given up is taken now.
		for acceptErr = unix.ECONNABORTED; acceptErr == unix.ECONNABORTED; {
			c, acceptErr = g.t.accept(int(socket))
		}
		return acceptErr != unix.EAGAIN
	})
	if err != nil {
		return nil, err
	}
	if acceptErr != nil {
		return nil, acceptErr
	}
	return c, nil
}

func (t *turnstile) accept(socket int) (*sock.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit > 0 && t.taken == t.limit {
		return nil, errSpent
	}
	fd, local, remote, err := sock.Accept(socket)
	if err != nil {
		return nil, err
	}
	if t.taken++; t.taken == t.limit {
		t.spent <- struct{}{}
	}
	return sock.Adopt(fd, local, remote)
}
