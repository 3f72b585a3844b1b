package header

import (
	"strings"

	"yubin/internal/smtp"
)

// A Side says whose addresses a field holds: rules of rewriting are for one of
// them.
type Side byte

// The sides.
const (
	NoSide Side = iota // no addresses of people
	Senders
	Recipients
)

// addressFields are the fields that hold addresses of people, by name in lower
// case.
var addressFields = map[string]Side{
	"from": Senders, "sender": Senders, "reply-to": Senders, "errors-to": Senders, "return-receipt-to": Senders,
	"disposition-notification-to": Senders, "mail-followup-to": Senders, "resent-from": Senders, "resent-sender": Senders,
	"to": Recipients, "cc": Recipients, "bcc": Recipients, "apparently-to": Recipients, "resent-reply-to": Recipients,
	"resent-to": Recipients, "resent-cc": Recipients, "resent-bcc": Recipients,
}

// Rewrite returns a header with its addresses replaced by what f gives for
// them, both in internal form; nothing else of it changes, and an address for
// which f gives itself stays as it is written. message is the header, or begins
// with it: n is how much of message the header is, the empty line not included.
// An error of f ends it.
func Rewrite(message []byte, f func(addr string) (string, error)) (head []byte, n int, err error) {
	s := rewriter{f: f}
	var scan scanner
	scan.feed(message, &s)
	scan.close(&s)
	return s.out, s.read, s.err
}

// A rewriter is the sink of Rewrite.
type rewriter struct {
	f      func(string) (string, error)
	out    []byte
	held   []byte // the field at hand, when it is one with addresses
	inside bool
	ended  bool
	read   int
	err    error
}

func (s *rewriter) field(name []byte) {
	s.flush()
	s.inside = addressFields[lower(name)] != NoSide
}

func (s *rewriter) data(p []byte) {
	switch {
	case s.ended:
		return
	case s.inside:
		s.held = append(s.held, p...)
	default:
		s.out = append(s.out, p...)
	}
	s.read += len(p)
}

func (s *rewriter) end(bool) {
	s.flush()
	s.ended = true
}

// flush writes the field at hand.
func (s *rewriter) flush() {
	if s.inside {
		name, value, _ := strings.Cut(string(s.held), ":")
		s.out = append(append(append(s.out, name...), ':'), s.rewrite(value)...)
	}
	s.held, s.inside = s.held[:0], false
}

// rewrite rewrites the value of an address field.
func (s *rewriter) rewrite(value string) string {
	if s.err != nil {
		return value
	}
	var next string
	next, s.err = rewriteValue(value, s.f)
	return next
}

// qualified tells, without reading it in full, that every address of a value of the
// usual form has a domain.
func qualified(value []byte) bool {
	at, open := 0, false
	for _, c := range value {
		switch c {
		case '@':
			at++
		case '<':
			if open || at > 0 {
				return false
			}
			open = true
		case '>':
			if !open || at != 1 {
				return false
			}
		case ',':
			if at != 1 {
				return false
			}
			at, open = 0, false
		case '"', '(', ')', '\\', ':', ';', '[', ']':
			return false
		}
	}
	return at == 1
}

// maxLine is the longest line of a header, octets without its end (RFC 5322,
// 2.1.1).
const maxLine = 998

// maxLabel is more than the names of the fields that are edited have.
const maxLabel = 76

// rewriteValue rewrites the value of an address field, but for its addresses octet
// by octet. Where that makes a line too long, the line is folded in front of the
// address: white space may stand there (RFC 5322, 3.4.1).
func rewriteValue(v string, f func(addr string) (string, error)) (string, error) {
	e := valueEditor{value: v, f: f}
	p := listParser{s: v, seen: e.seen}
	p.all()
	if e.done == 0 || e.err != nil {
		return v, e.err
	}
	e.out.WriteString(v[e.done:])
	return e.out.String(), nil
}

// A valueEditor is told of the addresses of a value in the order in which they
// stand there.
type valueEditor struct {
	value string
	f     func(string) (string, error)
	out   strings.Builder
	done  int // how much of value is in out
	line  int // where the last line of out begins in it
	err   error
}

func (e *valueEditor) seen(addr string, from, to int) {
	if e.err != nil {
		return
	}
	next, err := e.f(addr)
	if err != nil || next == addr {
		e.err = err
		return
	}
	e.put(e.value[e.done:from])
	next = smtp.Quote(next)
	rest := len(e.value) - to
	if i := strings.IndexByte(e.value[to:min(len(e.value), to+maxLine)], '\n'); i >= 0 {
		rest = i
	}
	// The field's name stands in the first line, too.
	if column := e.out.Len() - e.line; column > 1 && maxLabel+column+len(next)+min(rest, maxLine) > maxLine {
		e.put("\n\t")
	}
	e.put(next)
	e.done = to
}

func (e *valueEditor) put(text string) {
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		e.line = e.out.Len() + i + 1
	}
	e.out.WriteString(text)
}
