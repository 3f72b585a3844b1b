package queue

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"time"
)

// Sizes of the Writer's work, octets. A message that fits the buffer is
// written by one system call, whole blocks and the zeros behind it included.
const (
	writerBuffer = 64 << 10
	block        = 4096
	maxZeros     = 64 << 10 // a longer tail is cut, not zeroed
)

// A Writer fills one queue file. It reaches the file through a descriptor that
// may be write-only, and never flushes: that is the store's work.
type Writer struct {
	f    *os.File
	h    Header
	old  int64  // octets that the file had before
	buf  []byte // bytes from offset pos on, not yet written
	pos  int64
	sum  uint32
	fail error
}

// NewWriter starts a message with the given ID on f, which it owns from now on
// and which had old octets. The arrival time is now.
func NewWriter(f *os.File, id string, old int64, env *Envelope) (*Writer, error) {
	e, err := env.Encode()
	if err != nil {
		return nil, err
	}
	if len(e) > 1<<30 {
		return nil, fmt.Errorf("envelope of %d octets is too large", len(e))
	}
	w := &Writer{
		f: f, old: old, sum: crc32.Checksum(e, castagnoli),
		h:   Header{ID: id, Envelope: uint32(len(e)), Arrival: time.Now().UnixMicro()},
		buf: make([]byte, HeaderSize, HeaderSize+len(e)+block),
	}
	w.buf = append(w.buf, e...)
	return w, nil
}

// SetArrival replaces the arrival time: a message keeps the one it was
// submitted with.
func (w *Writer) SetArrival(t time.Time) { w.h.Arrival = t.UnixMicro() }

// SetFlags sets the header's flags.
func (w *Writer) SetFlags(flags uint32) { w.h.Flags = flags }

// Size returns the octets of content so far.
func (w *Writer) Size() int64 { return int64(w.h.Content) }

// Write appends content. After an error the Writer only remembers it: Close
// returns it again.
func (w *Writer) Write(p []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	w.sum = crc32.Update(w.sum, castagnoli, p)
	w.h.Content += uint64(len(p))
	n := len(p)
	for len(w.buf)+len(p) > writerBuffer && w.fail == nil {
		room := max(writerBuffer-len(w.buf), 0)
		room = min(room, len(p))
		w.buf = append(w.buf, p[:room]...)
		p = p[room:]
		w.spill()
	}
	w.buf = append(w.buf, p...)
	return n, w.fail
}

// spill writes the buffer out, so that it can be filled again.
func (w *Writer) spill() {
	if w.fail != nil || len(w.buf) == 0 {
		return
	}
	_, w.fail = w.f.WriteAt(w.buf, w.pos)
	w.pos += int64(len(w.buf))
	w.buf = w.buf[:0]
}

// Close completes the file (tail, then header) and closes the descriptor. The
// bytes are not flushed. After an error the file is not a message.
func (w *Writer) Close() error {
	w.h.Body = w.sum
	w.pad()
	if w.fail == nil && w.pos == 0 {
		w.fail = w.h.encode(w.buf)
		w.spill()
	} else {
		w.spill()
		if w.fail == nil {
			var b [HeaderSize]byte
			if w.fail = w.h.encode(b[:]); w.fail == nil {
				_, w.fail = w.f.WriteAt(b[:], 0)
			}
		}
	}
	return errors.Join(w.fail, w.f.Close())
}

// pad ends the file on a block boundary and clears what an earlier message
// left behind: a short tail by zeros, which spares the file system freeing
// blocks and allocating them again, a long one by truncation.
func (w *Writer) pad() {
	end := w.h.End()
	stop := (end + block - 1) / block * block
	if w.old > stop {
		if w.old-stop > maxZeros {
			if w.fail == nil {
				w.fail = w.f.Truncate(stop)
			}
		} else {
			stop = w.old
		}
	}
	w.buf = append(w.buf, make([]byte, stop-end)...)
}

// Abandon closes the descriptor of a message that will not be completed.
func (w *Writer) Abandon() error { return w.f.Close() }
