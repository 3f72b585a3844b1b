package imaptest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Strict is a client that believes nothing: it reads what a server sends by the
// grammar of RFC 9051, 9, and its extensions, and follows what the responses tell
// of the selected mailbox. It is an io.Writer, to stand beside a client: Write takes
// what comes from the server, Sent what the client sends.
//
// What it does not know is wrong: an extension brings its responses along.
type Strict struct {
	Complain func(error) // about one response

	in      []byte
	waiting map[string]string // commands by tag, that are not answered
	utf8    bool
	exists  uint64
	off     bool // what follows is compressed
	anytime bool // NOTIFY wants EXPUNGE at any time (RFC 5465, 6.1.1)
}

// Check reads one response, line end and all, as a client does who has a message.
func Check(response []byte, utf8 bool) error {
	return (&Strict{utf8: utf8, exists: 1}).take(response)
}

// Sent takes what the client sends. Lines within literals are no commands; what they
// are taken for makes this client less strict for a moment.
func (s *Strict) Sent(b string) {
	if s.waiting == nil {
		s.waiting = map[string]string{}
	}
	for line := range strings.Lines(b) {
		w := strings.Fields(strings.ToUpper(line))
		if len(w) < 2 {
			continue
		}
		tag, _, _ := strings.Cut(line, " ")
		if s.waiting[tag] = w[1]; w[1] == "UID" && len(w) > 2 {
			s.waiting[tag] += " " + w[2]
		}
		if w[1] == "NOTIFY" {
			s.anytime = slices.Contains(w, "(SELECTED")
		}
	}
}

// Write takes what the server sends.
func (s *Strict) Write(b []byte) (int, error) {
	s.in = append(s.in, b...)
	for !s.off {
		response, rest := whole(s.in)
		if response == nil {
			break
		}
		if err := s.take(response); err != nil {
			s.Complain(fmt.Errorf("%w, in %.300q", err, response))
		}
		s.in = rest
	}
	return len(b), nil
}

// whole is the response that b begins with, literals and all; nil: it has not ended.
func whole(b []byte) (response, rest []byte) {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return nil, b
		}
		at += n + 1
		line := b[:at]
		open := bytes.LastIndexByte(line, '{')
		size := 0
		if !bytes.HasSuffix(line, []byte("}\r\n")) || open < 0 {
			return line, b[at:]
		}
		if _, err := fmt.Sscanf(string(line[open:]), "{%d}\r\n", &size); err != nil {
			return line, b[at:]
		}
		if at+size > len(b) {
			return nil, b
		}
		at += size
	}
}

// take reads one response.
func (s *Strict) take(response []byte) error {
	r := &reader{b: response, utf8: s.utf8}
	switch {
	case r.take("* "):
		s.untagged(r)
	case r.take("+"):
		r.sp()
		if !r.at("\r\n") { // an empty challenge (RFC 9051, 6.2.2)
			r.respText()
		}
	default:
		s.tagged(r)
	}
	if r.want("\r\n"); r.err == nil && len(r.b) > 0 {
		r.fail("more behind the end")
	}
	return r.err
}

func (s *Strict) tagged(r *reader) {
	tag := r.run("a tag", func(c byte) bool { return isAtom(c) && c != '+' || c == ']' })
	r.sp()
	command, known := s.waiting[tag]
	if s.waiting != nil && !known {
		r.fail("nothing was asked with the tag %q", tag)
	}
	delete(s.waiting, tag)
	status := r.word()
	if !slices.Contains([]string{"OK", "NO", "BAD"}, status) {
		r.fail("%q is no status", status)
	}
	r.sp()
	r.respText()
	if status != "OK" {
		return
	}
	switch command {
	case "COMPRESS":
		s.off = true
	case "CLOSE", "UNSELECT":
		s.exists = 0
	}
}

