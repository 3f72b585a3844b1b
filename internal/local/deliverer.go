package local

import (
	"context"
	"os"
	"sync"

	"yubin/internal/agent"
	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/maillog"
)

// A flusher is durable.Flusher, or stands in for it in tests.
type flusher interface {
	FlushAll(items []durable.Item) []error
}

// An action is what is to be done for one recipient: something is delivered to,
// or there are results already.
type action struct {
	to      target
	results []ipc.Result
	sender  *string // in place of the message's; nil: that
}

// A target is what a message is delivered to.
type target interface {
	deliver(a *deliverer, l *letter, k *task) error
}

// A transport finds out what is to be done for one recipient.
type transport interface {
	find(l *letter, r *ipc.Recipient) (*action, error)
}

// A deliverer carries out delivery requests. Its fields do not change.
type deliverer struct {
	log        *maillog.Logger
	host       string               // in the names of Maildir files
	transports map[string]transport // by ipc.Request.Transport
	ids        *switcher
	boxes      *maildir.Boxes
	quota      quotas
	open       *budget // descriptors
	crew       *crew
	finish     *finisher
	delivered  map[string]bool // prepend_delivered_header
	noOriginal bool            // enable_original_recipient = no
	sync       func(*os.File) error
	ending     context.Context // ends when the process must
}

// server returns who receives the requests of these users.
func (a *deliverer) server(trusted map[uint32]bool) *agent.Server {
	return &agent.Server{Log: a.log, Trusted: trusted, Handle: a.handle}
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

const (
	// reservedFiles are descriptors that deliveries do not use: sockets, tables,
	// directories that are open for a moment.
	reservedFiles = 64
	// openBoxes is how many mailboxes are kept open, where limits allow.
	openBoxes = 256
)

// boxBudget is how many mailboxes may be kept open: a quarter of the limit at
// most goes to them.
func boxBudget(limit uint64) int {
	return int(min(limit/4/maildir.FilesPerBox, openBoxes))
}

// descriptorBudget leaves room for everything else that the process opens.
func descriptorBudget(limit uint64, workers int) int {
	spare := reservedFiles + 4*workers + maildir.FilesPerBox*boxBudget(limit)
	return max(int(min(limit, 1<<20))-spare, filesPerRequest+filesPerRecipient)
}
