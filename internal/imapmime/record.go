package imapmime

import (
	"encoding/binary"
	"io"
	"unicode/utf8"

	"yubin/internal/mimescan"
)

// A Record is what a store keeps of a message so that FETCH, SEARCH, SORT and
// THREAD need not read it again. It never changes for one message.
type Record struct{ section [sections][]byte }

// Sections of a record, in the order in which they are stored.
const (
	envelope = iota
	body
	bodyStructure
	envelopeUTF8 // empty: as without UTF-8
	bodyUTF8
	bodyStructureUTF8
	headerFields
	parts
	sections
)

// recordVersion is raised when the form of records changes, or what is in them.
const recordVersion = 1

// Describe scans a stored message and makes its record.
func Describe(r io.ReaderAt, size int64) (*Record, *mimescan.Part, error) {
	root, err := mimescan.Scan(r, size)
	if err != nil {
		return nil, nil, err
	}
	return newRecord(root), root, nil
}

func newRecord(root *mimescan.Part) *Record {
	r := &Record{}
	answers := func(from int, utf8 bool) {
		r.section[from+envelope] = AppendEnvelope(make([]byte, 0, 256), root.Envelope, utf8)
		r.section[from+body] = AppendStructure(make([]byte, 0, 128), root, false, utf8)
		r.section[from+bodyStructure] = AppendStructure(make([]byte, 0, 256), root, true, utf8)
	}
	answers(0, false)
	if !ascii(r.section[envelope]) || !ascii(r.section[bodyStructure]) {
		answers(envelopeUTF8, true)
	}
	r.section[headerFields] = appendFields(nil, root.Envelope)
	r.section[parts] = root.AppendBinary(nil)
	return r
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ready returns an answer that is ready to send.
func (r *Record) ready(i int, utf8 bool) []byte {
	if utf8 && len(r.section[envelopeUTF8+i]) > 0 {
		return r.section[envelopeUTF8+i]
	}
	return r.section[i]
}

// Envelope is the ENVELOPE, ready to send; utf8: the client has enabled
// UTF8=ACCEPT or IMAP4rev2.
func (r *Record) Envelope(utf8 bool) []byte { return r.ready(envelope, utf8) }

// Body is the BODY, ready to send.
func (r *Record) Body(utf8 bool) []byte { return r.ready(body, utf8) }

// BodyStructure is the BODYSTRUCTURE, ready to send.
func (r *Record) BodyStructure(utf8 bool) []byte { return r.ready(bodyStructure, utf8) }

// Fields are the message's own fields that are in its envelope, and References.
func (r *Record) Fields() ([]mimescan.Field, error) { return parseFields(r.section[headerFields]) }

// Parts is the structure, for Section and Binary.
func (r *Record) Parts() (*mimescan.Part, error) {
	p, rest, err := mimescan.ParseBinary(r.section[parts])
	if err == nil && len(rest) > 0 {
		err = mimescan.ErrFormat
	}
	return p, err
}

// AppendBinary appends the record for a file. Its length and a checksum are the
// file's matter.
func (r *Record) AppendBinary(b []byte) []byte {
	b = append(b, recordVersion)
	for _, s := range r.section {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// ParseRecord reads what AppendBinary wrote; the record shares b's memory.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) == 0 || b[0] != recordVersion {
		return nil, mimescan.ErrFormat
	}
	b = b[1:]
	r := &Record{}
	for i := range r.section {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, mimescan.ErrFormat
		}
		r.section[i] = b[k : k+int(n) : k+int(n)]
		b = b[k+int(n):]
	}
	if len(b) > 0 {
		return nil, mimescan.ErrFormat
	}
	return r, nil
}

func appendFields(b []byte, fields []mimescan.Field) []byte {
	for _, f := range fields {
		b = append(b, byte(f.ID))
		b = append(binary.AppendUvarint(b, uint64(len(f.Value))), f.Value...)
	}
	return b
}

func parseFields(b []byte) (fields []mimescan.Field, err error) {
	for len(b) > 0 {
		n, k := binary.Uvarint(b[1:])
		if k <= 0 || n > uint64(len(b)-1-k) {
			return nil, mimescan.ErrFormat
		}
		end := 1 + k + int(n)
		fields = append(fields, mimescan.Field{ID: mimescan.FieldID(b[0]), Value: string(b[1+k : end])})
		b = b[end:]
	}
	return fields, nil
}
