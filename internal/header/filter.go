package header

import (
	"bytes"
	"io"
)

// maxField is how long a field may be for its addresses to be edited, octets. A
// longer one passes as it is: nobody has read it with care, either.
const maxField = 256 << 10

// An Editor changes addresses in a header.
type Editor struct {
	// Address gives the address that stands in the header in place of addr; both
	// are in internal form. One for which it gives itself stays as it is written.
	Address func(side Side, addr string) (string, error)
	// Bare says that addresses with a domain stay: they need not be looked for.
	Bare bool
}

// A Filter passes a message on, less some fields of its header, with others at
// its end, and with addresses edited. When the header ends without the empty line that should follow
// it, the Filter supplies that.
type Filter struct {
	w    io.Writer
	drop func(name string) bool
	add  func(w io.Writer) error
	scan scanner
	skip bool // inside a dropped field
	edit *Editor
	side Side   // of the field at hand, if it is to be edited
	held []byte // the field at hand, likewise
	last byte   // the octet passed on last
	err  error
}

// NewFilter returns a Filter that writes to w. drop is asked for each field, by
// its name in lower case; add is called once, where the header ends, and writes
// whole fields. Either may be nil.
func NewFilter(w io.Writer, drop func(name string) bool, add func(w io.Writer) error) *Filter {
	return &Filter{w: w, drop: drop, add: add, last: '\n'}
}

// Edit has the addresses of people edited, unless edit is nil. It is called before
// Write.
func (f *Filter) Edit(edit *Editor) { f.edit = edit }

// Write takes the next octets of the message. It fails when w has failed.
func (f *Filter) Write(p []byte) (int, error) {
	f.scan.feed(p, (*filterSink)(f))
	return len(p), f.err
}

// Close passes on what is held back. It does not close w.
func (f *Filter) Close() error {
	f.scan.close((*filterSink)(f))
	return f.err
}

func (f *Filter) put(p []byte) {
	if f.err == nil && len(p) > 0 {
		_, f.err = f.w.Write(p)
		f.last = p[len(p)-1]
	}
}

type filterSink Filter

// release passes on the field that is held.
func (f *Filter) release() {
	if f.side == NoSide {
		return
	}
	colon := bytes.IndexByte(f.held, ':')
	if !f.edit.Bare || !qualified(f.held[colon+1:]) {
		f.rewrite(colon + 1)
	}
	f.put(f.held)
	f.side, f.held = NoSide, f.held[:0]
}

// rewrite edits the value of the field that is held, which begins at octet at.
func (f *Filter) rewrite(at int) {
	side := f.side
	value, err := rewriteValue(string(f.held[at:]), func(addr string) (string, error) { return f.edit.Address(side, addr) })
	if f.err == nil {
		f.err = err
	}
	f.held = append(f.held[:at], value...)
}

func (s *filterSink) field(name []byte) {
	f := (*Filter)(s)
	f.release()
	if f.drop == nil && f.edit == nil {
		return
	}
	low := lower(name)
	f.skip = f.drop != nil && f.drop(low)
	if f.edit != nil && !f.skip {
		f.side = addressFields[low]
	}
}

func (s *filterSink) data(p []byte) {
	f := (*Filter)(s)
	switch {
	case f.skip:
	case f.side == NoSide:
		f.put(p)
	case len(f.held)+len(p) > maxField:
		f.put(f.held)
		f.side, f.held = NoSide, nil
		f.put(p)
	default:
		f.held = append(f.held, p...)
	}
}

func (s *filterSink) end(separated bool) {
	f := (*Filter)(s)
	f.release()
	f.skip = false
	if f.last != '\n' {
		f.put([]byte("\n"))
	}
	if f.add != nil && f.err == nil {
		f.err = f.add(f.w)
	}
	if !separated {
		f.put([]byte("\n"))
	}
}

// lower returns name in lower case.
func lower(name []byte) string { return string(appendLower(nil, name)) }

func appendLower(b, name []byte) []byte {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
