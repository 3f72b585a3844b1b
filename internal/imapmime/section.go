package imapmime

import (
	"io"

	"yubin/internal/imap"
	"yubin/internal/mimescan"
)

// A Text is what a section names, with CRLF line ends, as a stream whose length
// is known.
type Text struct {
	Octets int64
	io.Reader
	close func()
}

// Close ends the use of the Text.
func (t *Text) Close() {
	if t.close != nil {
		t.close()
	}
}

// Section opens the text of BODY[s]<partial> in a stored message and its
// structure. What a message does not have is empty. Whoever gets a Text closes it.
func Section(r io.ReaderAt, root *mimescan.Part, s *imap.Section, partial *imap.Partial) (*Text, error) {
	t, err := whole(r, root, s)
	if err == nil {
		err = t.cut(partial)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func whole(r io.ReaderAt, root *mimescan.Part, s *imap.Section) (*Text, error) {
	p := Find(root, s.Part)
	switch {
	case p == nil:
	case len(s.Part) == 0:
		return message(r, p, s)
	case s.Of == imap.SectionMIME:
		return span(r, p.Header), nil
	case s.Of == imap.SectionAll:
		return span(r, p.Body), nil
	case p.Kind == mimescan.Message:
		return message(r, p.Kids[0], s)
	}
	return span(r, mimescan.Span{}), nil
}

// Find returns the part of that number, or nil.
func Find(p *mimescan.Part, path []uint32) *mimescan.Part {
	leaf := false // its 1 is itself, once
	for i, n := range path {
		if i > 0 && p.Kind == mimescan.Message {
			p, leaf = p.Kids[0], false
		}
		switch {
		case p.Kind != mimescan.Multipart && n == 1 && !leaf:
			leaf = true
		case p.Kind == mimescan.Multipart && int64(n) <= int64(len(p.Kids)):
			p = p.Kids[n-1]
		default:
			return nil
		}
	}
	return p
}

// message opens the text of a message or of a part of its header.
func message(r io.ReaderAt, p *mimescan.Part, s *imap.Section) (*Text, error) {
	switch s.Of {
	case imap.SectionHeader:
		return span(r, p.Header), nil
	case imap.SectionText:
		return span(r, p.Body), nil
	case imap.SectionFields, imap.SectionFieldsNot:
		return fields(r, p.Header, s)
	}
	return span(r, Whole(p)), nil
}

// Whole is the span of header and body.
func Whole(p *mimescan.Part) mimescan.Span {
	h, b := p.Header, p.Body
	return mimescan.Span{Offset: h.Offset, Stored: h.Stored + b.Stored, Octets: h.Octets + b.Octets, Lines: h.Lines + b.Lines}
}

func span(r io.ReaderAt, s mimescan.Span) *Text {
	return &Text{Octets: s.Octets, Reader: mimescan.NewReader(r, s, false)}
}

// fields opens some fields of a header. It is read twice: the length comes first.
func fields(r io.ReaderAt, header mimescan.Span, s *imap.Section) (*Text, error) {
	open := func() *mimescan.FieldReader {
		return mimescan.NewFieldReader(r, header, s.Fields, s.Of == imap.SectionFieldsNot)
	}
	f := open()
	n, err := io.Copy(io.Discard, f)
	f.Close()
	if err != nil {
		return &Text{}, err
	}
	f = open()
	return &Text{Octets: n, Reader: f, close: f.Close}, nil
}

// cut leaves of a text what a partial wants.
func (t *Text) cut(p *imap.Partial) error {
	if p == nil {
		return nil
	}
	skip := min(int64(p.Offset), t.Octets)
	var err error
	if r, ok := t.Reader.(*mimescan.Reader); ok {
		err = r.Discard(skip)
	} else {
		_, err = io.CopyN(io.Discard, t.Reader, skip)
	}
	t.Octets = min(int64(p.Size), t.Octets-skip)
	t.Reader = io.LimitReader(t.Reader, t.Octets)
	return err
}
