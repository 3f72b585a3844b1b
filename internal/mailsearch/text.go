package mailsearch

import (
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"yubin/internal/imapmime"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// scan looks for all strings of TEXT and BODY in the message: both in its text
// parts and what is below message/, TEXT also in all headers, those of parts and of
// messages within too (RFC 9051, 6.4.4: BODY matches no header fields).
func (s *Searcher) scan() {
	if s.scanned {
		return
	}
	s.scanned = true
	s.text.Reset()
	s.body.Reset()
	if s.done() {
		return
	}
	r, root, err := s.mail.Text()
	for stack := []*mimescan.Part{root}; len(stack) > 0 && err == nil && !s.done(); {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, k := range slices.Backward(p.Kids) {
			stack = append(stack, k)
		}
		if !s.text.Done() {
			err = s.headerText(r, p.Header)
		}
		if err == nil && readable(p) {
			err = s.bodyText(r, p)
		}
	}
	if err != nil {
		s.fail(err)
	}
}

func (s *Searcher) done() bool { return s.text.Done() && s.body.Done() }

// readable tells whether a part is searched.
func readable(p *mimescan.Part) bool {
	return p.Kind == mimescan.Leaf && (p.Text() || p.Broken || mimescan.EqualFold(p.Type, "message"))
}

// headerText looks for the strings of TEXT in a header's fields.
func (s *Searcher) headerText(r io.ReaderAt, header mimescan.Span) error {
	return mimescan.EachField(r, header, func(name, value []byte) bool {
		s.text.Break()
		s.text.WriteString(string(name) + ": " + mailtext.DecodeWords(string(value)))
		return !s.text.Done()
	})
}

// bodyText shows a part's content to both matchers.
func (s *Searcher) bodyText(r io.ReaderAt, p *mimescan.Part) error {
	s.text.Break()
	s.body.Break()
	if mailtext.TransferOf(p.Encoding) == mailtext.Identity && mailtext.IsUnicode(p.Charset()) {
		done, err := s.plain(r, p)
		if done || err != nil {
			return err
		}
	}
	return s.show(imapmime.TextReader(r, p))
}

// plain shows a text that needs no decoding; done is false for one that turns out
// to need it.
func (s *Searcher) plain(r io.ReaderAt, p *mimescan.Part) (done bool, err error) {
	if p.Body.Stored > bufferSize {
		return false, nil
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	b := buf[:p.Body.Stored]
	if n, err := r.ReadAt(b, p.Body.Offset); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF // the file has become shorter
		}
		return false, err
	}
	if !utf8.Valid(b) {
		return false, nil
	}
	s.write(b)
	return true, nil
}

func (s *Searcher) write(b []byte) {
	s.text.Write(b)
	s.body.Write(b)
}

func (s *Searcher) show(r io.Reader) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for !s.done() {
		n, err := r.Read(buf[:])
		s.write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
