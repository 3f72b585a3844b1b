package mimescan

import (
	"bytes"
	"strings"
)

// A FieldID is a header field that a structure or an envelope needs. Caches hold the
// numbers: a new one comes last.
type FieldID uint8

const (
	other FieldID = iota
	ContentType
	ContentTransferEncoding
	ContentID
	ContentDescription
	ContentMD5
	ContentDisposition
	ContentLanguage
	ContentLocation
	MIMEVersion
	Date
	Subject
	From
	Sender
	ReplyTo
	To
	Cc
	Bcc
	InReplyTo
	MessageID
	References

	anyField FieldID = 255 // in EachField
)

// FieldOf returns which of these fields a name is, or 0.
func FieldOf(name string) FieldID {
	id, _ := identify([]byte(name + ":"))
	return id
}

// firstEnvelope is the first of the fields that only messages have.
const firstEnvelope = Date

var fieldNames = map[string]FieldID{
	"content-type": ContentType, "content-transfer-encoding": ContentTransferEncoding, "content-id": ContentID,
	"content-description": ContentDescription, "content-md5": ContentMD5, "content-disposition": ContentDisposition,
	"content-language": ContentLanguage, "content-location": ContentLocation, "mime-version": MIMEVersion,
	"date": Date, "subject": Subject, "from": From, "sender": Sender, "reply-to": ReplyTo, "to": To, "cc": Cc, "bcc": Bcc,
	"in-reply-to": InReplyTo, "message-id": MessageID, "references": References,
}

// longestName of fieldNames.
const longestName = len("content-transfer-encoding")

// A Field is one field of a header: its value without folding and without white
// space around it.
type Field struct {
	ID    FieldID
	Value string
}

// identify returns which field a header line begins, and where its value is.
func identify(line []byte) (FieldID, []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return other, nil
	}
	name := bytes.TrimRight(line[:colon], " \t")
	if len(name) > longestName || len(name) < len("to") {
		return other, nil
	}
	var low [longestName]byte
	for i, c := range name {
		low[i] = lower(c)
	}
	return fieldNames[string(low[:len(name)])], line[colon+1:]
}

// A collector gathers the fields of a header.
type collector struct {
	id    FieldID
	value []byte // of the field that is being read
	left  int    // how much of the message's fields may still be kept
	put   func(FieldID, []byte)

	longest int // how much of one field is kept
}

// line takes the first line of a field, or what of it is ready.
func (c *collector) line(b []byte) {
	c.end()
	var value []byte
	if c.id, value = identify(b); c.id != other {
		c.more(value)
	}
}

// more takes more of the field.
func (c *collector) more(b []byte) {
	if c.id == other {
		return
	}
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = bytes.TrimSuffix(b[:n-1], []byte("\r"))
	}
	room := min(c.longest-len(c.value), c.left)
	b = b[:min(len(b), room)]
	c.left -= len(b)
	c.value = append(c.value, b...)
}

// fold takes a line that continues the field, which is unfolded: one space stands
// for the line's end and what is white before its text.
func (c *collector) fold(b []byte) {
	if c.id == other {
		return
	}
	b = bytes.TrimLeft(b, " \t")
	if len(b) > 0 && emptyLine(b) {
		return
	}
	c.more([]byte{' '})
	c.more(b)
}

// end gives away a field that is whole.
func (c *collector) end() {
	if c.id != other {
		c.put(c.id, bytes.Trim(c.value, " \t\r"))
	}
	c.id, c.value = other, c.value[:0]
}

// text is the value of a field as a string; IMAP's strings have no NUL.
func text(b []byte) string {
	if bytes.IndexByte(b, 0) < 0 && bytes.IndexByte(b, '\r') < 0 {
		return string(b)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "\x00", "\uFFFD"), "\r", " ")
}
