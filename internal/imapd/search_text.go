package imapd

import (
	"bufio"
	"errors"
	"io"
	"net/mail"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/imapmime"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

// compileText makes keys that look into messages into tests. Text is compared
// decoded and without regard to case (RFC 9051, 6.4.4; RFC 5051).
func (p *program) compileText(k *imap.SearchKey) (test, error) {
	needle := k.Text
	if p.charset != "" {
		needle = mailtext.Decode([]byte(needle), p.charset)
	}
	switch k.Op {
	case imap.SearchHeader:
		folded := mailtext.Fold(needle)
		return looking(inHeader, func(c *candidate) (bool, error) {
			root, err := c.top()
			if err != nil {
				return false, err
			}
			return c.hasField(root.Header, []string{k.Field}, folded)
		}), nil
	case imap.SearchSentBefore, imap.SearchSentOn, imap.SearchSentSince:
		match := onDay(k.Op-imap.SearchSentBefore, k.Date)
		return looking(inHeader, func(c *candidate) (bool, error) {
			root, err := c.top()
			if err != nil {
				return false, err
			}
			value, _ := imapmime.Field(root.Envelope, mimescan.Date)
			t, err := mail.ParseDate(value)
			return err == nil && match(t), nil // without a date it was sent at no time
		}), nil
	case imap.SearchBody, imap.SearchText:
		return looking(inText, func(c *candidate) (bool, error) { return c.hasText(needle, k.Op == imap.SearchText) }), nil
	}
	return test{}, errUnknownKey
}

// looking is a test that opens the message. What is gone matches nothing.
func looking(cost int, match func(c *candidate) (bool, error)) test {
	return test{cost, func(c *candidate) (bool, error) {
		if c.k < 0 {
			return false, nil
		}
		if err := c.open(); err != nil {
			return false, ignoreGone(err)
		}
		return match(c)
	}}
}

// fields calls do with the decoded values of fields of a header, those called
// names or, without names, all, until do is content.
func (g *message) fields(header mimescan.Span, names []string, do func(name, value string) bool) (bool, error) {
	r, _ := g.content.Stored()
	f := mimescan.NewFieldReader(r, header, names, len(names) == 0)
	defer f.Close()
	in := bufio.NewReader(f)
	field := ""
	ended := func() bool {
		name, value, ok := strings.Cut(field, ":")
		return ok && do(name, mailtext.DecodeWords(strings.TrimSpace(value)))
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		text := strings.TrimRight(line, "\r\n")
		if line != "" && text != "" && (text[0] == ' ' || text[0] == '\t') && len(field) < mimescan.MaxField {
			field += text
			continue
		}
		if ended() {
			return true, nil
		}
		if field = text; err != nil || text == "" {
			return false, nil
		}
	}
}

// hasField tells whether a field has a string, which is folded, in it.
func (g *message) hasField(header mimescan.Span, names []string, folded string) (bool, error) {
	return g.fields(header, names, func(_, value string) bool { return mailtext.Contains(value, folded) })
}

// hasText looks into the texts of a message, and into its header.
func (g *message) hasText(needle string, header bool) (bool, error) {
	root, err := g.parts()
	if err != nil {
		return false, err
	}
	m := mailtext.NewMatcher([]string{needle})
	if header {
		err = g.matchHeader(m, root)
	}
	if err == nil {
		err = g.matchBody(m, root)
	}
	return m.Done(), err
}

func (g *message) matchHeader(m *mailtext.Matcher, p *mimescan.Part) error {
	_, err := g.fields(p.Header, nil, func(name, value string) bool {
		m.Break()
		m.WriteString(name + ": " + value)
		return m.Done()
	})
	return err
}

// matchBody looks into a part: texts, and the headers of messages in it.
func (g *message) matchBody(m *mailtext.Matcher, p *mimescan.Part) error {
	if m.Done() {
		return nil
	}
	m.Break()
	r, _ := g.content.Stored()
	switch {
	case p.Kind == mimescan.Message:
		if err := g.matchHeader(m, p.Kids[0]); err != nil {
			return err
		}
	case p.Kind == mimescan.Leaf && p.Text():
		_, err := m.ReadFrom(imapmime.TextReader(r, p))
		return err
	}
	for _, kid := range p.Kids {
		if err := g.matchBody(m, kid); err != nil {
			return err
		}
	}
	return nil
}
