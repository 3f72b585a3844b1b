package imap

import "time"

// A Message is the head of one message of APPEND (RFC 9051, 6.3.12; RFC 3502).
type Message struct {
	Flags []string
	Date  time.Time // zero: now
}

// Message reads what comes before the text of a message: flags and date.
func (d *Decoder) Message() (m Message) {
	if d.Open() {
		m.Flags = d.Flags()
		d.SP()
	}
	if d.peek() == '"' {
		m.Date = d.DateTime()
		d.SP()
	}
	return m
}

// Text is how the text of a message comes.
type Text uint8

const (
	TextLiteral  Text = iota // a literal
	TextUTF8                 // UTF8 (literal8) (RFC 9755, 4)
	TextCatenate             // CATENATE (parts) (RFC 4469)
)

// Text reads how the text comes. For TextUTF8 and TextCatenate "(" has been
// taken.
func (d *Decoder) Text() Text {
	if c := d.peek(); c == '{' || c == '~' {
		return TextLiteral
	}
	kind := TextUTF8
	switch d.Keyword() {
	case "UTF8":
	case "CATENATE":
		kind = TextCatenate
	default:
		d.Fail("Expected a literal")
	}
	d.SP()
	d.want('(')
	return kind
}

// CloseText takes the ")" behind a text.
func (d *Decoder) CloseText() { d.want(')') }

// Kinds of parts of CATENATE.
const (
	PartURL  = "URL"
	PartText = "TEXT" // a literal follows
	PartUTF8 = "UTF8" // "(" has been taken, a literal8 follows (RFC 9755, 4)
)

// Part reads the head of a part of CATENATE; "" is the end of the list, whose
// ")" has been taken.
func (d *Decoder) Part(first bool) (kind, url string) {
	if d.take(')') {
		if first {
			d.Fail("Expected TEXT or URL")
		}
		return "", ""
	}
	if !first {
		d.SP()
	}
	kind = d.Keyword()
	d.SP()
	switch kind {
	case PartText:
	case PartUTF8:
		d.want('(')
	case PartURL:
		url = d.AString()
	default:
		d.Fail("Expected TEXT or URL")
	}
	if d.err != nil {
		return "", ""
	}
	return kind, url
}

// Replace reads the head of REPLACE: the number of a message, or Star, and the
// mailbox (RFC 8508, 5).
func (d *Decoder) Replace() (n uint32, mailbox string) {
	n = d.setNumber(true)
	d.SP()
	return n, d.Mailbox()
}
