package header

import (
	"bytes"
	"strings"
)

// Limits of what an Inspector keeps.
const (
	maxValue       = 1000 // octets of a value
	maxDeliveredTo = 1000 // values of Delivered-To
)

// An Inspector looks at a message that is written to it and remembers what
// matters of its header. Its memory is bounded.
type Inspector struct {
	Received    int      // how many Received fields there are
	MessageID   string   // the first Message-ID with its angle brackets, one clean line; "" for none
	ResentID    string   // the same of Resent-Message-ID
	TLSRequired string   // the value of TLS-Required (RFC 8689, 5)
	DeliveredTo []string // the values of Delivered-To; more than a thousand are not kept
	Ended       bool     // the header has ended

	scan    scanner
	fields  map[string]int
	capture string // the field whose value is being kept
	value   []byte
}

// counted are the fields that Count knows.
var counted = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "date": true, "message-id": true, "subject": true,
	"to": true, "cc": true, "bcc": true, "received": true, "return-path": true, "delivered-to": true,
	"resent-from": true, "resent-sender": true, "resent-date": true, "resent-message-id": true,
	"resent-to": true, "resent-cc": true, "resent-bcc": true,
	"auto-submitted": true, "mime-version": true, "content-type": true, "tls-required": true,
}

// Write looks at the next octets. It never fails.
func (i *Inspector) Write(p []byte) (int, error) {
	if !i.Ended {
		i.scan.feed(p, (*inspectSink)(i))
	}
	return len(p), nil
}

// Close tells the Inspector that the message has ended. It never fails.
func (i *Inspector) Close() error {
	i.scan.close((*inspectSink)(i))
	return nil
}

// Count returns how often a field of RFC 5322 is there; name is in lower case.
func (i *Inspector) Count(name string) int { return i.fields[name] }

type inspectSink Inspector

func (s *inspectSink) field(name []byte) {
	s.keep()
	var buf [maxName]byte
	low := appendLower(buf[:0], name)
	if !counted[string(low)] {
		return
	}
	field := string(low)
	if s.fields == nil {
		s.fields = make(map[string]int)
	}
	s.fields[field]++
	first := s.fields[field] == 1
	switch field {
	case "received":
		s.Received++
	case "message-id", "resent-message-id", "tls-required":
		if first {
			s.capture = field
		}
	case "delivered-to":
		if len(s.DeliveredTo) < maxDeliveredTo {
			s.capture = field
		}
	}
}

func (s *inspectSink) data(p []byte) {
	if s.capture != "" {
		// Name and colon come first; the value may be longer than what is kept.
		s.value = append(s.value, p[:min(len(p), maxName+maxValue-len(s.value))]...)
	}
}

func (s *inspectSink) end(bool) {
	s.keep()
	s.Ended = true
}

// keep ends the field whose value is being kept.
func (s *inspectSink) keep() {
	if s.capture == "" {
		return
	}
	_, value, _ := bytes.Cut(s.value, []byte{':'})
	text := Line(value)
	switch s.capture {
	case "message-id":
		s.MessageID = text
	case "resent-message-id":
		s.ResentID = text
	case "tls-required":
		s.TLSRequired = text
	default:
		s.DeliveredTo = append(s.DeliveredTo, text)
	}
	s.capture, s.value = "", s.value[:0]
}

var unfolder = strings.NewReplacer("\r\n", "", "\n", "")

// plain tells whether b is printable ASCII throughout.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// Line returns a field's value as one line of clean UTF-8: unfolded, trimmed,
// control characters replaced by "?".
func Line(value []byte) string {
	if plain(value) {
		return strings.TrimSpace(string(value))
	}
	s := strings.ToValidUTF8(string(value), "?")
	s = unfolder.Replace(s)
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\t':
			return ' '
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029':
			return '?'
		}
		return c
	}, s)
	return strings.TrimSpace(s)
}

// Each calls f for each field of a header that is in memory, with its name in
// lower case and its value as it stands, folded. It returns the length of the
// header, the empty line not included.
func Each(message []byte, f func(name string, value []byte)) int {
	s := eachSink{f: f}
	var scan scanner
	scan.feed(message, &s)
	scan.close(&s)
	return s.length
}

type eachSink struct {
	f      func(string, []byte)
	name   string
	value  []byte
	length int
	ended  bool
}

func (s *eachSink) field(name []byte) {
	s.flush()
	s.name = lower(name)
}

func (s *eachSink) data(p []byte) {
	if !s.ended {
		s.value = append(s.value, p...)
		s.length += len(p)
	}
}

func (s *eachSink) end(bool) {
	s.flush()
	s.ended = true
}

func (s *eachSink) flush() {
	if s.name != "" {
		_, value, _ := bytes.Cut(s.value, []byte{':'})
		s.f(s.name, value)
	}
	s.name, s.value = "", nil
}
