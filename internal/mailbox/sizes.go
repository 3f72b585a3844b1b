package mailbox

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
)

// known returns how many octets a message of so many stored ones has with CRLF,
// if its name and the uidlist, which must agree with the file, or the cache say so, else -1.
func (f *folder) known(r *rec, stored int64) int64 {
	if size, ok := f.storedSize(r); ok && size != stored {
		return -1 // another program has changed the file
	}
	if n, ok := f.size(r); ok && n >= stored && n <= 2*stored {
		return n
	}
	return -1
}

// storedSize returns what name or uidlist say of the file's size.
func (f *folder) storedSize(r *rec) (int64, bool) {
	if n, ok := nameSize(f.base(r), 'S'); ok {
		return n, true
	}
	if e, ok := f.ext[r.uid]; ok {
		if n, rest := digits([]byte(extension(e, 'S'))); n > 0 && len(rest) == 0 {
			return int64(n), true
		}
	}
	return 0, false
}

// fileSize returns the octets of a message's file, as its quota counts them.
func (f *folder) fileSize(r *rec, d *dir, name string) int64 {
	if n, ok := f.storedSize(r); ok {
		return n
	}
	st, err := d.stat(name)
	if err != nil {
		return 0 // it is about to be found gone
	}
	return st.Size
}

// size returns the octets with CRLF without looking at the file.
func (f *folder) size(r *rec) (int64, bool) {
	if n, ok := f.sizes[r.uid]; ok { // what was counted goes before what a name says
		return n, true
	}
	if n, ok := nameSize(f.base(r), 'W'); ok {
		return n, true
	}
	if e, ok := f.ext[r.uid]; ok {
		if n, rest := digits([]byte(extension(e, 'W'))); n > 0 && len(rest) == 0 {
			return int64(n), true
		}
	}
	return 0, false
}

// Octets returns the size of message i with CRLF line ends. When neither name,
// uidlist nor cache have it the file is read.
func (v *View) Octets(i int) (int64, error) {
	if n, ok := v.octets(v.snap.at(i).uid); ok {
		return n, nil
	}
	c, err := v.Content(i)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.Octets()
}

func (v *View) octets(uid uint32) (int64, bool) {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	if r := v.f.byUID(uid); r != nil && v.f.head.validity == v.snap.validity {
		return v.f.size(r)
	}
	return 0, false
}

// AllOctets returns the sizes of all messages. One whose size nothing has, and
// whose file is gone, has -1.
func (v *View) AllOctets() ([]int64, error) {
	sizes := make([]int64, v.snap.Len())
	var unknown []int
	v.f.mu.Lock()
	for i := range sizes {
		sizes[i] = -1
		if r := v.f.byUID(v.snap.at(i).uid); r != nil && v.f.head.validity == v.snap.validity {
			if n, ok := v.f.size(r); ok {
				sizes[i] = n
				continue
			}
		}
		unknown = append(unknown, i)
	}
	v.f.mu.Unlock()
	return sizes, v.count(sizes, unknown)
}

// countTogether is how many files are worth another goroutine.
const countTogether = 100

// count fills in the sizes of messages that have to be read, on all processors
// where there are many.
func (v *View) count(sizes []int64, unknown []int) error {
	var next atomic.Int64
	work := func() error {
		for {
			at := next.Add(1) - 1
			if at >= int64(len(unknown)) {
				return nil
			}
			i := unknown[at]
			n, err := v.Octets(i)
			switch {
			case err == nil:
				sizes[i] = n
			case !errors.Is(err, ErrGone):
				return err
			}
		}
	}
	p := v.f.store.o.Processors
	errs := make([]error, max(1, min(p.Most(), len(unknown)/countTogether)))
	if len(errs) > 1 {
		p.Begin()
		defer p.Done()
	}
	var all sync.WaitGroup
	for k := range errs {
		all.Go(func() { errs[k] = work() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// counted remembers a size.
func (f *folder) counted(c *Content, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head.validity == c.v.snap.validity && f.byUID(c.uid) != nil {
		f.sizes[c.uid] = n
		f.cache.stale = true
	}
}

// bareLines counts the LFs in p without a CR before them; cr tells whether the
// octet before p was one, and then whether p's last is.
func bareLines(p []byte, cr *bool) int64 {
	n := bytes.Count(p, []byte("\n"))
	if bytes.IndexByte(p, '\r') >= 0 {
		n -= bytes.Count(p, []byte("\r\n"))
	}
	if *cr && p[0] == '\n' {
		n--
	}
	*cr = p[len(p)-1] == '\r'
	return int64(n)
}
