package queue

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"time"
)

// AttrCovers is the attribute of a notice that names the recipients of its
// parent that it tells of (ranges of their numbers), so that recovery can write
// the parent's record from the child alone.
const AttrCovers = "covers"

// AttrWarns is the attribute of a notice of delay that names the recipients that
// it tells of.
const AttrWarns = "warns"

// FirstRead is how much of a queue file is read at once, octets: nearly always
// header, envelope, content and tail together.
const FirstRead = 16 << 10

// recordsAtOnce is how much of a message's result records is read at once, octets:
// more than one takes.
const recordsAtOnce = 4 << 20

// ErrCorrupt is wrapped by errors about a file whose header is right and whose
// rest cannot be understood.
var ErrCorrupt = errors.New("damaged queue file")

// A Result is the last known outcome of a recipient. Results of one record
// share their strings.
type Result struct {
	State            State
	Time             int64 // microseconds since 1970
	Attempts         int   // that are recorded
	Code, Text, Host string
	Child            string // for Expanded and Returned
	Warned           bool   // the sender has been told that it waits
	Report           string // for Sent and Expanded: what the sender is still to be told
}

// Done tells whether nothing is left to do for the recipient.
func (r *Result) Done() bool { return r.State.Done() && r.Report == "" }

// Reason says for a listing why the recipient is not done.
func (r *Result) Reason() string {
	if r.State.Done() {
		return "delivered; the report that the sender asked for is still to be made"
	}
	return r.Text
}

// A Message is a queue file as read.
type Message struct {
	Header
	Env     *Envelope
	Results []Result // by the number of the recipient; nil when there are no records
	Tail    int64    // where the next record goes
	Torn    bool     // what is at Tail is a torn record, to be cut first
	Notices int      // the number of the next notice
	// Warnings is the number of the next notice of delay.
	Warnings int
	Size     int64     // of the file
	Changed  time.Time // when the file was last written or put away; set by Store.Load
	Expired  bool      // somebody has said that its time is over; set by Store.Load and List
	Doubtful bool      // in deferred/: an agent may have delivered it; set by Store.Load
}

// Result returns the outcome of recipient n.
func (m *Message) Result(n int) Result {
	if m.Results == nil {
		return Result{}
	}
	return m.Results[n]
}

// Left returns how many recipients are not done.
func (m *Message) Left() int {
	n := len(m.Env.Recipients)
	for i := range m.Results {
		if m.Results[i].Done() {
			n--
		}
	}
	return n
}

// Read reads the message in f whole, its body only into the checksum. The error
// is ErrBlank when f holds no complete message, wraps ErrCorrupt when it cannot be
// understood, and is f's otherwise.
func Read(f io.ReaderAt) (*Message, error) {
	b := make([]byte, FirstRead)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	h, err := ParseHeader(b[:n])
	if err != nil {
		return nil, err
	}
	return (&body{f: f, first: b[:n], h: h}).read(true)
}

// Peek is Read without the checksum of the body: the content is not read.
func Peek(f io.ReaderAt) (*Message, error) { return peek(f, make([]byte, 4096)) }

// peek is Peek with a buffer, which is free again when it returns.
func peek(f io.ReaderAt, b []byte) (*Message, error) {
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	h, err := ParseHeader(b[:n])
	if err != nil {
		return nil, err
	}
	return (&body{f: f, first: b[:n], h: h}).read(false)
}

// body is a queue file whose header has been read.
type body struct {
	f     io.ReaderAt
	first []byte // the file's first octets; all of it when shorter than its capacity
	h     Header
}

