package maildir

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNoBase is the error of a Place whose Base does not exist: a home that is
// not there, or not mounted.
var ErrNoBase = errors.New("the directory that the mailbox is below does not exist")

// ErrOwner is the error of a Maildir that belongs to somebody else than Place
// says.
var ErrOwner = errors.New("the mailbox belongs to another user")

// A Place says where a Maildir is: Path below Base. Base must exist; what is
// missing of Path is made.
type Place struct {
	Base string
	Path string
	// Beneath confines Path to Base: a link that leads out of it is an error
	// (os.Root). Without it links are followed, with the rights of the thread.
	Beneath bool
	// Owned wants Owner to own the Maildir's directories. It is for a Base in
	// which others may create entries too.
	Owned bool
	Owner int
	// UID and GID are whose rights the thread has. What was opened with one
	// user's is not used with another's.
	UID, GID int
}

// A base is a directory that names below it are opened and made in: an
// *os.Root, or a linked.
type base interface {
	Open(name string) (*os.File, error)
	Mkdir(name string, perm fs.FileMode) error
	Stat(name string) (fs.FileInfo, error)
	OpenRoot(name string) (*os.Root, error)
	Close() error
}

// linked is the base in which links are followed.
type linked string

func (l linked) Open(name string) (*os.File, error) { return os.Open(filepath.Join(string(l), name)) }

func (l linked) Mkdir(name string, perm fs.FileMode) error {
	return os.Mkdir(filepath.Join(string(l), name), perm)
}

func (l linked) Stat(name string) (fs.FileInfo, error) {
	return os.Stat(filepath.Join(string(l), name))
}

func (l linked) OpenRoot(name string) (*os.Root, error) {
	return os.OpenRoot(filepath.Join(string(l), name))
}

func (l linked) Close() error { return nil }

func (p *Place) open() (base, error) {
	if !p.Beneath {
		return linked(p.Base), nil
	}
	r, err := os.OpenRoot(p.Base)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("open %s: %w", p.Base, ErrNoBase)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// path returns Path in the one form that os.Root takes too: relative and
// without a slash at its end.
func (p *Place) path() string { return path.Clean(strings.TrimLeft(p.Path, "/")) }

// A box is an open Maildir.
type box struct {
	place    Place
	base     base
	path     string
	root     *os.Root // of the Maildir, for its quota
	tmp, new *os.File
	made     []*os.File // directories in which something was made

	top, newInfo fs.FileInfo // of the base, if confined, and of new/

	// Boxes's mutex guards these.
	users   int           // deliveries that are not closed
	kept    *list.Element // its place in Boxes; nil: none
	settled bool          // what was made is on stable storage
}

// openBox opens the Maildir at p, and makes it first where it is missing.
func openBox(p *Place) (*box, error) {
	in, err := p.open()
	if err != nil {
		return nil, err
	}
	b := &box{place: *p, base: in, path: p.path()}
	err = b.enter()
	if errors.Is(err, fs.ErrNotExist) {
		if err = b.build(p.Base); err == nil {
			err = b.enter()
		}
	}
	if err == nil {
		err = b.identify()
	}
	if err != nil {
		b.close()
		if p.Beneath { // the error has the name below it alone
			err = fmt.Errorf("below %s: %w", p.Base, err)
		}
		return nil, err
	}
	return b, nil
}

// enter opens the directories that a delivery needs.
func (b *box) enter() error {
	closeAll(b.tmp)
	closeRoot(b.root)
	var err error
	if b.root, err = b.base.OpenRoot(b.path); err != nil {
		return err
	}
	if b.tmp, err = b.sub("tmp"); err != nil {
		return err
	}
	b.new, err = b.sub("new")
	return err
}

// sub opens a directory of the Maildir: below its root, which is one step, or, where
// it is a link that leads elsewhere, by its path.
func (b *box) sub(name string) (*os.File, error) {
	f, err := b.root.Open(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	return b.base.Open(path.Join(b.path, name))
}

// identify notes which directories these are, and checks whose.
func (b *box) identify() error {
	for _, f := range []*os.File{b.tmp, b.new} {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if !b.owned(info) {
			return fmt.Errorf("open %s: %w", f.Name(), ErrOwner)
		}
		b.newInfo = info
	}
	if !b.place.Beneath {
		return nil
	}
	var err error
	b.top, err = b.base.Stat(".")
	return err
}

// owned tells whether a directory belongs to whom it must.
func (b *box) owned(info fs.FileInfo) bool {
	if !b.place.Owned {
		return true
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == b.place.Owner
}

// current tells whether the path still leads, for this thread, to the directory
// that is open.
func (b *box) current() bool {
	if b.place.Beneath {
		// Not by the whole path: a directory that was moved out of the base is
		// not reached through a link that leads there.
		top, err := os.Stat(b.place.Base)
		if err != nil || !os.SameFile(top, b.top) {
			return false
		}
	}
	now, err := b.base.Stat(path.Join(b.path, "new"))
	return err == nil && os.SameFile(now, b.newInfo) && b.owned(now)
}

// build creates what is missing of the Maildir. The directories that got an
// entry, or may have got one from another delivery a moment ago, are kept open
// for the flush.
func (b *box) build(top string) error {
	at, err := b.base.Open(".")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open %s: %w", top, ErrNoBase)
	}
	if err != nil {
		return err
	}
	b.made = append(b.made, at)
	dir := ""
	for _, part := range strings.Split(b.path, "/") {
		dir = path.Join(dir, part)
		if err := b.mkdir(dir); err != nil {
			return err
		}
		if at, err = b.base.Open(dir); err != nil {
			return err
		}
		b.made = append(b.made, at)
	}
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := b.mkdir(path.Join(b.path, sub)); err != nil {
			return err
		}
	}
	return nil
}

func (b *box) mkdir(name string) error {
	if err := b.base.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// close closes all descriptors.
func (b *box) close() {
	closeAll(b.tmp, b.new)
	closeAll(b.made...)
	closeRoot(b.root)
	b.base.Close()
}

func closeRoot(r *os.Root) {
	if r != nil {
		r.Close()
	}
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
