package maildir

import (
	"container/list"
	"errors"
	"io/fs"
	"os"
	"sync"
)

// FilesPerBox is how many descriptors an open Maildir holds: base, the Maildir,
// tmp/, new/.
const FilesPerBox = 4

// Boxes keeps Maildirs open between deliveries: opening one costs more than
// writing into it. Before each use it is looked up again by its path, so a
// mailbox that was moved, removed or taken away gets nothing more.
type Boxes struct {
	most int

	mu   sync.Mutex // guards what follows
	open map[Place]*box
	used list.List // the same boxes, the one used last first
}

// NewBoxes returns a Boxes that keeps the most recently used Maildirs open, so
// many of them.
func NewBoxes(most int) *Boxes { return &Boxes{most: most, open: map[Place]*box{}} }

// Deliver puts m into the Maildir at p. Nothing is flushed when it returns.
// The caller calls Flushed when that is done, and in any case closes the
// Delivery.
func (bs *Boxes) Deliver(p *Place, m *Message) (*Delivery, error) {
	for {
		b, old, err := bs.take(p)
		if err != nil {
			return nil, err
		}
		d, err := b.deliver(m)
		if err == nil {
			d.boxes, d.box = bs, b
			d.Dirs = append(bs.leading(b), d.more...)
			return d, nil
		}
		bs.drop(b)
		bs.give(b)
		// tmp/ may have been removed under a box that was open already.
		if !old || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// take returns an open Maildir; old says that it was so before.
func (bs *Boxes) take(p *Place) (b *box, old bool, err error) {
	bs.mu.Lock()
	if b = bs.open[*p]; b != nil {
		b.users++
		bs.used.MoveToFront(b.kept)
	}
	bs.mu.Unlock()
	if b != nil {
		if b.current() {
			return b, true, nil
		}
		bs.drop(b)
		bs.give(b)
	}
	if b, err = openBox(p); err != nil {
		return nil, false, err
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b.users, b.settled = 1, len(b.made) == 0
	if bs.open[*p] == nil { // else another delivery was faster, and this box is for once
		for bs.used.Len() > 0 && bs.used.Len() >= bs.most {
			bs.forget(bs.used.Back().Value.(*box))
		}
		b.kept = bs.used.PushFront(b)
		bs.open[*p] = b
	}
	return b, false, nil
}

// forget takes b out; who still uses it closes it. The caller holds mu.
func (bs *Boxes) forget(b *box) {
	if b.kept == nil {
		return
	}
	bs.used.Remove(b.kept)
	b.kept = nil
	delete(bs.open, b.place)
	if b.users == 0 {
		b.close()
	}
}

func (bs *Boxes) drop(b *box) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.forget(b)
}

// leading returns the directories to flush after a delivery into b.
func (bs *Boxes) leading(b *box) []*os.File {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	dirs := make([]*os.File, 0, len(b.made)+1)
	if !b.settled {
		dirs = append(dirs, b.made...)
	}
	return append(dirs, b.new)
}

// settle notes that b's own making needs no flush any more.
func (bs *Boxes) settle(b *box) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b.settled = true
}

// give ends a use of b.
func (bs *Boxes) give(b *box) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if b.users--; b.users > 0 {
		return
	}
	if b.settled {
		closeAll(b.made...)
		b.made = nil
	}
	if b.kept == nil {
		b.close()
	}
}

// Close closes what no delivery uses.
func (bs *Boxes) Close() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range bs.open {
		bs.forget(b)
	}
}
