package qmgr

import (
	"os"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// Sizes of the packets of a listing.
const (
	entriesAtOnce    = 64
	recipientsAtOnce = 100
	listOctets       = 64 << 10 // of strings; JSON may double them
	packedOctets     = 24 << 10 // with listOctets, in base64, they fit a packet
	// readTime is what a client has to take a packet.
	readTime = time.Minute
)

// listed are the directories in the order of a listing.
var listed = [...]string{queue.DirMaildrop, queue.DirIncoming, queue.DirDeferred, queue.DirHold}

// list sends the queue, or what a filter chooses of it. It reads the directories
// itself: the scheduler only says what is being tried. What it holds of the queue
// is what queue.List does.
func (s *scheduler) list(c *fdpass.Conn, r *ipc.ControlRequest) error {
	choice := s.choice(r.Filter)
	l := s.lister(c)
	l.pack = r.Packed
	if r.Routes {
		l.route = choice.resolve
	}
	shelf := s.shelf
	if !r.Packed || r.Routes || choice.filter.Needs() {
		shelf = newShelf(0) // other entries than those that are kept
	}
	shelf.begin()
	defer shelf.end()
	for _, dir := range listed {
		if !choice.filter.InQueue(dir) && !choice.filter.InQueue("active") {
			continue
		}
		err := queue.ListUnknown(s.store.Path(), dir, choice.known(shelf, dir), func(m *queue.Listed) bool {
			if m.Known != nil {
				l.packed = append(l.packed, m.Known...)
			} else if choice.has(m) { // not: incomplete in maildrop, or a blank's turn
				l.remember(shelf, choice.queue(m.ID, dir), m)
			}
			l.sendFull()
			return l.err == nil
		})
		if l.err != nil {
			return l.err
		}
		if err != nil && !os.IsPermission(err) {
			return c.Send(&ipc.ControlReply{Error: err.Error(), End: true})
		}
	}
	l.send()
	if l.err != nil {
		return l.err
	}
	return c.Send(&ipc.ControlReply{End: true})
}

// known returns what looks at a shelf for those messages in dir that are not being tried
// and are chosen for their queue alone.
func (c *choice) known(h *shelf, dir string) func(id string) []byte {
	if dir != queue.DirDeferred || !c.filter.InQueue(dir) {
		return func(string) []byte { return nil }
	}
	return func(id string) []byte {
		if c.active[id] {
			return nil
		}
		return h.get(id)
	}
}

// remember adds a message, and puts what it adds on the shelf.
func (l *lister) remember(h *shelf, name string, m *queue.Listed) {
	start, sends := len(l.packed), l.sends
	l.message(name, m)
	// What was sent in parts is not kept.
	if name == queue.DirDeferred && l.sends == sends && len(l.packed) > start {
		h.put(m.ID, l.packed[start:])
	}
}

// lister makes one that knows how long mail is kept.
func (s *scheduler) lister(c *fdpass.Conn) *lister {
	l := &lister{c: c}
	s.ask(func() { l.lifetime, l.bounceLifetime = s.p.lifetime, s.p.bounceLifetime })
	return l
}

// A lister gathers entries into packets.
type lister struct {
	c       *fdpass.Conn
	route   resolver   // nil: ways are not said
	files   []*os.File // beside the first packet
	entries []ipc.Entry
	pack    bool
	packed  []byte // in place of entries
	octets  int
	sends   int
	err     error

	lifetime, bounceLifetime time.Duration
}

func (l *lister) send() {
	if l.err == nil && len(l.entries)+len(l.packed) > 0 {
		l.c.Unix().SetWriteDeadline(time.Now().Add(readTime))
		l.err = l.c.Send(&ipc.ControlReply{Entries: l.entries, Packed: l.packed}, l.files...)
		l.files = nil
	}
	l.entries, l.packed, l.octets = l.entries[:0], l.packed[:0], 0
	l.sends++
}

// add adds an entry.
func (l *lister) add(e *ipc.Entry) {
	l.octets += len(e.Sender)
	if l.pack {
		l.packed = ipc.AppendEntry(l.packed, e)
		return
	}
	l.entries = append(l.entries, *e)
}

// message adds a message, in as many entries as its recipients need.
func (l *lister) message(name string, m *queue.Listed) {
	e := l.head(name, m)
	for n := range m.Message.Env.Recipients {
		r := m.Message.Result(n)
		if r.Done() {
			continue
		}
		e.Recipients = append(e.Recipients, l.recipient(m.Message, n, r))
		if len(e.Recipients) == recipientsAtOnce || l.octets > listOctets {
			l.add(&e)
			l.send()
			e = l.head(name, m)
		}
	}
	if len(e.Recipients) > 0 {
		l.add(&e)
	}
}

// sendFull sends what has gathered if it is enough for a packet.
func (l *lister) sendFull() {
	if len(l.entries) >= entriesAtOnce || len(l.packed) > packedOctets || l.octets > listOctets {
		l.send()
	}
}

// recipient says what is known of one who waits.
func (l *lister) recipient(m *queue.Message, n int, r queue.Result) ipc.EntryRecipient {
	env := &m.Env.Recipients[n]
	e := ipc.EntryRecipient{
		Index: n, Address: env.Address, Original: env.Original,
		Reason: r.Reason(), Code: r.Code, Host: r.Host, Tried: r.Time, Attempts: r.Attempts,
	}
	if l.route != nil {
		to, err := l.route.of(m.Env, env.Address)
		if e.Transport, e.Nexthop, e.Rule = to.transport, to.nexthop, to.rule; err != nil {
			e.Rule = "unknown: " + err.Error()
		}
	}
	l.octets += len(e.Address) + len(e.Original) + len(e.Reason) + len(e.Host) + len(e.Nexthop) + len(e.Rule)
	return e
}

// head is what an entry says of the message.
func (l *lister) head(name string, m *queue.Listed) ipc.Entry {
	env := m.Message.Env
	e := ipc.Entry{
		Queue: name, ID: m.ID, Arrival: m.Message.Arrival, Size: int64(m.Message.Content), Sender: env.Sender, Expired: m.Message.Expired,
	}
	if name == queue.DirDeferred {
		e.Next = m.Mtime.UnixMicro()
	}
	since, lifetime := e.Arrival, l.lifetime
	if release := env.Release(); !release.IsZero() {
		since = max(since, release.UnixMicro())
	}
	if env.Sender == "" {
		lifetime = l.bounceLifetime
	}
	e.Expires = since + lifetime.Microseconds()
	return e
}

// show sends one message whole, its file beside it.
func (s *scheduler) show(c *fdpass.Conn, r *ipc.ControlRequest) error {
	for _, id := range r.IDs {
		if !queue.ValidID(id) {
			continue
		}
		dir, name := "", ""
		var route resolver
		s.ask(func() {
			route = s.resolve
			dir = s.store.InQueue(id)
			if name = dir; s.messages[id] != nil {
				name = "active"
			}
		})
		if dir == "" {
			continue
		}
		m, f, err := s.store.Load(id, dir)
		if err != nil {
			return c.Send(&ipc.ControlReply{Error: err.Error(), End: true})
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return c.Send(&ipc.ControlReply{Error: err.Error(), End: true})
		}
		l := s.lister(c)
		l.route, l.files = route, []*os.File{f}
		listed := &queue.Listed{ID: id, Dir: dir, Mtime: info.ModTime(), Message: m}
		l.message(name, listed)
		if l.files != nil && len(l.entries) == 0 { // nobody waits
			l.entries = []ipc.Entry{l.head(name, listed)}
		}
		if l.send(); l.err != nil {
			return l.err
		}
		return c.Send(&ipc.ControlReply{End: true})
	}
	return c.Send(&ipc.ControlReply{Missing: r.IDs, End: true})
}
