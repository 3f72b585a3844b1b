package mimescan

import (
	"bytes"
	"io"
)

// longestBoundary is how much of a boundary is compared (RFC 2046 has 70).
const longestBoundary = 80

// A boundary is open: its delimiters are looked for.
type boundary struct {
	text []byte
	part *Part
}

type scanner struct {
	lines
	limits  Limits
	fields  collector
	isMIME  bool
	cur     *Part
	open    []boundary
	parts   int
	depth   int
	closing bool   // the delimiter found last closes its part
	starts  []mark // of the header and the body of each part that is open
}

// Scan reads a stored message of size octets and returns its structure.
func (l Limits) Scan(r io.ReaderAt, size int64) (*Part, error) {
	s := &scanner{limits: l, lines: lines{r: r, size: size, buf: buffers.Get().(*[bufferSize]byte), bol: true}}
	defer buffers.Put(s.buf)
	s.fields.left, s.fields.longest = l.Header, l.Field
	s.fields.put = s.field
	root := s.child(nil, true)
	hit := s.part()
	for hit >= 0 {
		s.finish(s.open[hit].part)
		s.take(s.peek(), nil)
		if !s.bol {
			break // the file ends within a delimiter
		}
		s.eol = s.mark() // this line's end is not part of a delimiter that follows
		if s.closing {
			s.open = s.open[:hit]
			hit = s.body()
			continue
		}
		s.open = s.open[:hit+1]
		s.child(s.cur, false)
		hit = s.part()
	}
	s.eol = s.mark()
	s.finish(nil)
	return root, s.err
}

// child begins a part below p.
func (s *scanner) child(p *Part, top bool) *Part {
	k := &Part{parent: p, top: top}
	if p != nil {
		k.Digest = p.Kind == Multipart && EqualFold(p.Subtype, "digest")
		p.Kids = append(p.Kids, k)
	}
	s.parts++
	s.depth++
	s.cur = k
	return k
}

// part reads a part's header and, if that is all of it, its body. It returns the
// open boundary whose delimiter comes next, or -1 at the end of the file.
func (s *scanner) part() int {
	for {
		hit, found := s.readHeader()
		if s.cur.Kind == Message {
			s.child(s.cur, true)
			if found {
				s.starts = append(s.starts, s.eol, s.eol)
			}
		} else if !found {
			return s.body()
		}
		if found {
			return hit
		}
	}
}

// readHeader reads the header of the current part; found: a delimiter ends it.
func (s *scanner) readHeader() (hit int, found bool) {
	p := s.cur
	from, body := s.mark(), mark{}
	s.isMIME = !p.top
	for !found {
		line := s.peek()
		if len(line) == 0 {
			body = s.mark()
			break
		}
		if hit, found = s.delimiter(line); found {
			body = s.eol // the end of the last line is the delimiter's
			break
		}
		if emptyLine(line) {
			s.take(line, nil)
			body = s.mark()
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			s.fields.line(line)
		} else {
			s.fields.fold(line)
		}
		s.take(line, s.fields.more)
	}
	s.fields.end()
	s.starts = append(s.starts, from, body)
	s.decide(p)
	return hit, found
}

// decide finds out what a part is whose header was read.
func (s *scanner) decide(p *Part) {
	if !s.isMIME {
		p.Encoding, p.Content, p.Attachment = "", nil, false
	}
	room := s.depth < s.limits.Depth && s.parts < s.limits.Parts
	switch {
	case p.Is("message", "rfc822"), p.Is("message", "global"), p.Digest && p.Type == "" && !p.Broken:
		if room {
			p.Kind = Message
		}
	case EqualFold(p.Type, "multipart") && p.Subtype != "":
		if !room {
			return
		}
		// Without a boundary nothing is a part of it.
		p.Kind = Multipart
		if b, ok := param(p.Params, "boundary"); ok {
			s.open = append(s.open, boundary{[]byte(b[:min(len(b), longestBoundary)]), p})
		}
	}
}

// body reads up to the next delimiter and returns whose it is.
func (s *scanner) body() int {
	for {
		s.lines.body(len(s.open) == 0)
		line := s.peek()
		if len(line) == 0 {
			return -1
		}
		if hit, found := s.delimiter(line); found {
			return hit
		}
		s.take(line, nil)
	}
}

// delimiter tells whether a line is the delimiter of an open boundary.
func (s *scanner) delimiter(line []byte) (int, bool) {
	if len(s.open) == 0 || len(line) < 2 || line[0] != '-' || line[1] != '-' || s.parts >= s.limits.Parts {
		return 0, false
	}
	b := bytes.TrimSuffix(line[2:], []byte("\n"))
	b = bytes.TrimSuffix(b, []byte("\r"))
	best := -1
	for i := len(s.open) - 1; i >= 0; i-- {
		t := s.open[i].text
		if !bytes.HasPrefix(b, t) || best >= 0 && len(t) <= len(s.open[best].text) {
			continue
		}
		best = i
		if rest := b[len(t):]; len(rest) == 0 || string(rest) == "--" {
			break
		}
	}
	if best < 0 {
		return 0, false
	}
	s.closing = bytes.HasPrefix(b[len(s.open[best].text):], []byte("--"))
	return best, true
}

// finish ends the parts from the current one up to one below to.
func (s *scanner) finish(to *Part) {
	for s.cur != to {
		header, body := s.starts[2*s.depth-2], s.starts[2*s.depth-1]
		header, body = earlier(header, s.eol), earlier(body, s.eol)
		s.cur.Header, s.cur.Body = span(header, body), span(body, s.eol)
		s.depth--
		s.starts = s.starts[:2*s.depth]
		s.cur = s.cur.parent
	}
}

// earlier returns the mark that comes first: what a delimiter takes of an empty
// line is no longer the header's.
func earlier(a, b mark) mark {
	if a.at < b.at {
		return a
	}
	return b
}

// field keeps a field of the header that is read.
func (s *scanner) field(id FieldID, value []byte) {
	p := s.cur
	switch {
	case id >= firstEnvelope:
		if p.top {
			p.Envelope = append(p.Envelope, Field{id, text(value)})
		}
	case id == MIMEVersion:
		s.isMIME = true
	case id == ContentType:
		s.isMIME = true
		if p.Type == "" && !p.Broken {
			var ok bool
			p.Type, p.Subtype, p.Params, ok = ParseType(text(value))
			p.Broken = !ok
		}
	case id == ContentTransferEncoding:
		if p.Encoding == "" {
			p.Encoding = encoding(text(value))
		}
	default:
		f := Field{id, text(value)}
		p.Content = append(p.Content, f)
		if id == ContentDisposition {
			disposition, _ := ParseDisposition(f.Value)
			p.Attachment = EqualFold(disposition, "attachment")
		}
	}
}
