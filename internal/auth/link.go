package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// A Wire carries requests to a server and replies back, in any order. One
// goroutine receives while others send. A reply of Recv is the caller's.
type Wire interface {
	Send(q *ipc.AuthRequest, handles ...fdpass.Handle) error
	Recv() (*ipc.AuthReply, error)
	Close() error
}

// packets is the Wire to authd.
type packets struct{ *fdpass.Conn }

func (p packets) Send(q *ipc.AuthRequest, handles ...fdpass.Handle) error {
	p.Unix().SetWriteDeadline(time.Now().Add(answerTime)) // who reads nothing does not answer either
	return p.SendHandles(q, handles...)
}

func (p packets) Recv() (*ipc.AuthReply, error) {
	r := new(ipc.AuthReply)
	files, err := p.Conn.Recv(r)
	fdpass.CloseAll(files)
	return r, err
}

// A link is a connection to a server. It lives until the server ends it, or
// until it has been without work for idleTime.
type link struct {
	wire Wire

	mu      sync.Mutex // guards what follows
	last    uint64     // number given
	waiting map[uint64]chan *ipc.AuthReply
	err     error // why it has ended
	retired bool  // nothing begins here any more
	held    int   // who is about to ask, and exchanges that wait for their client
	idle    *time.Timer
}

// unsent is the error of a request that the server has not got.
type unsent struct{ error }

func (u *unsent) Unwrap() error { return u.error }

// newLink takes a Wire over, held.
func newLink(w Wire) *link {
	l := &link{wire: w, waiting: map[uint64]chan *ipc.AuthReply{}, held: 1}
	l.idle = time.AfterFunc(idleTime, l.rest)
	go l.receive()
	return l
}

// hold keeps the link for the next request; it is false when there is none to
// keep.
func (l *link) hold() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.retired {
		return false
	}
	l.held++
	return true
}

// release ends a hold.
func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held--
	l.idle.Reset(idleTime)
}

// number names a new exchange.
func (l *link) number() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.waiting[l.last] = make(chan *ipc.AuthReply, 1)
	return l.last
}

// ask sends a request and waits for its answer, or what stands for it.
func (l *link) ask(ctx context.Context, q *ipc.AuthRequest, seat *Seat) (*ipc.AuthReply, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	l.mu.Lock()
	answer := l.waiting[q.Exchange]
	if answer == nil {
		answer = make(chan *ipc.AuthReply, 1)
		l.waiting[q.Exchange] = answer
	}
	err := l.err
	l.mu.Unlock()
	defer l.done(q.Exchange)
	if err != nil {
		return nil, &unsent{fmt.Errorf("the authentication server has gone: %w", err)}
	}
	if err := l.wire.Send(q, seat.handles()...); err != nil {
		return nil, &unsent{fmt.Errorf("ask the authentication server: %w", err)}
	}
	if q.Op == ipc.AuthBegin && seat != nil && seat.Start.Heard {
		stop := context.AfterFunc(ctx, func() { l.cancel(q.Exchange) })
		heard := seat.Await()
		if stop(); heard {
			return &ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, Seated: true}, nil
		}
	}
	select {
	case r, ok := <-answer:
		if !ok {
			return nil, errors.New("the authentication server has ended without an answer")
		}
		return r, nil
	case <-ctx.Done():
		if q.Op == ipc.AuthBegin || q.Op == ipc.AuthContinue {
			l.cancel(q.Exchange)
		}
		return nil, fmt.Errorf("the authentication server does not answer: %w", ctx.Err())
	}
}

// cancel has the server forget an exchange. If it cannot be said, the exchange ends
// with the connection.
func (l *link) cancel(number uint64) {
	l.wire.Send(&ipc.AuthRequest{Op: ipc.AuthCancel, Exchange: number})
}

// done forgets who waited for an answer.
func (l *link) done(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, number)
}

// rest closes a link without work.
func (l *link) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	if len(l.waiting) > 0 || l.held > 0 {
		l.idle.Reset(idleTime)
		return
	}
	l.end(errors.New("without work"))
}

// retire lets nothing begin here any more.
func (l *link) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
}

// end closes the link; l.mu is held.
func (l *link) end(why error) {
	if l.err == nil {
		l.err = why
		l.idle.Stop()
		l.wire.Close()
		for _, answer := range l.waiting {
			close(answer)
		}
		clear(l.waiting)
	}
}

// receive hands answers to who waits for them, until the end.
func (l *link) receive() {
	for {
		r, err := l.wire.Recv()
		l.mu.Lock()
		if err != nil {
			l.end(err)
			l.mu.Unlock()
			return
		}
		// Nobody waits for the answer to a request that was given up.
		if answer := l.waiting[r.Exchange]; answer != nil {
			select {
			case answer <- r:
			default: // a second answer
			}
		}
		l.mu.Unlock()
	}
}
