package maildir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/quota"
)

// ErrContent is the error of a Message whose content could not be read: the
// mailbox is not at fault.
var ErrContent = errors.New("read the queue file")

// A Message is what one delivery writes.
type Message struct {
	Name string // from the function Name
	// Header goes before the content: lines that end in LF.
	Header []byte
	// Content holds the content, Length octets from Offset on.
	Content        io.ReaderAt
	Offset, Length int64
	// Unsure makes Deliver look first whether the delivery was made already.
	Unsure bool
	// Quota has the limits of the mailbox; nil: those that it names itself.
	Quota *quota.Rules
}

// A Delivery is a file in a Maildir. It counts when File and then Dirs, the
// directories whose entries lead to it, are on stable storage.
type Delivery struct {
	File *os.File
	Dirs []*os.File
	// Found is set when an earlier attempt had made the file.
	Found bool

	boxes *Boxes
	box   *box
	more  []*os.File // of Dirs, those that are the Delivery's own
}

// Flushed says that File and Dirs are on stable storage.
func (d *Delivery) Flushed() { d.boxes.settle(d.box) }

// Close ends the Delivery; Dirs may not be used any more.
func (d *Delivery) Close() {
	closeAll(d.File)
	closeAll(d.more...)
	d.boxes.give(d.box)
}

// deliver puts m into the Maildir.
func (b *box) deliver(m *Message) (*Delivery, error) {
	if m.Unsure {
		if d, err := b.find(m.Name); d != nil || err != nil {
			return d, err
		}
	}
	use := quota.Usage{Bytes: int64(len(m.Header)) + m.Length, Count: 1}
	change, err := quota.Of(b.root, m.Quota).Add(quota.Want{Folder: "INBOX", Usage: use, Last: true})
	if err != nil {
		return nil, err
	}
	d, err := b.put(m)
	if err != nil {
		use = quota.Usage{}
	}
	change.End(use)
	return d, err
}

// put writes m and shows it in new/.
func (b *box) put(m *Message) (*Delivery, error) {
	f, name, err := b.begin(m.Name)
	if err != nil {
		return nil, err
	}
	size, lines, err := m.write(f)
	if err == nil {
		err = rename(b.tmp, name, b.new, finalName(m.Name, size, lines))
	}
	if err != nil {
		f.Close()
		// What cannot be removed is a file in tmp/ that nobody reads; readers
		// clear tmp/ of what is old.
		unix.Unlinkat(int(b.tmp.Fd()), name, 0)
		return nil, err
	}
	return &Delivery{File: f}, nil
}

// maxLeftovers is how many names are tried: each that is taken is an attempt at
// the same delivery that died with a process of our number.
const maxLeftovers = 1000

// begin makes the file in tmp/ of a delivery.
func (b *box) begin(delivery string) (f *os.File, name string, err error) {
	for range maxLeftovers {
		name = tmpName(delivery)
		if f, err = create(b.tmp, name); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, name, err
}

func create(dir *os.File, name string) (*os.File, error) {
	full := path.Join(dir.Name(), name)
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: full, Err: err}
	}
	return os.NewFile(uintptr(fd), full), nil
}

func rename(from *os.File, old string, to *os.File, name string) error {
	if err := unix.Renameat(int(from.Fd()), old, int(to.Fd()), name); err != nil {
		return &os.LinkError{Op: "rename", Old: path.Join(from.Name(), old), New: path.Join(to.Name(), name), Err: err}
	}
	return nil
}

// findRounds is how often a file is looked for in a directory that others change
// meanwhile: one that is renamed during the reading can escape it.
const findRounds = 10

// find looks for a file of the delivery called name, first in new/, then in
// cur/: one that a reader moves meanwhile is met in the one or the other.
// Both results are nil when there is none.
func (b *box) find(name string) (*Delivery, error) {
	for range findRounds {
		d, sure, err := b.findOnce(name)
		if d != nil || err != nil || sure {
			return d, err
		}
	}
	return nil, nil
}

// findOnce is find for one reading. It is sure of what it has not found when nothing
// was changed in cur/: from new/ files move there alone.
func (b *box) findOnce(name string) (found *Delivery, sure bool, err error) {
	sure = true
	for _, sub := range []string{"new", "cur"} {
		dir, err := openDir(b.base, path.Join(b.path, sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		start := time.Now()
		before, err := dir.Stat()
		if err != nil {
			dir.Close()
			return nil, false, err
		}
		f, err := findIn(dir, name)
		if f != nil {
			return &Delivery{File: f, Found: true, more: []*os.File{dir}}, true, nil
		}
		after, statErr := dir.Stat()
		dir.Close()
		if err = errors.Join(err, statErr); err != nil {
			return nil, false, err
		}
		at := before.ModTime()
		sure = sub == "new" || after.ModTime().Equal(at) && start.Sub(at).Abs() > clockTick
	}
	return nil, sure, nil
}

// clockTick is more than the file system's clock takes for a step: what was changed
// within it shows no other time.
const clockTick = 20 * time.Millisecond

// findIn returns the delivery's file in dir, open, or nil.
func findIn(dir *os.File, name string) (*os.File, error) {
	for {
		list, err := dir.Readdirnames(1024)
		for _, file := range list {
			if !names(file, name) {
				continue
			}
			full := path.Join(dir.Name(), file)
			fd, err := unix.Openat(int(dir.Fd()), file, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
			switch {
			case err == nil:
				return os.NewFile(uintptr(fd), full), nil
			case !errors.Is(err, fs.ErrNotExist): // else a reader moved it on
				return nil, &fs.PathError{Op: "open", Path: full, Err: err}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// bufferSize is how much of a message is read and written at once, octets: most
// messages are one write.
const bufferSize = 128 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// write writes header and content to f. It returns the octets and the line
// ends that lack a CR.
func (m *Message) write(f io.Writer) (size, lines int64, err error) {
	if len(m.Header) > bufferSize/2 {
		return 0, 0, fmt.Errorf("header lines of %d octets to put before a message, want at most %d", len(m.Header), bufferSize/2)
	}
	array := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(array)
	buf := array[:]
	filled := copy(buf, m.Header)
	cr := false
	for done := int64(0); ; {
		n := int(min(int64(len(buf)-filled), m.Length-done))
		if err := readFull(m.Content, buf[filled:filled+n], m.Offset+done); err != nil {
			return 0, 0, fmt.Errorf("%w: %w", ErrContent, err)
		}
		done += int64(n)
		part := buf[:filled+n]
		if _, err := f.Write(part); err != nil {
			return 0, 0, err
		}
		size += int64(len(part))
		lines += bareLines(part, &cr)
		filled = 0
		if done >= m.Length {
			return size, lines, nil
		}
	}
}

// readFull fills p; the end of the file is an error, whichever way r tells it.
func readFull(r io.ReaderAt, p []byte, at int64) error {
	if len(p) == 0 {
		return nil
	}
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// bareLines counts the LFs in p without a CR before them; cr tells whether the
// octet before p was one, and then whether p's last is.
func bareLines(p []byte, cr *bool) int64 {
	if len(p) == 0 {
		return 0
	}
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
