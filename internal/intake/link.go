package intake

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// maxCommits is the most commits in one packet; with the longest IDs they fill
// half of it.
const maxCommits = 256

// window is after how many blanks the stock is looked at again.
const window = 64

// A link is one connection to qmgr. The Client's mutex guards its fields; one
// goroutine reads, one writes.
type link struct {
	c    *Client
	conn *fdpass.Conn

	ready   []*Blank // at hand, the latest last
	asked   int      // wanted and not yet lent
	level   int      // how many blanks we like to have at hand
	taken   int      // blanks given out since the stock was looked at
	low     int      // the smallest stock since then
	waiters []chan offer
	held    int // blanks that sessions hold
	commits map[string]chan outcome
	asking  int  // commits that qmgr has heard of and not answered
	heard   bool // qmgr has said something: full is what it thinks
	full    bool
	leaving bool // for what has begun alone: qmgr makes way for another
	over    bool // nothing more can be said; replies may still come
	used    time.Time
	rest    *time.Timer

	out  ipc.WriterPacket // to be sent
	wake chan struct{}    // out has something
	quit chan struct{}    // closed when over
}

// An outcome is how a commit ended.
type outcome struct {
	id  string
	err error
}

func newLink(c *Client, conn *fdpass.Conn) *link {
	l := &link{
		c: c, conn: conn, level: 1, commits: make(map[string]chan outcome), used: time.Now(),
		wake: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	l.rest = time.AfterFunc(c.o.Linger, l.linger)
	go l.send()
	go l.receive()
	return l
}

// pop returns a blank that is at hand, or nil.
func (l *link) pop() *Blank {
	n := len(l.ready)
	if n == 0 {
		return nil
	}
	// The latest one's pages are the likeliest to be in memory.
	b := l.ready[n-1]
	l.ready[n-1] = nil
	l.ready = l.ready[:n-1]
	l.held++
	l.used = time.Now()
	l.low = min(l.low, n-1)
	if l.taken++; l.taken == window {
		l.level = max(1, l.level-l.low/2)
		l.taken, l.low = 0, len(l.ready)
	}
	l.demand()
	return b
}

// wait queues for a blank. That somebody has to wait says that the stock is
// too small.
func (l *link) wait() chan offer {
	w := make(chan offer, 1)
	l.waiters = append(l.waiters, w)
	l.level = min(2*l.level, l.c.o.Ahead)
	l.low = 0
	l.demand()
	return w
}

// demand asks for what is missing, half a stock at a time.
func (l *link) demand() {
	need := l.level + len(l.waiters) - len(l.ready) - l.asked
	if need > 0 && (len(l.waiters) > l.asked || need > l.level/2) {
		l.asked += need
		l.out.Want += need
		l.signal()
	}
}

func (l *link) commit(id, as string) <-chan outcome {
	done := make(chan outcome, 1)
	l.commits[id] = done
	l.held--
	l.out.Commit = append(l.out.Commit, ipc.Commit{Blank: id, As: as})
	l.signal()
	return done
}

func (l *link) giveBack(id string) {
	l.held--
	l.used = time.Now()
	l.out.Return = append(l.out.Return, id)
	l.signal()
	l.endIfLeft()
}

func (l *link) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// keep gives b to who waits longest, else to the stock.
func (l *link) keep(b *Blank) {
	switch {
	case l.over, l.leaving:
		b.File.Close()
	case len(l.waiters) > 0:
		w := l.waiters[0]
		l.waiters = l.waiters[1:]
		l.held++
		w <- offer{blank: b}
	default:
		l.ready = append(l.ready, b)
	}
}

// busy tells whether somebody depends on the connection.
func (l *link) busy() bool {
	return l.held > 0 || len(l.commits) > 0 || len(l.waiters) > 0
}

// linger drops a connection that nobody has used for a while.
func (l *link) linger() {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	switch {
	case l.over:
	case l.busy():
		l.rest.Reset(l.c.o.Linger)
	default:
		if left := l.c.o.Linger - time.Since(l.used); left > 0 {
			l.rest.Reset(left)
			return
		}
		l.end(nil)
	}
}

// send is the goroutine that writes. What comes up while a packet is on its
// way travels in the next one.
func (l *link) send() {
	err := l.conn.Send(ipc.Hello{Version: ipc.LendVersion, Role: ipc.RoleLend, Program: l.c.o.Program})
	for err == nil {
		select {
		case <-l.wake:
		case <-l.quit:
			return
		}
		p, more := l.next()
		if more {
			l.signal()
		}
		if p.Want == 0 && len(p.Commit) == 0 && len(p.Return) == 0 {
			continue
		}
		if err = l.conn.Send(&p); err != nil {
			l.c.mu.Lock()
			l.failCommits(p.Commit)
			l.c.mu.Unlock()
		}
	}
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if errors.Is(err, syscall.EPIPE) {
		// A qmgr that ends hears nothing more, but still answers what it heard.
		l.retire()
		return
	}
	l.end(err)
}

// next takes the packet to be sent; more says that something is left.
func (l *link) next() (p ipc.WriterPacket, more bool) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	p, l.out = l.out, ipc.WriterPacket{}
	if l.asking > 0 {
		// qmgr flushes one batch after the other: what it heard now would only
		// wait for the answer too, and make a packet of its own.
		p.Commit, l.out.Commit = nil, p.Commit
	}
	if len(p.Commit) > maxCommits {
		l.out.Commit = p.Commit[maxCommits:]
		p.Commit = p.Commit[:maxCommits:maxCommits]
		more = true
	}
	if len(p.Return) > maxCommits {
		l.out.Return = p.Return[maxCommits:]
		p.Return = p.Return[:maxCommits:maxCommits]
		more = true
	}
	l.asking += len(p.Commit)
	return p, more
}

