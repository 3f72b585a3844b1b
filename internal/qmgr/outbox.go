package qmgr

import (
	"os"
	"sync"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// An outbox is what waits to be sent to one writer. The scheduler fills it and
// never waits; the connection's sender empties it, much in one packet.
type outbox struct {
	mu    sync.Mutex // guards what follows
	lends []ipc.Blank
	files []*os.File // of lends
	dones []ipc.Done
	news  *string
	leave bool // the writer is to be told
	end   bool

	ready chan struct{} // something is in, or end
	// sending is held from before a packet is sent until our copies of its
	// descriptors are closed, and by settle before a packet of the writer is
	// handed on: a commit of a blank never overtakes that close, which would make
	// the file look as if somebody could still write to it.
	sending sync.Mutex
}

// donesAtOnce keeps a packet well below fdpass.MaxPacket.
const donesAtOnce = 256

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

func (o *outbox) lend(b ipc.Blank, f *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.end {
		f.Close()
		return
	}
	o.lends, o.files = append(o.lends, b), append(o.files, f)
}

func (o *outbox) done(d ipc.Done) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dones = append(o.dones, d)
}

func (o *outbox) full(why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.news = &why
}

// retire tells the writer to leave.
func (o *outbox) retire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leave = true
}

// wake tells the sender if there is something to send.
func (o *outbox) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.end || len(o.lends) > 0 || len(o.dones) > 0 || o.news != nil || o.leave {
		select {
		case o.ready <- struct{}{}:
		default:
		}
	}
}

// finish has the sender end when it has sent what is in.
func (o *outbox) finish() {
	o.mu.Lock()
	o.end = true
	o.mu.Unlock()
	o.wake()
}

// next takes one packet's worth out.
func (o *outbox) next() (p ipc.LendPacket, files []*os.File, end bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, d := min(len(o.lends), fdpass.MaxFiles), min(len(o.dones), donesAtOnce)
	p = ipc.LendPacket{Lend: o.lends[:n:n], Done: o.dones[:d:d], Full: o.news, Retire: o.leave}
	files = o.files[:n:n]
	o.lends, o.files, o.dones, o.news, o.leave = o.lends[n:], o.files[n:], o.dones[d:], nil, false
	return p, files, o.end && n == 0 && d == 0 && p.Full == nil && !p.Retire
}

// settle waits until our copies of all descriptors that the writer may have got
// are closed.
func (o *outbox) settle() {
	o.sending.Lock()
	defer o.sending.Unlock()
}

// send sends until finish, or an error, after which the outbox only closes
// what it is given.
func (o *outbox) send(c *fdpass.Conn) {
	var failed error
	for range o.ready {
		for {
			p, files, end := o.next()
			if end {
				return
			}
			if len(p.Lend) == 0 && len(p.Done) == 0 && p.Full == nil && !p.Retire {
				break
			}
			o.sending.Lock()
			if failed == nil {
				failed = c.Send(&p, files...)
			}
			fdpass.CloseAll(files)
			o.sending.Unlock()
			if failed != nil {
				c.Unix().CloseRead() // the receiver ends the conversation
			}
		}
	}
}
