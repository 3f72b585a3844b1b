package imapd

import (
	"context"
	"errors"
	"io"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
	"yubin/internal/mailrecord"
	"yubin/internal/mailsearch"
	"yubin/internal/mimescan"
)

// A candidate is the client's message i while SEARCH looks at it. It answers
// mailsearch's questions.
type candidate struct {
	message
	*program
	i    int
	m    mailbox.Message
	head mailrecord.Keys
	read bool  // head is
	err  error // the first of Simple
}

// A program is one search.
type program struct {
	*visit
	sets map[*imap.SearchKey][]imap.Range // sequence numbers
	now  time.Time
}

// find returns the messages that match, by their indexes.
func (v *visit) find(ctx context.Context, arg *imap.Search) (found []int, err error) {
	p := &program{visit: v, sets: map[*imap.SearchKey][]imap.Range{}, now: time.Now()}
	if err := p.prepare(&arg.Key); err != nil {
		return nil, err
	}
	compiled, err := mailsearch.Compile(&arg.Key, arg.Charset)
	if errors.Is(err, mailsearch.ErrCharset) {
		return nil, no("BADCHARSET (US-ASCII UTF-8)", "Unknown charset.")
	}
	if err != nil {
		return nil, err
	}
	return p.scan(ctx, compiled)
}

// prepare resolves sets, and refuses keys of extensions that are not here.
func (p *program) prepare(k *imap.SearchKey) (err error) {
	b := p.box
	switch k.Op {
	case imap.SearchSet, imap.SearchUID:
		switch {
		case k.Set.Saved:
			p.sets[k] = b.ofUIDs(b.saved)
		case k.Op == imap.SearchUID:
			p.sets[k] = b.ofUIDs(imap.Resolve(k.Set.Ranges, b.largest()))
		default:
			p.sets[k], err = b.ofNumbers(k.Set.Ranges)
		}
	case imap.SearchModSeq:
		p.condstore = true
	case imap.SearchFuzzy:
		return &imap.SyntaxError{Text: "Unknown search key"}
	}
	for i := range k.Kids {
		if err := p.prepare(&k.Kids[i]); err != nil {
			return err
		}
	}
	return err
}

// consider makes the client's message i the candidate. What is gone has k -1.
func (c *candidate) consider(i int) {
	k, ok := c.box.at(i)
	if !ok {
		k = -1
	}
	c.message = message{look: c.look, k: k}
	c.i, c.m, c.read, c.err = i, c.box.message(i), false, nil
}

// Simple answers a key without the message's text.
func (c *candidate) Simple(k *imap.SearchKey) bool {
	switch k.Op {
	case imap.SearchSet, imap.SearchUID:
		return imap.Contains(c.sets[k], uint32(c.i+1))
	case imap.SearchFlag:
		return c.hasFlag(c.m, c.i, k.Text)
	case imap.SearchLarger:
		return uint64(c.octets()) > k.Number
	case imap.SearchSmaller:
		return uint64(c.octets()) < k.Number
	}
	if answer := objectKeys[k.Op]; answer != nil {
		return answer(c, k)
	}
	t := c.received()
	switch limit := c.now.Add(-time.Duration(k.Number) * time.Second); k.Op {
	case imap.SearchBefore:
		return dayOf(t).Before(dayOf(k.Date))
	case imap.SearchOn:
		return dayOf(t).Equal(dayOf(k.Date))
	case imap.SearchSince:
		return !dayOf(t).Before(dayOf(k.Date))
	case imap.SearchOlder:
		return !t.After(limit)
	case imap.SearchYounger:
		return !t.Before(limit)
	}
	return false
}

// dayOf is a time's day in its own zone (RFC 9051, 6.4.4).
func dayOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func (c *candidate) received() (t time.Time) {
	if c.read {
		if t, known := c.head.Arrived(); known {
			return t
		}
	}
	err := mailbox.ErrGone
	if c.k >= 0 {
		t, err = c.message.view.Received(c.k)
	}
	c.err = errors.Join(c.err, err)
	return t
}

func (c *candidate) octets() (n int64) {
	err := mailbox.ErrGone
	if c.k >= 0 {
		n, err = c.message.view.Octets(c.k)
	}
	c.err = errors.Join(c.err, err)
	return n
}

// Keys are what is known of the header.
func (c *candidate) Keys() (k *mailrecord.Keys, err error) {
	if !c.read {
		c.head, err = c.keys()
		c.read = err == nil
	}
	return &c.head, err
}

// Text is the message and its structure.
func (c *candidate) Text() (io.ReaderAt, *mimescan.Part, error) {
	if err := c.open(); err != nil {
		return nil, nil, err
	}
	p, err := c.parts()
	r, _ := c.content.Stored()
	return r, p, err
}
