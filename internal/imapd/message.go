package imapd

import (
	"bytes"
	"errors"
	"io"
	"time"

	"yubin/internal/mailbox"
	"yubin/internal/mailrecord"
	"yubin/internal/mimescan"
)

// A message is one that is looked into. What is known of it is found out when
// it is asked for.
type message struct {
	*look
	k int // the view's index; -1: it is gone

	content *mailbox.Content
	header  *mimescan.Part // of the header alone
	root    *mimescan.Part // without fields, where a record has it
	scanned bool           // root has fields

	ready mailrecord.Answers
	has   bool // ready is
}

// open opens the message.
func (g *message) open() (err error) {
	if g.k < 0 {
		return mailbox.ErrGone
	}
	if g.content == nil {
		g.content, err = g.view.Content(g.k)
	}
	return err
}

// close ends the look at the message.
func (g *message) close() {
	if g.content != nil {
		g.content.Close()
		g.content = nil
	}
}

// end ends the use of a message that has a library to itself.
func (g *message) end() {
	g.close()
	g.look.close()
	g.library.close()
}

// top returns what is known of the message's own header: of an open message, as
// are parts.
func (g *message) top() (*mimescan.Part, error) {
	if g.scanned {
		return g.root, nil
	}
	if g.header != nil {
		return g.header, nil
	}
	r, size := g.content.Stored()
	for n := int64(firstRead); ; n *= 8 {
		if cap(g.head) < int(min(n, size)) {
			g.head = make([]byte, min(n, size))
		}
		b := g.head[:min(n, size)]
		k, err := r.ReadAt(b, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if end := headerEnd(b[:k]); end >= 0 {
			g.header, err = g.limits.Scan(bytes.NewReader(b[:end]), int64(end))
			return g.header, err
		}
		if n >= size || n > firstRead {
			return g.scan()
		}
	}
}

// firstRead is how much of a message is read for its header, octets, before more
// is.
const firstRead = 4 << 10

// headerEnd is where the body begins; -1: not in b.
func headerEnd(b []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		line := b[at : at+i]
		at += i + 1
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return at
		}
	}
}

// parts returns the structure of the message, which is open.
func (g *message) parts() (*mimescan.Part, error) {
	if g.root != nil {
		return g.root, nil
	}
	if g.find() {
		_, size := g.content.Stored()
		if root, err := g.ready.Parts(size); err == nil {
			g.root = root
			return root, nil
		}
	}
	if _, err := g.scan(); err != nil {
		return nil, err
	}
	return g.root, g.keep(false, g.has && g.ready.HasFields())
}

// find finds the answers in the message's record.
func (g *message) find() bool {
	if g.has {
		return true
	}
	if b := g.shelf().Answers(g.k); len(b) > 0 {
		var err error
		g.ready, err = mailrecord.ParseAnswers(b)
		g.has = err == nil
	}
	return g.has
}

// arrived is when the message was received (RFC 9051, 2.3.3): never at another
// time, once a record has it.
func (g *message) arrived() (time.Time, error) {
	if g.find() {
		if t, known := g.ready.Arrived(); known {
			return t, nil
		}
	}
	if g.content != nil {
		return g.content.Received(), nil
	}
	return g.view.Received(g.k)
}

// fields appends the text of HEADER.FIELDS, from the record; if that lacks it
// the message is opened, and has one now. It returns false if it must be read for that
// each time.
func (g *message) fields(b []byte, names []string) ([]byte, bool, error) {
	if !mailrecord.Keeps(names) {
		return b, false, g.open()
	}
	if !g.find() || !g.ready.HasFields() {
		if err := g.open(); err != nil {
			return b, false, err
		}
		if err := g.keepFields(); err != nil {
			return b, false, err
		}
	}
	b, ok := g.ready.AppendFields(b, names)
	if !ok {
		return b, false, g.open()
	}
	return b, true, nil
}

// keepFields makes the record of an open message whose fields are asked for.
func (g *message) keepFields() error {
	if g.has && g.ready.Whole() { // what is known stays known
		if _, err := g.scan(); err != nil {
			return err
		}
		_, _, preview := g.ready.Preview()
		return g.keep(preview, true)
	}
	p, err := g.top()
	if err != nil {
		return err
	}
	r, size := g.content.Stored()
	m := mailrecord.Maker{Fields: true, Arrived: g.content.Received()}
	b, err := m.Head(make([]byte, 0, 1<<10), r, size, p)
	if err != nil {
		return err
	}
	return g.put(p, b)
}

// put keeps a record, of which b are the answers.
func (g *message) put(p *mimescan.Part, b []byte) (err error) {
	g.kept().Put(g.k, mailrecord.AppendKeys(make([]byte, 0, 512), p.Envelope, g.content.Received()), b)
	g.ready, err = mailrecord.ParseAnswers(b)
	g.has = err == nil
	return err
}

// scan reads the message, which is open.
func (g *message) scan() (_ *mimescan.Part, err error) {
	if !g.scanned {
		r, size := g.content.Stored()
		g.root, err = g.limits.Scan(r, size)
		g.scanned = err == nil
	}
	return g.root, err
}

// keep makes the record of a message that was scanned.
func (g *message) keep(preview, fields bool) error {
	r, size := g.content.Stored()
	m := mailrecord.Maker{Preview: preview, Fields: fields, Arrived: g.content.Received()}
	b, err := m.Make(make([]byte, 0, 1<<10), r, size, g.root)
	if err != nil {
		return err
	}
	return g.put(g.root, b)
}

// answers are the message's; preview: it is among them.
func (g *message) answers(preview bool) (*mailrecord.Answers, error) {
	if g.find() && g.ready.Whole() {
		if _, _, known := g.ready.Preview(); known || !preview {
			return &g.ready, nil
		}
	}
	if err := g.open(); err != nil {
		return &g.ready, err
	}
	if _, err := g.scan(); err != nil {
		return &g.ready, err
	}
	return &g.ready, g.keep(preview, g.has && g.ready.HasFields())
}

// keys are the message's; they are valid until others are asked for.
func (g *message) keys() (k mailrecord.Keys, err error) {
	if g.k < 0 {
		return k, mailbox.ErrGone
	}
	if b := g.shelf().Keys(g.k); b != nil {
		if k, err = mailrecord.ParseKeys(b); err == nil {
			return k, nil
		}
	}
	if err = g.open(); err != nil {
		return k, err
	}
	p, err := g.top()
	if err != nil {
		return k, err
	}
	b := mailrecord.AppendKeys(make([]byte, 0, 512), p.Envelope, g.content.Received())
	g.kept().Put(g.k, b, nil)
	return mailrecord.ParseKeys(b)
}
