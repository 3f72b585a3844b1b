package header

import "bytes"

// maxName is the longest field name: with its colon it fills a line (RFC 5322,
// 2.1.1).
const maxName = maxLine - 1

// A sink is told what a scanner finds. Every octet of the stream is given to
// data once, in order.
type sink interface {
	field(name []byte)  // a field starts: its octets follow, its name first
	end(separated bool) // the header has ended; an empty line follows or not
	data(p []byte)      // octets of the field, or after end of the rest
}

type scanState byte

const (
	atLine  scanState = iota // at the start of a line
	afterCR                  // the line starts with CR; it is in hold
	inName                   // the line so far, in hold, may be a field's name
	inLine                   // in a field, behind its name
	inBody
)

// A scanner cuts a stream into header fields and the rest.
type scanner struct {
	state scanState
	any   bool   // a field has been seen: a continuation is possible
	hold  []byte // octets of the line not yet given to data
}

// feed takes the next octets of the stream.
func (s *scanner) feed(p []byte, to sink) {
	for len(p) > 0 {
		switch s.state {
		case inBody:
			to.data(p)
			return
		case inLine:
			p = s.line(p, to)
		case inName:
			p = s.name(p, to)
		default:
			p = s.start(p, to)
		}
	}
}

// line passes the rest of a line on.
func (s *scanner) line(p []byte, to sink) []byte {
	n := bytes.IndexByte(p, '\n') + 1
	if n == 0 {
		n = len(p)
	} else {
		s.state = atLine
	}
	to.data(p[:n])
	return p[n:]
}

// start looks at the first octet of a line.
func (s *scanner) start(p []byte, to sink) []byte {
	switch c := p[0]; {
	case c == '\n':
		s.finish(to, true)
	case c == '\r' && s.state == atLine:
		s.hold = append(s.hold, c)
		s.state = afterCR
		return p[1:]
	case s.state == afterCR:
		s.finish(to, false)
	case c == ' ' || c == '\t':
		if !s.any {
			s.finish(to, false)
			break
		}
		s.state = inLine
	default:
		s.state = inName
	}
	return p
}

// name collects a field's name up to its colon.
func (s *scanner) name(p []byte, to sink) []byte {
	for i, c := range p {
		switch {
		case c == ':' && len(s.hold)+i > 0:
			s.hold = append(s.hold, p[:i]...)
			s.any, s.state = true, inLine
			to.field(bytes.TrimRight(s.hold, " \t"))
			to.data(s.hold)
			s.hold = s.hold[:0]
			return p[i:]
		case c == ' ' || c == '\t':
			// RFC 5322, 4.5: white space before the colon is obsolete, not wrong.
		case c <= ' ' || c > '~' || c == ':' || len(s.hold)+i >= maxName || s.spaced(p[:i]):
			s.hold = append(s.hold, p[:i]...)
			s.finish(to, false)
			return p[i:]
		}
	}
	s.hold = append(s.hold, p...)
	return nil
}

// spaced tells whether the name so far, which is hold and then p, ends in white
// space.
func (s *scanner) spaced(p []byte) bool {
	if len(p) == 0 {
		p = s.hold
	}
	return len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t')
}

// finish ends the header and gives what is held to the rest.
func (s *scanner) finish(to sink, separated bool) {
	s.state = inBody
	to.end(separated)
	if len(s.hold) > 0 {
		to.data(s.hold)
		s.hold = nil
	}
}

// close tells the sink that the stream has ended. A header without a body ends
// here; separated is then true, since there is nothing to separate from.
func (s *scanner) close(to sink) {
	if s.state != inBody {
		s.finish(to, len(s.hold) == 0)
	}
}
