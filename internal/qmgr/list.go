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
	// readTime is what a client has to take a packet.
	readTime = time.Minute
)

// listed are the directories in the order of a listing.
var listed = [...]string{queue.DirMaildrop, queue.DirIncoming, queue.DirDeferred, queue.DirHold}

// list sends the whole queue. It reads the directories itself: the scheduler
// only says what is being tried.
func (s *scheduler) list(c *fdpass.Conn, routes bool) error {
	active := map[string]bool{}
	l := lister{c: c}
	s.ask(func() {
		if routes {
			l.route = s.resolve
		}
		for id := range s.messages {
			active[id] = true
		}
	})
	for _, dir := range listed {
		err := queue.List(s.store.Path(), dir, func(m *queue.Listed) bool {
			name := dir
			if active[m.ID] {
				name = "active"
			}
			l.message(name, m)
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

// A lister gathers entries into packets.
type lister struct {
	c       *fdpass.Conn
	route   resolver   // nil: ways are not said
	files   []*os.File // beside the first packet
	entries []ipc.Entry
	octets  int
	err     error
}

func (l *lister) send() {
	if l.err == nil && len(l.entries) > 0 {
		l.c.Unix().SetWriteDeadline(time.Now().Add(readTime))
		l.err = l.c.Send(&ipc.ControlReply{Entries: l.entries}, l.files...)
		l.files = nil
	}
	l.entries, l.octets = l.entries[:0], 0
}

// message adds a message, in as many entries as its recipients need.
func (l *lister) message(name string, m *queue.Listed) {
	if m.Err != nil {
		return // incomplete in maildrop, or a blank's turn
	}
	e := head(name, m)
	for n := range m.Message.Env.Recipients {
		r := m.Message.Result(n)
		if r.Done() {
			continue
		}
		e.Recipients = append(e.Recipients, l.recipient(m.Message, n, r))
		if len(e.Recipients) == recipientsAtOnce || l.octets > listOctets {
			l.entries = append(l.entries, e)
			l.send()
			e = head(name, m)
		}
	}
	if len(e.Recipients) > 0 {
		l.entries = append(l.entries, e)
		l.octets += len(e.Sender)
	}
	if len(l.entries) >= entriesAtOnce || l.octets > listOctets {
		l.send()
	}
}

// recipient says what is known of one who waits.
func (l *lister) recipient(m *queue.Message, n int, r queue.Result) ipc.EntryRecipient {
	env := &m.Env.Recipients[n]
	e := ipc.EntryRecipient{
		Index: n, Address: env.Address, Original: env.Original,
		Reason: r.Reason(), Code: r.Code, Host: r.Host, Tried: r.Time,
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

func head(name string, m *queue.Listed) ipc.Entry {
	e := ipc.Entry{
		Queue: name, ID: m.ID, Arrival: m.Message.Arrival, Size: int64(m.Message.Content), Sender: m.Message.Env.Sender,
	}
	if name == queue.DirDeferred {
		e.Next = m.Mtime.UnixMicro()
	}
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
		l := lister{c: c, route: route, files: []*os.File{f}}
		listed := &queue.Listed{ID: id, Dir: dir, Mtime: info.ModTime(), Message: m}
		l.message(name, listed)
		if l.files != nil && len(l.entries) == 0 { // nobody waits
			l.entries = []ipc.Entry{head(name, listed)}
		}
		if l.send(); l.err != nil {
			return l.err
		}
		return c.Send(&ipc.ControlReply{End: true})
	}
	return c.Send(&ipc.ControlReply{Missing: r.IDs, End: true})
}