// read reads envelope and records, and the content when it is to be verified.
func (b *body) read(verify bool) (*Message, error) {
	if b.h.Envelope > 1<<30 || b.h.End() < 0 {
		return nil, ErrBlank
	}
	e, err := b.slice(HeaderSize, int64(b.h.Envelope))
	if err != nil {
		return nil, err
	}
	if verify {
		sum := crc32.Checksum(e, castagnoli)
		if sum, err = b.sum(sum, b.h.ContentOffset(), int64(b.h.Content)); err != nil {
			return nil, err
		}
		if sum != b.h.Body {
			return nil, ErrBlank
		}
	}
	env, err := ParseEnvelope(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m := &Message{Header: b.h, Env: env, Tail: b.h.End()}
	return m, b.records(m)
}

// slice returns n octets from offset off, ErrBlank when the file is too short.
func (b *body) slice(off, n int64) ([]byte, error) {
	if off+n <= int64(len(b.first)) {
		return b.first[off : off+n], nil
	}
	p := make([]byte, 0, min(n, 1<<20))
	for int64(len(p)) < n {
		chunk := min(n-int64(len(p)), 1<<20)
		start := len(p)
		p = append(p, make([]byte, chunk)...)
		if err := b.full(p[start:], off+int64(start)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (b *body) full(p []byte, off int64) error {
	n, err := b.f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return ErrBlank
	}
	return err
}

// sum continues the checksum over n octets from offset off.
func (b *body) sum(sum uint32, off, n int64) (uint32, error) {
	if k := min(n, int64(len(b.first))-off); k > 0 {
		sum = crc32.Update(sum, castagnoli, b.first[off:off+k])
		off, n = off+k, n-k
	}
	if n == 0 {
		return sum, nil
	}
	chunk := make([]byte, min(n, 256<<10))
	for n > 0 {
		p := chunk[:min(n, int64(len(chunk)))]
		if err := b.full(p, off); err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli, p)
		off, n = off+int64(len(p)), n-int64(len(p))
	}
	return sum, nil
}

// records applies the records behind the content to m. It reads the rest of the
// file only where it has to: what follows the records is zeros nearly always.
func (b *body) records(m *Message) error {
	rest := b.first[min(m.Tail, int64(len(b.first))):]
	whole := len(b.first) < cap(b.first)
	if len(rest) == 0 && !whole {
		chunk := make([]byte, block)
		n, err := b.f.ReadAt(chunk, m.Tail)
		if err != nil && err != io.EOF {
			return err
		}
		rest, whole = chunk[:n], n < len(chunk)
	}
	rest = m.applyAll(rest)
	for last := int64(-1); !whole && m.Tail != last && (len(rest) < frame || [frame]byte(rest[:frame]) != [frame]byte{}); {
		last = m.Tail
		p, err := io.ReadAll(io.NewSectionReader(b.f, m.Tail, recordsAtOnce))
		if err != nil {
			return err
		}
		rest, whole = m.applyAll(p), len(p) < recordsAtOnce
	}
	for _, c := range rest[:min(len(rest), frame)] {
		m.Torn = m.Torn || c != 0
	}
	return nil
}

// applyAll applies the whole records at the start of b, which begins at Tail, and
// returns what follows them.
func (m *Message) applyAll(b []byte) []byte {
	for {
		r, n := nextRecord(b, m.ID, len(m.Env.Recipients))
		if n == 0 {
			return b
		}
		m.apply(&r)
		m.Tail += int64(n)
		b = b[n:]
	}
}

// Note takes a record that the file cannot be given.
func (m *Message) Note(r *Record) { m.apply(r) }

// apply takes a record's outcome. What is done stays done; a report that is due
// is over with the notice that has it.
func (m *Message) apply(r *Record) {
	if m.Results == nil {
		m.Results = make([]Result, len(m.Env.Recipients))
	}
	if r.State == Deferred && r.Child != "" {
		m.warned(r)
		return
	}
	res := Result{State: r.State, Time: r.Time, Code: r.Code, Text: r.Text, Host: r.Host, Child: r.Child, Report: r.Report}
	for _, n := range r.Recipients {
		res.Warned = m.Results[n].Warned
		res.Attempts = m.Results[n].Attempts + 1
		if old := &m.Results[n]; !old.State.Done() || !old.Done() && r.State == Returned {
			*old = res
		}
	}
	if r.State == Returned && r.Child != "" {
		m.Notices = max(m.Notices, childNumber(r.Child)+1)
	}
}

// warned notes a notice of delay. It says nothing of why they wait.
func (m *Message) warned(r *Record) {
	for _, n := range r.Recipients {
		m.Results[n].Warned = true
		if m.Results[n].State == Waiting {
			m.Results[n].State = Deferred
		}
	}
	m.Warnings = max(m.Warnings, childNumber(r.Child)+1)
}

// childNumber is the n that ChildID made id from.
func childNumber(id string) int {
	n, err := strconv.ParseInt(id[len(id)-childDigits+1:], 16, 32)
	if err != nil {
		return 0
	}
	return int(n)
}