// responses are the untagged ones that begin with a word.
var responses = map[string]func(*Strict, *reader){
	"OK":         func(s *Strict, r *reader) { r.sp(); s.condition(r) },
	"NO":         func(s *Strict, r *reader) { r.sp(); s.condition(r) },
	"BAD":        func(s *Strict, r *reader) { r.sp(); s.condition(r) },
	"BYE":        func(s *Strict, r *reader) { r.sp(); s.condition(r) },
	"PREAUTH":    func(s *Strict, r *reader) { r.sp(); s.condition(r) },
	"CAPABILITY": func(_ *Strict, r *reader) { r.sp(); r.capabilities() },
	"ENABLED":    (*Strict).enabled,
	"FLAGS":      func(_ *Strict, r *reader) { r.sp(); r.flags(`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`) },
	"LIST":       func(_ *Strict, r *reader) { r.sp(); r.listResponse() },
	"LSUB":       func(_ *Strict, r *reader) { r.sp(); r.listResponse() },
	"SEARCH":     func(_ *Strict, r *reader) { r.numbers(); r.searchModSeq() },
	"SORT":       func(_ *Strict, r *reader) { r.numbers(); r.searchModSeq() },
	"THREAD":     func(_ *Strict, r *reader) { r.threads() },
	"ESEARCH":    func(_ *Strict, r *reader) { r.esearch() },
	"STATUS":     func(_ *Strict, r *reader) { r.sp(); r.status() },
	"NAMESPACE":  func(_ *Strict, r *reader) { r.namespaces() },
	"ID":         func(_ *Strict, r *reader) { r.sp(); r.id() },
	"VANISHED":   (*Strict).vanished,
	"QUOTA":      func(_ *Strict, r *reader) { r.sp(); r.quota() },
	"QUOTAROOT":  func(_ *Strict, r *reader) { r.sp(); r.mailbox(); r.quotaRoots() },
}

func (s *Strict) untagged(r *reader) {
	if len(r.b) > 0 && isDigit(r.b[0]) {
		s.numbered(r)
		return
	}
	name := r.word()
	read := responses[name]
	if read == nil {
		r.fail("%q is no response", name)
		return
	}
	read(s, r)
}

// condition is a status response; CLOSED ends what is known of a mailbox.
func (s *Strict) condition(r *reader) {
	if r.at("[CLOSED]") {
		s.exists = 0
	}
	r.respText()
}

func (s *Strict) enabled(r *reader) {
	for r.take(" ") {
		switch r.word() {
		case "IMAP4REV2", "UTF8=ACCEPT":
			s.utf8 = true
		}
	}
}

// numbered are the responses that begin with a number.
func (s *Strict) numbered(r *reader) {
	n := r.number(32)
	r.sp()
	name := r.word()
	switch name {
	case "EXISTS":
		// Of a mailbox that is being selected there was nothing known.
		if n < s.exists && !s.selecting() {
			r.fail("%d EXISTS, and there were %d", n, s.exists)
		}
		s.exists = n
		return
	case "RECENT":
		if n > s.exists {
			r.fail("%d RECENT of %d", n, s.exists)
		}
		return
	case "EXPUNGE", "FETCH":
	default:
		r.fail("%q is no response", name)
	}
	if n == 0 || n > s.exists {
		r.fail("%d %s of %d messages", n, name, s.exists)
	}
	if name == "FETCH" {
		r.sp()
		r.fetch()
		return
	}
	s.mayExpunge(r)
	s.exists--
}

func (s *Strict) selecting() bool {
	for _, c := range s.waiting {
		if c == "SELECT" || c == "EXAMINE" {
			return true
		}
	}
	return false
}

// mayExpunge: when there is no command, or one whose numbers it would shift, no
// EXPUNGE may come (RFC 9051, 7.5.1).
func (s *Strict) mayExpunge(r *reader) {
	if s.waiting == nil || s.anytime {
		return
	}
	for _, c := range s.waiting {
		if !slices.Contains([]string{"FETCH", "STORE", "SEARCH", "SORT", "THREAD"}, c) {
			return
		}
	}
	r.fail("EXPUNGE is not expected now")
}

// vanished stands for EXPUNGE (RFC 7162, 3.2.10).
func (s *Strict) vanished(r *reader) {
	r.sp()
	earlier := r.take("(EARLIER) ")
	n := r.set()
	if earlier {
		return
	}
	if n > s.exists {
		r.fail("%d messages vanished of %d", n, s.exists)
		return
	}
	s.mayExpunge(r)
	s.exists -= n
}

// dateTime is the one form that a date has (RFC 9051, 9: date-time).
func (r *reader) dateTime() {
	const form = "_2-Jan-2006 15:04:05 -0700"
	r.want(`"`)
	if r.err == nil && len(r.b) < len(form) {
		r.fail("a date ends early")
	}
	if r.err != nil {
		return
	}
	text := string(r.b[:len(form)])
	if t, err := time.Parse(form, text); err != nil || t.Format(form) != text {
		r.fail("%q is no date", text)
	}
	r.b = r.b[len(form):]
	r.want(`"`)
}
