package imapd

import (
	"errors"
	"io"
	"time"

	"yubin/internal/imap"
	"yubin/internal/imapmime"
	"yubin/internal/mailbox"
)

// A catenation is the text of a message that APPEND has from parts (RFC 4469):
// literals, and messages or parts of them that are here already. It is read as
// it comes, so that none of it is in memory.
type catenation struct {
	*visit
	left  int64 // octets that the message may still have
	some  bool  // a part was read
	empty bool  // no octet has come
	part  io.Reader
	end   func() // behind the part's last octet; or nil
	close func() // of what the part is read from; or nil
	err   error
}

// catenate takes a message from parts.
func (v *visit) catenate(a *mailbox.Append, at mailbox.Attributes) error {
	c := &catenation{visit: v, left: v.srv.appendLimit, empty: true}
	err := a.Message(c, at)
	c.shut()
	switch {
	case c.err != nil && c.err != io.EOF:
		return c.err
	case v.d.Err() != nil:
		return v.d.Err()
	case err != nil:
		return v.failed("append", err)
	case c.empty:
		return no("", "APPEND was given up: a message of no octets.")
	}
	return nil
}

// shut ends the use of a part.
func (c *catenation) shut() {
	if c.close != nil {
		c.close()
	}
	c.part, c.end, c.close = nil, nil, nil
}

// Read reads the parts, one behind the other.
func (c *catenation) Read(p []byte) (int, error) {
	for c.err == nil {
		if c.part == nil {
			c.err = c.next()
			continue
		}
		n, err := c.part.Read(p)
		c.empty = c.empty && n == 0
		if err == io.EOF {
			c.hurry()
			if err = nil; c.end != nil {
				c.end()
				err = c.d.Err()
			}
			c.shut()
		}
		if errors.Is(err, errNUL) || err != nil && c.close != nil { // else the client is gone
			err = c.failed("append", err)
		}
		c.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, c.err
}

// next begins the next part; io.EOF: there is none.
func (c *catenation) next() error {
	kind, url := c.d.Part(!c.some)
	c.some = true
	if err := c.d.Err(); err != nil {
		return err
	}
	switch kind {
	case "":
		return io.EOF
	case imap.PartURL:
		return c.openURL(url)
	case imap.PartUTF8:
		if !c.utf8 {
			c.d.Fail("Expected TEXT or URL")
		}
		c.end = c.d.CloseText
	}
	text := c.d.Announced()
	if err := c.d.Err(); err != nil {
		return err
	}
	if text.Size > c.left {
		return c.tooBig()
	}
	c.left -= text.Size
	c.part = noNUL{text.Accept()}
	c.Bound(time.Time{}) // a long text may take long
	return c.d.Err()
}

// openURL begins a part that is here.
func (c *catenation) openURL(s string) error {
	bad := func(text string) error { return no("BADURL "+string(imap.AppendURL(nil, s)), text) }
	u, err := imap.ParseURL(s)
	if err != nil {
		return bad("It is no URL of a message here.")
	}
	name := canonical(u.Mailbox)
	if name == "" {
		if c.box == nil {
			return bad("No mailbox is selected.")
		}
		name = c.box.name
	}
	view, err := c.tree.Open(name, mailbox.Peek)
	if errors.Is(err, mailbox.ErrNoFolder) || errors.Is(err, mailbox.ErrName) {
		return bad("There is no such mailbox.")
	}
	if err != nil {
		return c.failed("catenate from "+name, err)
	}
	text, err := c.textOf(view, &u)
	if err != nil {
		view.Close()
	}
	switch {
	case errors.Is(err, mailbox.ErrGone):
		return bad("There is no such message.")
	case errors.Is(err, errNoPart):
		return bad("The message has no such part.")
	case err != nil:
		return c.failed("catenate from "+name, err)
	case text.Octets > c.left:
		text.Close()
		return c.tooBig()
	}
	c.left -= text.Octets
	c.part, c.close = text, text.Close
	return nil
}

var errNoPart = errors.New("no such part")

// A partText is a Text with the message that it is of.
type partText struct {
	*imapmime.Text
	of *message
}

func (t *partText) Close() {
	t.Text.Close()
	t.of.end()
	t.of.view.Close()
}

// textOf opens what u names in a mailbox.
func (v *visit) textOf(view *mailbox.View, u *imap.URL) (*partText, error) {
	s := view.Snapshot()
	k, ok := s.Index(u.UID)
	if !ok || u.UIDValidity != 0 && u.UIDValidity != s.UIDValidity() {
		return nil, mailbox.ErrGone
	}
	g := &message{look: (&library{view: view, limits: v.srv.mime}).look(), k: k}
	err := g.open()
	var text *imapmime.Text
	if err == nil {
		text, err = g.named(u)
	}
	if err != nil {
		g.end()
		return nil, err
	}
	return &partText{text, g}, nil
}

// named opens the part of the message that u names.
func (g *message) named(u *imap.URL) (*imapmime.Text, error) {
	if len(u.Section.Part) > 0 {
		root, err := g.parts()
		if err != nil {
			return nil, err
		}
		if imapmime.Find(root, u.Section.Part) == nil {
			return nil, errNoPart
		}
	}
	return g.text(&u.Section, u.Partial)
}
