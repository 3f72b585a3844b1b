package smtpd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"yubin/internal/dsn"
	"yubin/internal/smtp"
)

// Sizes of buffers, octets. A session that waits for its client holds
// smallBuffer and no more.
const (
	smallBuffer = 1 << 10
	bigBuffer   = 32 << 10
	maxPending  = 8 << 10 // replies that wait for the client to finish a pipelined group
)

var (
	errTimeout  = errors.New("timeout")
	errShutdown = errors.New("the server is going down")
	errLong     = errors.New("line too long")
)

var bigBuffers = sync.Pool{New: func() any { return new([bigBuffer]byte) }}

// A pace is how much time clients have.
type pace struct {
	timeout time.Duration // for a command; for a reply to be taken
	rate    int           // octets a second of message data once timeout is used up
	// look is when who waits looks whether timeout has become shorter; 0: it cannot.
	look time.Duration
}

// until is the deadline of a wait that began at start and may take left.
func (p pace) until(start time.Time, left time.Duration) time.Time {
	end := start.Add(left)
	if p.look > 0 {
		if next := time.Now().Add(p.look); next.Before(end) {
			return next
		}
	}
	return end
}

// A wire is a connection as commands and replies. Every wait has a deadline.
// Replies gather until the client has nothing more to say (RFC 2920, 3.2).
type wire struct {
	c     net.Conn
	pace  func() pace // as it is now
	limit int         // of a line

	small []byte
	big   *[bigBuffer]byte // nil: small is in use
	in    []byte           // small or big
	r, w  int              // in[r:w] has been read and not yet used
	out   []byte           // replies not yet sent
	said  *dsn.Dialogue    // what the session has said, for the postmaster; nil: he wants to hear of nothing
}

func newWire(c net.Conn, now func() pace, limit int) *wire {
	w := &wire{c: c, pace: now, limit: limit, small: make([]byte, smallBuffer)}
	w.in = w.small
	return w
}

// buffered returns what has come already.
func (w *wire) buffered() []byte { return w.in[w.r:w.w] }

// line returns the next line without its end. bare tells that the end was LF
// alone. The line is valid until the next call. errLong says that a line was
// skipped.
func (w *wire) line(ctx context.Context) (line []byte, bare bool, err error) {
	skipping := false
	var start time.Time // of waiting
	for seen := 0; ; {
		if i := bytes.IndexByte(w.in[w.r+seen:w.w], '\n'); i >= 0 {
			line = w.in[w.r : w.r+seen+i]
			w.r += seen + i + 1
			if skipping || len(line) > w.limit {
				return nil, false, errLong
			}
			if n := len(line); n > 0 && line[n-1] == '\r' {
				return line[:n-1], false, nil
			}
			return line, true, nil
		}
		if w.w-w.r > w.limit {
			skipping = true
		}
		if skipping {
			w.r = w.w
		}
		seen = w.w - w.r
		if start.IsZero() {
			if err := w.flush(); err != nil {
				return nil, false, err
			}
			start = time.Now()
		}
		if err := w.await(ctx, start); err != nil {
			return nil, false, err
		}
	}
}

// await reads more of a command that has been waited for since start. It has one
// deadline: a client that dribbles has no more time than another.
func (w *wire) await(ctx context.Context, start time.Time) error {
	for {
		p := w.pace()
		w.c.SetReadDeadline(p.until(start, p.timeout))
		if ctx.Err() != nil {
			return errShutdown
		}
		err := w.fill()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case ctx.Err() != nil:
			return errShutdown
		case time.Since(start) >= w.pace().timeout:
			return errTimeout
		}
	}
}

// replace goes on with another connection. What has been read of the old one is
// dropped.
func (w *wire) replace(c net.Conn) {
	w.c, w.r, w.w = c, 0, 0
}

// fill reads once. What has been read and not used stays.
func (w *wire) fill() error {
	if w.r == w.w {
		w.r, w.w = 0, 0
	}
	if w.r > 0 {
		w.w = copy(w.in, w.in[w.r:w.w])
		w.r = 0
	}
	if w.w == len(w.in) {
		// Only with small in use: a line is looked for in big while there is
		// more than fits small, and data is taken away at once.
		w.small = append(w.small, make([]byte, len(w.small))...)
		w.in = w.small
	}
	n, err := w.c.Read(w.in[w.w:])
	w.w += n
	if n > 0 {
		return nil
	}
	return err
}

// A budget is the time that a client has left for its message: smtpd_timeout,
// and what it earns by sending.
type budget struct{ left time.Duration }

// more reads message data. What has come is in buffered.
func (w *wire) more(b *budget) error {
	start := time.Now()
	for {
		p := w.pace()
		b.left = min(b.left, p.timeout)
		w.c.SetReadDeadline(p.until(start, b.left))
		err := w.fill()
		spent := time.Since(start)
		switch {
		case err == nil:
			earned := time.Duration(w.w-w.r) * time.Second / time.Duration(p.rate)
			if b.left = min(b.left-spent+earned, p.timeout); b.left <= 0 {
				return errTimeout
			}
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case spent >= min(b.left, w.pace().timeout):
			return errTimeout
		}
		// Woken to look at the pace, or because the server is going down: a message
		// under way may still be finished.
	}
}

// enlarge gets a buffer for message data, unless a large line_length_limit has made
// small at least as large.
func (w *wire) enlarge() {
	if w.big == nil && len(w.small) < bigBuffer {
		w.big = bigBuffers.Get().(*[bigBuffer]byte)
		w.w = copy(w.big[:], w.in[w.r:w.w])
		w.r, w.in = 0, w.big[:]
	}
}

// shrink gives it back. Commands that came behind the message stay.
func (w *wire) shrink() {
	if w.big == nil {
		return
	}
	rest := w.in[w.r:w.w]
	if len(rest) > len(w.small) {
		w.small = make([]byte, len(rest))
	}
	w.w = copy(w.small, rest)
	w.r, w.in = 0, w.small
	bigBuffers.Put(w.big)
	w.big = nil
}

// trim gives up what a long line or a long pipelined group needed.
func (w *wire) trim() {
	if w.r == w.w && w.big == nil && len(w.small) > smallBuffer {
		w.small = make([]byte, smallBuffer)
		w.in, w.r, w.w = w.small, 0, 0
	}
}

// reply adds a reply to those that will be sent.
func (w *wire) reply(r smtp.Reply) error {
	n := len(w.out)
	w.out = r.Append(w.out)
	if w.said != nil {
		w.said.Out(w.out[n:])
	}
	if len(w.out) > maxPending {
		return w.flush()
	}
	return nil
}

// flush sends the replies. A client that does not read them is given up.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.c.SetWriteDeadline(time.Now().Add(w.pace().timeout))
	_, err := w.c.Write(w.out)
	w.out = w.out[:0]
	if cap(w.out) > smallBuffer {
		w.out = nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTimeout
	}
	return err
}