// failCommits ends commits that qmgr has not heard of.
func (l *link) failCommits(list []ipc.Commit) {
	for _, commit := range list {
		if done := l.commits[commit.Blank]; done != nil {
			delete(l.commits, commit.Blank)
			done <- outcome{err: errLost}
		}
	}
}

// receive is the goroutine that reads, until the connection ends.
func (l *link) receive() {
	for {
		var p ipc.LendPacket
		files, err := l.conn.Recv(&p)
		l.c.mu.Lock()
		l.heard = true
		if errors.Is(err, fdpass.ErrFiles) {
			l.lose(&p)
			err = nil
		}
		if err == nil {
			err = l.accept(&p, files)
		}
		if err != nil {
			l.end(err)
			l.c.mu.Unlock()
			return
		}
		l.c.mu.Unlock()
	}
}

// accept takes what one packet says.
func (l *link) accept(p *ipc.LendPacket, files []*os.File) error {
	if len(files) != len(p.Lend) {
		fdpass.CloseAll(files)
		return fmt.Errorf("%d blanks came with %d files", len(p.Lend), len(files))
	}
	for i, b := range p.Lend {
		if !queue.ValidID(b.ID) || b.Size < 0 {
			fdpass.CloseAll(files[i:])
			return fmt.Errorf("blank with ID %q and size %d", b.ID, b.Size)
		}
		l.asked = max(l.asked-1, 0)
		l.keep(&Blank{ID: b.ID, Size: b.Size, File: files[i], link: l})
	}
	for _, d := range p.Done {
		if err := l.settle(d); err != nil {
			return err
		}
	}
	if p.Full != nil {
		l.setFull(*p.Full)
	}
	if p.Retire {
		l.makeWay()
	}
	l.endIfLeft()
	return nil
}

// lose gives back the blanks of a packet whose descriptors were lost, for want of
// room in this process. What the packet says of commits counts none the less.
func (l *link) lose(p *ipc.LendPacket) {
	for _, b := range p.Lend {
		l.asked = max(l.asked-1, 0)
		l.out.Return = append(l.out.Return, b.ID)
	}
	p.Lend = nil
	l.tell(ErrFull)
	l.signal()
}

func (l *link) settle(d ipc.Done) error {
	done := l.commits[d.Blank]
	if done == nil {
		return fmt.Errorf("answer to a commit of %q, which is not under way", d.Blank)
	}
	delete(l.commits, d.Blank)
	l.used = time.Now()
	if l.asking--; l.asking == 0 && len(l.out.Commit) > 0 {
		l.signal()
	}
	o := outcome{id: d.ID}
	if d.ID == "" {
		o.err = &Refused{d.Error}
	}
	done <- o
	return nil
}

// setFull is told why nothing is lent, or "" when blanks come again. What was
// wanted stays wanted.
func (l *link) setFull(why string) {
	l.full = why != ""
	if !l.full {
		l.demand()
		return
	}
	l.tell(ErrFull)
}

// tell ends the wait of everybody who wants a blank.
func (l *link) tell(err error) {
	for _, w := range l.waiters {
		w <- offer{err: err}
	}
	l.waiters = nil
}

// makeWay begins nothing new on the connection: qmgr makes way for another, who
// does not know the blanks that this one has lent. What is at hand it gets back
// when the connection ends.
func (l *link) makeWay() {
	if l.over || l.leaving {
		return
	}
	l.leaving, l.full = true, false
	if l.c.link == l {
		l.c.link = nil
	}
	l.dropReady()
	l.tell(errLost)
}

// endIfLeft ends a connection that is being left when nothing is on it.
func (l *link) endIfLeft() {
	if l.leaving && !l.over && !l.busy() {
		l.end(nil)
	}
}

func (l *link) dropReady() {
	for _, b := range l.ready {
		b.File.Close()
	}
	l.ready = nil
}

// retire stops using the connection for anything new. Commits that qmgr has
// heard of may still be answered.
func (l *link) retire() {
	if l.over {
		return
	}
	l.over, l.full = true, false
	close(l.quit)
	l.rest.Stop()
	if l.c.link == l {
		l.c.link = nil
	}
	l.dropReady()
	l.tell(errLost)
	l.failCommits(l.out.Commit)
	l.out = ipc.WriterPacket{}
}

// end gives up the connection and everything that waits for it. err is nil
// when that is our own wish.
func (l *link) end(err error) {
	if err != nil && !l.over && err != io.EOF && l.c.o.Log != nil {
		l.c.o.Log.Warn("connection to qmgr: %v", err)
	}
	l.retire()
	l.conn.Close()
	for id, done := range l.commits {
		delete(l.commits, id)
		done <- outcome{err: errLost}
	}
}
