package tlskeys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// askTime is how long authd may take.
const askTime = 30 * time.Second

// errGone says that a link ended with a request outstanding.
var errGone = errors.New("authd has closed the connection")

// A link is one connection to authd, with requests outstanding.
type link struct {
	conn *fdpass.Conn

	mu      sync.Mutex // guards what follows
	next    uint64
	pending map[uint64]chan ipc.TLSReply
	ended   bool
}

func newLink(dial func() (*fdpass.Conn, error), program string) (*link, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	if err := c.Send(ipc.Hello{Version: ipc.TLSVersion, Role: ipc.RoleTLS, Program: program}); err != nil {
		c.Close()
		return nil, err
	}
	l := &link{conn: c, pending: map[uint64]chan ipc.TLSReply{}}
	go l.receive()
	return l, nil
}

// receive hands replies to who waits for them, until the connection ends.
func (l *link) receive() {
	defer l.end()
	for {
		var a ipc.TLSReply
		files, err := l.conn.Recv(&a)
		fdpass.CloseAll(files)
		if err != nil {
			return
		}
		l.mu.Lock()
		if ch := l.pending[a.ID]; ch != nil {
			ch <- a
			delete(l.pending, a.ID)
		}
		l.mu.Unlock()
	}
}

// end closes the connection; who waits hears so.
func (l *link) end() {
	l.conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for id, ch := range l.pending {
		close(ch)
		delete(l.pending, id)
	}
}

func (l *link) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

// ask sends one request and waits for its reply. errGone says that nothing is
// known of it.
func (l *link) ask(ctx context.Context, q ipc.TLSRequest) (a ipc.TLSReply, err error) {
	ch := make(chan ipc.TLSReply, 1)
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return a, errGone
	}
	l.next++
	q.ID = l.next
	l.pending[q.ID] = ch
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.pending, q.ID)
		l.mu.Unlock()
	}()
	l.conn.Unix().SetWriteDeadline(time.Now().Add(askTime)) // who reads nothing does not answer either
	if err := l.conn.Send(q); err != nil {
		return a, fmt.Errorf("%w (%v)", errGone, err)
	}
	select {
	case a, ok := <-ch:
		if !ok {
			return a, errGone
		}
		return a, nil
	case <-ctx.Done():
		return a, ctx.Err()
	}
}
