package quota

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// ErrFull is the error of a mailbox that has no room for what is to be put into
// it.
var ErrFull = errors.New("the mailbox's quota is exceeded")

// trustTime is how long a count is believed that says there is no room.
const trustTime = 15 * time.Minute

// A Change is under way: messages are being put into the mailbox or removed. End
// ends it. nil is that of a mailbox, or a folder, whose quota is not kept.
type Change struct {
	m *Maildir
	f *file
}

// limitWithout is the limit where maildirsize says nothing of it.
func (m *Maildir) limitWithout() Usage {
	if m.rules == nil {
		return Usage{}
	}
	return m.rules.limit
}

func (m *Maildir) forced() bool { return m.rules != nil && m.rules.forced }

// kept tells whether a maildirsize is made where there is none.
func (m *Maildir) kept() bool { return m.forced() || m.limitWithout() != Usage{} }

// believed tells whether a file's sums can be used.
func (m *Maildir) believed(f *file, s sheet) bool {
	return f.info.Size() <= maxFile && !(m.forced() && s.limit != m.rules.limit)
}

// A Want is what is to be put into a folder.
type Want struct {
	Folder string // UTF-8, "/" between levels
	Usage
	// Within messages only move from one folder that counts to another: they need no
	// room.
	Within bool
	// Last: a mailbox that is not full yet takes one more message though it goes a
	// little beyond the limit (grace). It is for deliveries.
	Last bool
}

// Add begins to put messages into a folder. The error is ErrFull when there is no
// room.
func (m *Maildir) Add(w Want) (*Change, error) {
	if m == nil || m.rules.Ignores(w.Folder) {
		return nil, nil
	}
	f, s, err := m.look()
	switch {
	case err == nil && !m.room(w, s) && !fresh(f, s):
		f, s, err = m.recount(f, true)
	case errors.Is(err, fs.ErrNotExist) && !m.kept():
		return nil, nil
	case errors.Is(err, errStale) || errors.Is(err, fs.ErrNotExist):
		f, s, err = m.recount(f, false)
	case err != nil && !m.kept():
		return nil, nil // nobody has asked for a limit, and there is none to be read
	}
	if err == nil && !m.room(w, s) {
		err = ErrFull
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return &Change{m, f}, nil
}

// look opens maildirsize, locked, and reads it. The error is errStale when it is
// not to be believed, or when another is just writing a line; with every other
// error the file is nil.
func (m *Maildir) look() (*file, sheet, error) {
	f, err := m.open(unix.LOCK_SH, 0)
	if err != nil {
		return nil, sheet{}, err
	}
	s, err := f.read()
	if err == nil && !m.believed(f, s) {
		err = errStale
	}
	if err != nil && !errors.Is(err, errStale) {
		f.close()
		return nil, sheet{}, err
	}
	return f, s, err
}

// fresh tells whether a count is believed that leaves no room.
func fresh(f *file, s sheet) bool {
	age := time.Since(f.info.ModTime())
	return s.lines == 1 && age < trustTime && age > -trustTime
}

// room tells whether there is room.
func (m *Maildir) room(w Want, s sheet) bool {
	if w.Within {
		return true
	}
	limit := m.rules.within(w.Folder, s.limit)
	if w.Last && limit.Bytes > 0 && s.used.Bytes < limit.Bytes {
		limit.Bytes += m.grace(s.limit.Bytes)
	}
	return !s.used.plus(w.Usage).beyond(limit)
}

// grace is how far a last delivery may go beyond the limit.
func (m *Maildir) grace(limit int64) int64 {
	if m.rules == nil {
		return defaultGrace.of(limit)
	}
	return m.rules.grace.of(limit)
}

// Remove begins to remove messages from a folder.
func (m *Maildir) Remove(folder string) *Change {
	if m == nil || m.rules.Ignores(folder) {
		return nil
	}
	f, err := m.open(unix.LOCK_SH, 0)
	if err != nil {
		return nil // none is kept, or the next count finds out
	}
	return &Change{m, f}
}

// End says what has changed, which may be nothing. A second time does nothing.
func (c *Change) End(u Usage) {
	if c == nil || c.f == nil {
		return
	}
	defer func() {
		c.f.close()
		c.f = nil
	}()
	if u == (Usage{}) {
		return
	}
	if _, err := c.f.Write(appendLine(nil, u)); err != nil && c.m.forced() {
		// It is made anew; where the limits are in it alone it has to stay.
		c.m.root.Remove(File)
	}
}

// Recount counts the messages anew, where a quota is kept.
func (m *Maildir) Recount() error {
	f, _, err := m.look()
	if errors.Is(err, fs.ErrNotExist) && !m.kept() {
		return nil
	}
	f, _, err = m.recount(f, true)
	f.close()
	return err
}

// A Status is what there is and what there may be.
type Status struct {
	Used, Limit Usage
	Kept        bool // otherwise the rest is nothing
}

// Status tells what there is.
func (m *Maildir) Status() (Status, error) { return m.status(m.recount) }

// Inspect is Status for who changes nothing.
func (m *Maildir) Inspect() (Status, error) {
	return m.status(func(old *file, _ bool) (f *file, s sheet, err error) {
		s.limit = m.limitWithout()
		if old != nil && !m.forced() {
			if said, _ := old.read(); said.titled {
				s.limit = said.limit
			}
		}
		s.used, err = m.count()
		return old, s, err
	})
}

func (m *Maildir) status(recount func(old *file, anew bool) (*file, sheet, error)) (Status, error) {
	f, s, err := m.look()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !m.kept():
		return Status{}, nil
	case err == nil && s.used.beyond(s.limit) && !fresh(f, s):
		f, s, err = recount(f, true)
	case errors.Is(err, errStale) || errors.Is(err, fs.ErrNotExist):
		f, s, err = recount(f, false)
	}
	f.close()
	return Status{s.used, s.limit, err == nil}, err
}
