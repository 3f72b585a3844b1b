// Package intake is the writers' side of the queue: smtpd and pickup borrow
// blank queue files from qmgr, fill them, and ask qmgr to make the message safe
// (package ipc has the conversation, docs/IPC.md the dialogue).
//
// A process has one Client, and that has at most one connection to qmgr at a
// time, shared by all sessions. A few blanks are kept at hand, so that a
// session seldom waits; commits of many sessions travel in one packet while the
// one before is on its way. After a while without work the connection is
// dropped, so that qmgr can end; the next need dials again.
//
// The package opens no file, knows no name of the queue directory and never
// says that a message is safe when qmgr has not said so: when the connection
// ends, the outcome of every commit under way is ErrDown.
package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/maillog"
)

// Errors of Blank and Commit.
var (
	// ErrFull: the queue takes no mail for now; the peer may come again.
	ErrFull = errors.New("the queue takes no mail for now")
	// ErrDown: qmgr cannot be reached, or it went away before it answered. A
	// message that was to be committed is not known to be safe.
	ErrDown = errors.New("the queue manager does not answer")
)

// A Refused is a commit that qmgr declined. The message is not in the queue.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return "commit refused: " + r.Reason }

const (
	defaultAhead  = 32
	defaultLinger = 5 * time.Second
)

// Options of New.
type Options struct {
	Dial    func() (*fdpass.Conn, error) // connects to public/qmgr; it must not block
	Program string                       // who we are, for qmgr's log
	Log     *maillog.Logger              // nil: say nothing
	Ahead   int                          // most blanks kept at hand; 0: 32
	Linger  time.Duration                // how long an unused connection is kept; 0: 5 s
}

// A Client borrows blanks and commits messages. It is safe for concurrent use.
type Client struct {
	o Options

	mu     sync.Mutex // guards what follows, and every link
	link   *link      // nil: not connected
	closed bool
}

// A Blank is a queue file to write one message on. Who holds it gives it to
// Commit or to Return, once.
type Blank struct {
	ID   string   // of the message to be
	Size int64    // octets that the file has now
	File *os.File // write-only

	link *link
}

// New returns a Client. It connects at the first need.
func New(o Options) *Client {
	if o.Ahead <= 0 {
		o.Ahead = defaultAhead
	}
	if o.Linger <= 0 {
		o.Linger = defaultLinger
	}
	return &Client{o: o}
}

// Blank returns a blank queue file; it waits for one until ctx ends.
func (c *Client) Blank(ctx context.Context) (*Blank, error) {
	b, err := c.take(ctx)
	if errors.Is(err, errLost) {
		// qmgr went away while we waited: nothing of ours was with it, and its
		// successor may have what it had not.
		b, err = c.take(ctx)
	}
	return b, err
}

// errLost is what those get who waited for a blank on a connection that ended.
var errLost = fmt.Errorf("%w: the connection ended", ErrDown)

// An offer is what somebody who waits for a blank gets.
type offer struct {
	blank *Blank
	err   error
}

func (c *Client) take(ctx context.Context) (*Blank, error) {
	c.mu.Lock()
	l, err := c.connect()
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	if l.full {
		c.mu.Unlock()
		return nil, ErrFull
	}
	if b := l.pop(); b != nil {
		c.mu.Unlock()
		return b, nil
	}
	w := l.wait()
	c.mu.Unlock()
	select {
	case o := <-w:
		return o.blank, o.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l.leave(w)
	return nil, fmt.Errorf("%w: %w", ErrDown, ctx.Err())
}

// connect returns the connection in use, or makes one. The caller holds mu.
func (c *Client) connect() (*link, error) {
	switch {
	case c.closed:
		return nil, fmt.Errorf("%w: closed", ErrDown)
	case c.link != nil:
		return c.link, nil
	}
	conn, err := c.o.Dial()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	c.link = newLink(c, conn)
	return c.link, nil
}

// Commit asks qmgr to make the message on b safe, and returns its queue ID when
// it is. The file is closed already (queue.Writer does that). as is the ID in
// the message's header when that is not b's, else "". Whatever Commit returns,
// b is used up. An error other than *Refused leaves it open whether the message
// is in the queue.
func (c *Client) Commit(ctx context.Context, b *Blank, as string) (id string, err error) {
	done, err := c.submit(b, as)
	if err != nil {
		return "", err
	}
	select {
	case o := <-done:
		return o.id, o.err
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrDown, ctx.Err())
	}
}

func (c *Client) submit(b *Blank, as string) (<-chan outcome, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.link.over {
		return nil, errLost
	}
	return b.link.commit(b.ID, as), nil
}

// Return gives an unused or spoiled blank back and closes its file.
func (c *Client) Return(b *Blank) {
	b.File.Close() // a spoiled one may be closed already
	c.mu.Lock()
	defer c.mu.Unlock()
	if !b.link.over {
		b.link.giveBack(b.ID)
	}
}

// fullPatience is how long Full waits for qmgr's first word. Who asks for a blank
// later is patient, too.
const fullPatience = 5 * time.Second

// Full tells whether qmgr takes no mail for now. Where nothing has been heard of it,
// Full asks for a blank, which stays at hand. A qmgr that does not answer is not full:
// whoever wants a blank hears what is wrong.
func (c *Client) Full(ctx context.Context) bool {
	c.mu.Lock()
	if l := c.link; l != nil && l.heard {
		defer c.mu.Unlock()
		return l.full
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, fullPatience)
	defer cancel()
	b, err := c.Blank(ctx)
	if err != nil {
		return errors.Is(err, ErrFull)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b.link.held--
	b.link.keep(b)
	b.link.endIfLeft()
	return false
}

// Idle tells whether nobody waits, holds a blank or commits; if so it drops the
// connection.
func (c *Client) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return true
	}
	if c.link.busy() {
		return false
	}
	c.link.end(nil)
	return true
}

// Close drops the connection; from now on every call fails with ErrDown.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.link != nil {
		c.link.end(nil)
	}
}

// leave takes w from those who wait; what came for it meanwhile is kept for
// the next one.
func (l *link) leave(w chan offer) {
	if i := slices.Index(l.waiters, w); i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
		return
	}
	if o := <-w; o.blank != nil {
		l.held--
		l.keep(o.blank)
	}
}
