package imapd

import (
	"errors"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// A candidate is the client's message i while SEARCH looks at it.
type candidate struct {
	message
	i int
	m mailbox.Message
}

// A program makes the keys of one SEARCH into tests.
type program struct {
	*visit
	charset string
}

// compile makes a key into a test.
func (p *program) compile(k *imap.SearchKey) (test, error) {
	if k.Kids != nil {
		return p.compileKids(k)
	}
	switch k.Op {
	case imap.SearchAll:
		return memory(func(*candidate) bool { return true }), nil
	case imap.SearchFlag:
		return memory(func(c *candidate) bool { return p.hasFlag(c.m, c.i, k.Text) }), nil
	case imap.SearchSet, imap.SearchUID:
		return p.inSet(k)
	case imap.SearchBefore, imap.SearchOn, imap.SearchSince:
		return p.received(onDay(k.Op-imap.SearchBefore, k.Date)), nil
	case imap.SearchOlder:
		limit := time.Now().Add(-time.Duration(k.Number) * time.Second)
		return p.received(func(t time.Time) bool { return !t.After(limit) }), nil
	case imap.SearchYounger:
		limit := time.Now().Add(-time.Duration(k.Number) * time.Second)
		return p.received(func(t time.Time) bool { return !t.Before(limit) }), nil
	case imap.SearchLarger:
		return p.size(func(n uint64) bool { return n > k.Number }), nil
	case imap.SearchSmaller:
		return p.size(func(n uint64) bool { return n < k.Number }), nil
	}
	return p.compileText(k)
}

func (p *program) compileKids(k *imap.SearchKey) (test, error) {
	tests := make([]test, len(k.Kids))
	for i := range k.Kids {
		var err error
		if tests[i], err = p.compile(&k.Kids[i]); err != nil {
			return test{}, err
		}
	}
	switch k.Op {
	case imap.SearchAnd:
		return all(tests), nil
	case imap.SearchOr:
		return either(tests), nil
	case imap.SearchNot:
		return not(tests[0]), nil
	}
	return test{}, errUnknownKey
}

// errUnknownKey is for keys of extensions that are not here.
var errUnknownKey = &imap.SyntaxError{Text: "Unknown search key"}

func memory(match func(c *candidate) bool) test {
	return test{inMemory, func(c *candidate) (bool, error) { return match(c), nil }}
}

// inSet finds sequence numbers, or UIDs.
func (p *program) inSet(k *imap.SearchKey) (test, error) {
	b := p.box
	var numbers []imap.Range
	var err error
	switch {
	case k.Set.Saved:
		numbers = b.ofUIDs(b.saved)
	case k.Op == imap.SearchUID:
		numbers = b.ofUIDs(imap.Resolve(k.Set.Ranges, b.largest()))
	default:
		numbers, err = b.ofNumbers(k.Set.Ranges)
	}
	return memory(func(c *candidate) bool { return imap.Contains(numbers, uint32(c.i+1)) }), err
}

// onDay compares days: 0 before, 1 on, 2 since.
func onDay(how imap.SearchOp, day time.Time) func(time.Time) bool {
	y, m, d := day.Date()
	want := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return func(t time.Time) bool {
		y, m, d := t.Date() // its own day, whatever its zone (RFC 9051, 6.4.4)
		c := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Compare(want)
		switch how {
		case 0:
			return c < 0
		case 1:
			return c == 0
		}
		return c >= 0
	}
}

// received tests the time of arrival. What is gone matches nothing.
func (p *program) received(match func(time.Time) bool) test {
	return test{ofFile, func(c *candidate) (bool, error) {
		if c.k < 0 {
			return false, nil
		}
		t, err := c.view.Received(c.k)
		return err == nil && match(t), ignoreGone(err)
	}}
}

func (p *program) size(match func(uint64) bool) test {
	return test{ofFile, func(c *candidate) (bool, error) {
		if c.k < 0 {
			return false, nil
		}
		n, err := c.view.Octets(c.k)
		return err == nil && match(uint64(n)), ignoreGone(err)
	}}
}

func ignoreGone(err error) error {
	if errors.Is(err, mailbox.ErrGone) {
		return nil
	}
	return err
}
