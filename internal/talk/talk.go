// Package talk is the connection of a server whose clients speak in lines:
// lines of bounded length come in, replies gather until the client has nothing
// more to say (pipelining), and every wait has a deadline. A connection that
// waits for its client holds no buffer.
package talk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// What ends a wait, beside errors of the connection.
var (
	ErrTimeout = errors.New("timeout")
	ErrLong    = errors.New("line too long")
)

// Sizes of buffers, octets.
const (
	inBuffer   = 2 << 10
	maxPending = 16 << 10 // replies that wait for the client to finish a pipelined group
)

// A Conn is a connection as lines and replies. One goroutine uses it.
type Conn struct {
	c       net.Conn
	timeout time.Duration

	in   []byte // nil: nothing is in it
	r, w int    // in[r:w] has been read and not yet used
	out  []byte // not yet sent
	skip bool   // the rest of a line that was too long

	base  net.Conn     // c as it was at first: its deadlines are those of what came above it
	ended func() error // why nothing is to be waited for any more
	woken atomic.Bool
	bound time.Time // no wait lasts beyond it; zero: there is none

	taken    time.Time     // until when output is to be taken; zero: the timeout alone counts
	farewell time.Duration // what there is for output beyond that, and beyond the context
	failed   error         // of output: nothing can be said any more

	received, sent int64 // octets
}

// New returns a Conn over c. unread came from the client before. timeout is for
// a line to come, and for output to be taken.
func New(c net.Conn, timeout time.Duration, unread []byte) *Conn {
	return &Conn{
		c: c, base: c, timeout: timeout, in: unread, w: len(unread), received: int64(len(unread)),
		ended: func() error { return nil },
	}
}

// Bound has no wait of Peek, Read or Wait last beyond by.
func (t *Conn) Bound(by time.Time) { t.bound = by }

// BoundOutput has the client take what is sent by then. What is sent later, or
// when the context has ended, has the time of farewell: a client that takes nothing shall not
// stay longer than one that says nothing. It comes before Context.
func (t *Conn) BoundOutput(by time.Time, farewell time.Duration) { t.taken, t.farewell = by, farewell }

// Octets are how many came and went.
func (t *Conn) Octets() (received, sent int64) { return t.received, t.sent }

// Net is the connection beneath.
func (t *Conn) Net() net.Conn { return t.c }

// Socket is the connection beneath all that it has been rebased on.
func (t *Conn) Socket() net.Conn { return t.base }

// Rebase goes on over c, such as TLS over what was there. Nothing of what came
// before may count (THREATS: plain text behind STLS).
func (t *Conn) Rebase(c net.Conn) {
	t.c, t.in, t.r, t.w, t.skip, t.failed = c, nil, 0, 0, false, nil
}

// Pending is what has come and was not used. It is valid until the next read.
func (t *Conn) Pending() []byte { return t.in[t.r:t.w] }

// Context has a read that waits end when ctx does. The result undoes it.
func (t *Conn) Context(ctx context.Context) (stop func() bool) {
	t.ended = func() error { return context.Cause(ctx) }
	bounded := !t.taken.IsZero()
	return context.AfterFunc(ctx, func() {
		t.base.SetReadDeadline(time.Unix(1, 0))
		if bounded {
			t.base.SetWriteDeadline(time.Now().Add(t.farewell))
		}
	})
}

// Line returns the next line without its end, CR LF or LF, which is valid until
// the next call. ErrLong says that a line of more than limit octets was skipped.
// by is when patience ends; zero: the timeout from now on.
func (t *Conn) Line(ctx context.Context, limit int, by time.Time) ([]byte, error) {
	waiting := false
	for seen := 0; ; {
		if i := bytes.IndexByte(t.in[t.r+seen:t.w], '\n'); i >= 0 {
			line := t.in[t.r : t.r+seen+i]
			t.r += seen + i + 1
			if t.skip || len(line) > limit+1 {
				t.skip = false
				return nil, ErrLong
			}
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		if t.w-t.r > limit+1 {
			t.skip = true
		}
		if t.skip {
			t.r = t.w
		}
		seen = t.w - t.r
		if !waiting {
			waiting = true
			if err := t.Flush(); err != nil {
				return nil, err
			}
			// One deadline for the whole line: a client that dribbles has no
			// more time than another.
			if by.IsZero() {
				by = time.Now().Add(t.timeout)
			}
			t.c.SetReadDeadline(by)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
		if err := t.fill(); err != nil {
			return nil, cause(ctx, err)
		}
	}
}

// A waiter can tell that there is something to read (sock.Conn, deflate.Conn).
type waiter interface{ Wait() error }

// fill reads once. What has been read and not used stays.
func (t *Conn) fill() error {
	if t.r == t.w {
		t.in, t.r, t.w = nil, 0, 0
		if w, ok := t.c.(waiter); ok {
			if err := w.Wait(); err != nil {
				return err
			}
		}
	}
	if t.r > 0 {
		t.w = copy(t.in, t.in[t.r:t.w])
		t.r = 0
	}
	if t.w == len(t.in) {
		t.in = append(t.in[:t.w:t.w], make([]byte, max(inBuffer, len(t.in)))...)
	}
	n, err := t.c.Read(t.in[t.w:])
	t.w += n
	t.received += int64(n)
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// cause tells a deadline from the end of ctx, which comes as a deadline.
func cause(ctx context.Context, err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ErrTimeout
}

// Printf adds to the output.
func (t *Conn) Printf(format string, args ...any) error {
	t.out = fmt.Appendf(t.out, format, args...)
	if len(t.out) > maxPending {
		return t.Flush()
	}
	return nil
}

// Write adds to the output. Much of it goes out at once.
func (t *Conn) Write(p []byte) (int, error) {
	if len(p) < maxPending/4 {
		t.out = append(t.out, p...)
		if len(t.out) <= maxPending {
			return len(p), nil
		}
		return len(p), t.Flush()
	}
	if err := t.Flush(); err != nil {
		return 0, err
	}
	return len(p), t.send(p)
}

// Flush sends the output. A client that does not take it is given up.
func (t *Conn) Flush() error {
	if len(t.out) == 0 {
		return nil
	}
	err := t.send(t.out)
	t.out = nil
	return err
}

// piece is how much a client has to take within the timeout.
const piece = 64 << 10

// send sends. Behind what was sent in part nothing can be said.
func (t *Conn) send(p []byte) error {
	for len(p) > 0 && t.failed == nil {
		n := min(len(p), piece)
		t.await()
		if _, err := t.c.Write(p[:n]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = ErrTimeout
			}
			t.failed = err
			break
		}
		t.sent += int64(n)
		p = p[n:]
	}
	return t.failed
}

// await sets how long the next piece may take.
func (t *Conn) await() {
	now := time.Now()
	by := now.Add(t.timeout)
	if t.taken.IsZero() {
		t.c.SetWriteDeadline(by)
		return
	}
	last := now.Add(min(t.farewell, t.timeout))
	if by.After(t.taken) {
		by = t.taken
	}
	if by.Before(last) {
		by = last
	}
	t.c.SetWriteDeadline(by)
	if t.ended() != nil { // after that: its end sets a deadline too
		t.c.SetWriteDeadline(last)
	}
}

// Buffers are for whoever moves much between two places.
var Buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}
