package service

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
)

// A fakeListener accepts what a test puts into conns, inside a synctest bubble
// too. Errors are returned first.
type fakeListener struct {
	conns  chan net.Conn
	errors chan error

	mu     sync.Mutex // guards what follows
	wake   chan struct{}
	past   bool
	closed bool
}

func newFakeListener() *fakeListener {
	return &fakeListener{conns: make(chan net.Conn), errors: make(chan error, 10), wake: make(chan struct{})}
}

func (l *fakeListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	wake, past := l.wake, l.past
	l.mu.Unlock()
	if past {
		return nil, os.ErrDeadlineExceeded
	}
	select {
	case err := <-l.errors:
		return nil, err
	default:
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-wake:
		return nil, os.ErrDeadlineExceeded
	}
}

func (l *fakeListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.past = !t.IsZero()
	if l.past {
		close(l.wake)
		l.wake = make(chan struct{})
	}
	return nil
}

func (l *fakeListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *fakeListener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *fakeListener) Addr() net.Addr { return &net.TCPAddr{} }

// connect hands the listener one end of a pipe and returns the other.
func (l *fakeListener) connect() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

// testService is a Service that logs to a file, whose path is returned.
func testService(t *testing.T, h Handler) (*Service, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/test", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &Service{
		Name: "test", Log: log, h: h,
		reload: func() (*config.Config, error) { return nil, nil },
		times:  times{idle: 100 * time.Second, drain: time.Hour, grace: 5 * time.Second, finish: 5 * time.Second},
	}, path
}
