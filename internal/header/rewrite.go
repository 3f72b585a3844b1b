package header

import (
	"strings"

	"yubin/internal/smtp"
)

// addressFields are the fields that hold addresses of people, by name in lower
// case.
var addressFields = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "to": true, "cc": true, "bcc": true,
	"resent-from": true, "resent-sender": true, "resent-reply-to": true, "resent-to": true, "resent-cc": true, "resent-bcc": true,
	"errors-to": true, "return-receipt-to": true, "disposition-notification-to": true, "mail-followup-to": true, "apparently-to": true,
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
	s.inside = addressFields[lower(name)]
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
		s.out = append(append(append(s.out, name...), ':'), s.value(value)...)
	}
	s.held, s.inside = s.held[:0], false
}

// value rewrites the value of an address field.
func (s *rewriter) value(v string) string {
	var b strings.Builder
	done := 0
	p := listParser{s: v, seen: func(addr string, from, to int) {
		if s.err != nil {
			return
		}
		var next string
		if next, s.err = s.f(addr); s.err != nil || next == addr {
			return
		}
		b.WriteString(v[done:from])
		b.WriteString(smtp.Quote(next))
		done = to
	}}
	p.all()
	b.WriteString(v[done:])
	return b.String()
}
