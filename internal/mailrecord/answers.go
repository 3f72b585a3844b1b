package mailrecord

import (
	"encoding/binary"
	"io"
	"time"
	"unicode/utf8"

	"yubin/internal/imapmime"
	"yubin/internal/mimescan"
)

// Answers are a message's answers to FETCH. They are octets: what they return is
// valid as long as those are.
type Answers struct {
	stored  uint64 // the file's size
	arrived uint64 // seconds and one; 0: not known
	fields  []byte // of the header, as headerFields has them
	preview []byte // previewKind and the text
	section [sections][]byte
}

// Sections of the octets, in their order, behind size, time, fields and preview: each is a
// length and as many octets. A message whose header alone was read has empty ones.
const (
	envelope = iota
	body
	bodyStructure
	envelopeUTF8 // empty: as without UTF-8
	bodyUTF8
	bodyStructureUTF8
	parts
	sections
)

// What a preview begins with; none: it was not asked for yet.
const (
	noPreview  = 'n' // there is no text
	hasPreview = 't'
)

// A Maker makes the Answers of a message.
type Maker struct {
	Preview bool      // PREVIEW is among them
	Fields  bool      // HEADER.FIELDS are
	Arrived time.Time // INTERNALDATE; zero: not known
}

// head appends what stands before the sections.
func (m *Maker) head(b []byte, r io.ReaderAt, size int64, root *mimescan.Part) (_ []byte, err error) {
	b = binary.AppendUvarint(b, uint64(size))
	b = binary.AppendUvarint(b, stamp(m.Arrived))
	fields := ""
	if m.Fields {
		fields, err = headerFields(r, root.Header)
	}
	return appendText(b, fields), err
}

// stamp is how a time is written.
func stamp(t time.Time) uint64 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	return uint64(t.Unix()) + 1
}

func stamped(n uint64) (time.Time, bool) {
	if n == 0 || n > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(n-1), 0), true
}

// Head makes Answers of a message whose header alone was read.
func (m *Maker) Head(b []byte, r io.ReaderAt, size int64, top *mimescan.Part) ([]byte, error) {
	b, err := m.head(b, r, size, top)
	return append(b, make([]byte, 1+sections)...), err
}

// Make reads a stored message, whose structure is root, and appends its Answers.
func (m *Maker) Make(b []byte, r io.ReaderAt, size int64, root *mimescan.Part) ([]byte, error) {
	b, err := m.head(b, r, size, root)
	if err != nil {
		return nil, err
	}
	preview := ""
	if m.Preview {
		text, ok, err := imapmime.Preview(r, root)
		if err != nil {
			return nil, err
		}
		if preview = string(noPreview); ok {
			preview = string(hasPreview) + text
		}
	}
	b = appendText(b, preview)
	scratch := make([]byte, 0, 1<<10)
	put := func(text []byte) []byte {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		return text[:0]
	}
	plain := true
	for _, utf8 := range []bool{false, true} {
		if utf8 && plain {
			b = append(b, 0, 0, 0)
			break
		}
		scratch = imapmime.AppendEnvelope(scratch, root.Envelope, utf8)
		plain = plain && ascii(scratch)
		scratch = put(scratch)
		scratch = put(imapmime.AppendStructure(scratch, root, false, utf8))
		scratch = imapmime.AppendStructure(scratch, root, true, utf8)
		plain = plain && ascii(scratch)
		scratch = put(scratch)
	}
	put(root.AppendBinary(scratch))
	return b, nil
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ParseAnswers reads what Make wrote.
func ParseAnswers(b []byte) (a Answers, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return a, ErrFormat
	}
	a.stored, b = n, b[size:]
	if a.arrived, size = binary.Uvarint(b); size <= 0 {
		return a, ErrFormat
	}
	b = b[size:]
	ok := false
	if a.fields, b, ok = cutText(b); !ok {
		return a, ErrFormat
	}
	if a.preview, b, ok = cutText(b); !ok {
		return a, ErrFormat
	}
	for i := range a.section {
		if a.section[i], b, ok = cutText(b); !ok {
			return a, ErrFormat
		}
	}
	if len(b) > 0 {
		return a, ErrFormat
	}
	return a, nil
}

// Arrived is when the message was received, as far as that is known.
func (a *Answers) Arrived() (time.Time, bool) { return stamped(a.arrived) }

// Whole tells whether more than the header was read.
func (a *Answers) Whole() bool { return len(a.section[envelope]) > 0 }

// ready returns an answer that is ready to send.
func (a *Answers) ready(i int, utf8 bool) []byte {
	if utf8 && len(a.section[envelopeUTF8+i]) > 0 {
		return a.section[envelopeUTF8+i]
	}
	return a.section[i]
}

// Envelope is the ENVELOPE, ready to send; utf8: the client has enabled
// UTF8=ACCEPT or IMAP4rev2.
func (a *Answers) Envelope(utf8 bool) []byte { return a.ready(envelope, utf8) }

// Body is the BODY, ready to send.
func (a *Answers) Body(utf8 bool) []byte { return a.ready(body, utf8) }

// BodyStructure is the BODYSTRUCTURE, ready to send.
func (a *Answers) BodyStructure(utf8 bool) []byte { return a.ready(bodyStructure, utf8) }

// Preview is the PREVIEW; known is false where it was not made, ok where the
// message has no text.
func (a *Answers) Preview() (text string, ok, known bool) {
	if len(a.preview) == 0 {
		return "", false, false
	}
	return string(a.preview[1:]), a.preview[0] == hasPreview, true
}

// Parts is the structure of a file of so many octets. Of another size it is
// another's.
func (a *Answers) Parts(size int64) (*mimescan.Part, error) {
	if a.stored != uint64(size) {
		return nil, ErrFormat
	}
	p, rest, err := mimescan.ParseBinary(a.section[parts])
	if err == nil && (len(rest) > 0 || p.Body.End() > size) {
		err = ErrFormat
	}
	return p, err
}
