package imapd

import (
	"bytes"
	"errors"
	"io"

	"yubin/internal/mailbox"
	"yubin/internal/mimescan"
	"yubin/internal/talk"
)

// A message is one that is looked into. What is known of it is found out when
// it is asked for.
type message struct {
	view *mailbox.View
	k    int // the view's index

	content *mailbox.Content
	header  *mimescan.Part // of the header alone
	root    *mimescan.Part
}

// open opens the message.
func (g *message) open() (err error) {
	if g.content == nil {
		g.content, err = g.view.Content(g.k)
	}
	return err
}

func (g *message) close() {
	if g.content != nil {
		g.content.Close()
	}
}

// top returns what is known of the message's own header: of an open message, as
// are parts.
func (g *message) top() (*mimescan.Part, error) {
	if g.root != nil {
		return g.root, nil
	}
	if g.header != nil {
		return g.header, nil
	}
	r, size := g.content.Stored()
	buf := talk.Buffers.Get().(*[32 << 10]byte)
	n, err := r.ReadAt(buf[:min(int64(len(buf)), size)], 0)
	end := headerEnd(buf[:n])
	talk.Buffers.Put(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if end < 0 {
		return g.parts()
	}
	g.header, err = mimescan.Scan(r, int64(end))
	return g.header, err
}

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

// parts returns the structure of the message.
func (g *message) parts() (_ *mimescan.Part, err error) {
	if g.root == nil {
		r, size := g.content.Stored()
		g.root, err = mimescan.Scan(r, size)
	}
	return g.root, err
}
