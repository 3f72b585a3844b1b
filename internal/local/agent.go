package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"yubin/internal/durable"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/maillog"
)

// A flusher is durable.Flusher, or stands in for it in tests.
type flusher interface {
	FlushAll(items []durable.Item) []error
}

// A mailbox is where a recipient's mail goes, and with whose rights.
type mailbox struct {
	place maildir.Place
	as    identity
}

// A transport finds out what is to be done for one recipient. It returns a
// mailbox, or results that hold what the recipient expands to, or an error.
type transport interface {
	find(l *letter, r *ipc.Recipient) (*mailbox, []ipc.Result, error)
}

// An agent answers delivery requests. Its fields do not change.
type agent struct {
	log        *maillog.Logger
	host       string // in the names of Maildir files
	trusted    map[uint32]bool
	transports map[string]transport // by ipc.Request.Transport
	ids        *switcher
	flush      flusher
	work       chan struct{} // full when as many deliveries write as may
	open       *budget       // descriptors
}

// serve answers the requests of one client until it closes.
func (a *agent) serve(_ context.Context, c net.Conn) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		a.log.Warn("connection on a %s socket: want unixpacket", c.LocalAddr().Network())
		return
	}
	conn := fdpass.New(u)
	if err := a.admit(conn); err != nil {
		a.log.Warn("%v", err)
		return
	}
	var requests sync.WaitGroup
	defer requests.Wait()
	for {
		req := new(ipc.Request)
		files, err := conn.Recv(req)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				a.log.Warn("read a delivery request: %v", err)
			}
			return
		}
		// Reading waits here while too much is open: the client's window fills.
		n := a.open.take(filesPerRequest + filesPerRecipient*len(req.Recipients))
		requests.Go(func() {
			defer a.open.give(n)
			defer fdpass.CloseAll(files)
			a.handle(conn, req, files)
		})
	}
}

// admit checks who is at the other end: beside the socket's mode, since a
// request names any mailbox.
func (a *agent) admit(conn *fdpass.Conn) error {
	peer, err := conn.Peer()
	if err != nil {
		return fmt.Errorf("who sends delivery requests: %w", err)
	}
	if !a.trusted[peer.Uid] {
		return fmt.Errorf("delivery requests from uid %d (process %d): not the queue manager", peer.Uid, peer.Pid)
	}
	return nil
}

// Descriptors that requests hold while their mailboxes are flushed.
const (
	filesPerRequest   = 1
	filesPerRecipient = 5 // the file, new/, and cur/ or what was made above it
)

// A budget is a number of things that may be in use at once.
type budget struct {
	mu    sync.Mutex // guards free
	more  sync.Cond
	free  int
	total int
}

func newBudget(total int) *budget {
	b := &budget{free: total, total: total}
	b.more.L = &b.mu
	return b
}

// take waits until n are free and takes them, or all where n is more than there
// are. It returns how many it took.
func (b *budget) take(n int) int {
	n = min(n, b.total)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.free < n {
		b.more.Wait()
	}
	b.free -= n
	return n
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.more.Broadcast()
}

// reservedFiles are descriptors that deliveries do not use: sockets, tables,
// directories that are open for a moment.
const reservedFiles = 64

// descriptorBudget leaves room for everything else that the process opens.
func descriptorBudget(limit uint64, workers int) int {
	spare := reservedFiles + 4*workers
	return max(int(min(limit, 1<<20))-spare, filesPerRequest+filesPerRecipient)
}
