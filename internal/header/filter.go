package header

import "io"

// A Filter passes a message on, less some fields of its header and with others
// at its end. When the header ends without the empty line that should follow
// it, the Filter supplies that.
type Filter struct {
	w    io.Writer
	drop func(name string) bool
	add  func(w io.Writer) error
	scan scanner
	skip bool // inside a dropped field
	last byte // the octet passed on last
	err  error
}

// NewFilter returns a Filter that writes to w. drop is asked for each field, by
// its name in lower case; add is called once, where the header ends, and writes
// whole fields. Either may be nil.
func NewFilter(w io.Writer, drop func(name string) bool, add func(w io.Writer) error) *Filter {
	return &Filter{w: w, drop: drop, add: add, last: '\n'}
}

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

func (s *filterSink) field(name []byte) {
	s.skip = s.drop != nil && s.drop(lower(name))
}

func (s *filterSink) data(p []byte) {
	if !s.skip {
		(*Filter)(s).put(p)
	}
}

func (s *filterSink) end(separated bool) {
	f := (*Filter)(s)
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
