package imapmime

import (
	"unicode/utf8"

	"yubin/internal/imap"
	"yubin/internal/mimescan"
)

// A writer writes strings for a client that accepts UTF-8 in quotes, or not.
type writer struct {
	b    []byte
	utf8 bool
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) text(s string) {
	if w.utf8 && utf8.ValidString(s) {
		w.b = imap.AppendUTF8(w.b, s)
		return
	}
	w.b = imap.AppendString(w.b, s)
}

// optional writes s, or NIL for none.
func (w *writer) optional(s string) {
	if s == "" {
		w.raw("NIL")
		return
	}
	w.text(s)
}

// AppendEnvelope appends the ENVELOPE of the message with these fields.
func AppendEnvelope(b []byte, fields []mimescan.Field, utf8 bool) []byte {
	w := &writer{b, utf8}
	w.envelope(fields)
	return w.b
}

func (w *writer) envelope(fields []mimescan.Field) {
	w.raw("(")
	w.field(fields, mimescan.Date)
	w.raw(" ")
	w.field(fields, mimescan.Subject)
	from := Addresses(fields, mimescan.From, MaxAddresses)
	for _, id := range [...]mimescan.FieldID{mimescan.From, mimescan.Sender, mimescan.ReplyTo, mimescan.To, mimescan.Cc, mimescan.Bcc} {
		list := Addresses(fields, id, MaxAddresses)
		if len(list) == 0 && (id == mimescan.Sender || id == mimescan.ReplyTo) {
			list = from
		}
		w.raw(" ")
		w.addresses(list)
	}
	w.raw(" ")
	w.field(fields, mimescan.InReplyTo)
	w.raw(" ")
	w.field(fields, mimescan.MessageID)
	w.raw(")")
}

// field writes the last of the fields id.
func (w *writer) field(fields []mimescan.Field, id mimescan.FieldID) {
	value, ok := Field(fields, id)
	w.b = w.nstring(value, ok)
}

func (w *writer) nstring(s string, ok bool) []byte {
	if !ok {
		w.raw("NIL")
	} else {
		w.text(s)
	}
	return w.b
}

// Field returns the value of the last field id.
func Field(fields []mimescan.Field, id mimescan.FieldID) (value string, ok bool) {
	for _, f := range fields {
		if f.ID == id {
			value, ok = f.Value, true
		}
	}
	return value, ok
}

// MaxAddresses is how many addresses of a field an envelope has; others are in the
// header alone.
const MaxAddresses = 10000

// Addresses returns the addresses of all fields id, up to limit.
func Addresses(fields []mimescan.Field, id mimescan.FieldID, limit int) (list []Address) {
	for _, f := range fields {
		if f.ID == id && len(list) < limit {
			list = append(list, ParseAddresses(f.Value, limit-len(list))...)
		}
	}
	return list
}

func (w *writer) addresses(list []Address) {
	if len(list) == 0 {
		w.raw("NIL")
		return
	}
	w.raw("(")
	for i := range list {
		a := &list[i]
		w.raw("(")
		w.optional(a.Name)
		w.raw(" ")
		w.optional(a.Route)
		w.raw(" ")
		w.optional(a.Mailbox)
		w.raw(" ")
		w.optional(a.Domain)
		w.raw(")")
	}
	w.raw(")")
}
