package mailsearch

import (
	"io"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailrecord"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

// A Mail is a message that may be found.
type Mail interface {
	// Simple answers a key that needs nothing of the message's text: numbers,
	// flags, dates of arrival and saving, sizes, IDs.
	Simple(k *imap.SearchKey) bool
	// Keys are what is known of its header.
	Keys() (*mailrecord.Keys, error)
	// Text is the stored message and its structure. It stays open for the search.
	Text() (io.ReaderAt, *mimescan.Part, error)
}

// A Searcher looks at one message after another. It is one goroutine's.
type Searcher struct {
	p          *Program
	text, body *mailtext.Matcher

	mail    Mail
	scanned bool // text and body have looked at the message
	err     error
}

// Searcher returns a Searcher of the program.
func (p *Program) Searcher() *Searcher {
	return &Searcher{p: p, text: mailtext.NewMatcher(p.text), body: mailtext.NewMatcher(p.body)}
}

// Match tells whether the program finds a message.
func (s *Searcher) Match(m Mail) (bool, error) {
	s.mail, s.scanned, s.err = m, false, nil
	found := s.match(s.p.root)
	return found && s.err == nil, s.err
}

func (s *Searcher) match(n *node) bool {
	switch n.key.Op {
	case imap.SearchAll:
		return true
	case imap.SearchAnd, imap.SearchFuzzy:
		for _, k := range n.kids {
			if !s.match(k) {
				return false
			}
		}
		return s.err == nil
	case imap.SearchOr:
		for _, k := range n.kids {
			if s.match(k) {
				return true
			}
		}
		return false
	case imap.SearchNot:
		return !s.match(n.kids[0])
	case imap.SearchHeader:
		return s.header(n)
	case imap.SearchSentBefore, imap.SearchSentOn, imap.SearchSentSince:
		return s.sent(n.key)
	case imap.SearchText:
		s.scan()
		return s.text.Found[n.index]
	case imap.SearchBody:
		s.scan()
		return s.body.Found[n.index]
	}
	return s.mail.Simple(n.key)
}

func (s *Searcher) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// header answers HEADER; an empty string is found in any field of that name.
func (s *Searcher) header(n *node) bool {
	if n.cost == fields {
		k, err := s.mail.Keys()
		if err != nil {
			s.fail(err)
			return false
		}
		found := false
		k.Each(n.field, func(value []byte) bool {
			found = n.needle == "" || mailtext.FieldContains(value, n.needle)
			return !found
		})
		return found
	}
	r, root, err := s.mail.Text()
	if err != nil {
		s.fail(err)
		return false
	}
	found := false
	err = mimescan.EachField(r, root.Header, func(name, value []byte) bool {
		found = mimescan.EqualFold(string(name), n.name) &&
			(n.needle == "" || mailtext.FieldContains(value, n.needle))
		return !found
	})
	if err != nil {
		s.fail(err)
	}
	return found
}

// sent answers SENTBEFORE, SENTON and SENTSINCE: by the day that the sender wrote,
// whatever the zone. A message without a date was sent on no day.
func (s *Searcher) sent(k *imap.SearchKey) bool {
	keys, err := s.mail.Keys()
	if err != nil {
		s.fail(err)
		return false
	}
	t, ok := keys.Sent()
	if !ok {
		return false
	}
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch k.Op {
	case imap.SearchSentBefore:
		return day.Before(k.Date)
	case imap.SearchSentOn:
		return day.Equal(k.Date)
	}
	return !day.Before(k.Date)
}
