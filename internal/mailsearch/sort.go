package mailsearch

import (
	"cmp"
	"time"

	"yubin/internal/imap"
	"yubin/internal/imapmime"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
	"yubin/internal/thread"
)

// A Key is what a message is sorted by: a value for each criterion.
type Key []value

type value struct {
	text   string
	number int64
}

// SortKey returns a message's Key for the criteria by: its envelope's fields, when
// it arrived and its size are given.
func SortKey(by []imap.SortKey, list []mimescan.Field, arrived time.Time, size int64) Key {
	k := make(Key, len(by))
	for i, c := range by {
		switch c.By {
		case "ARRIVAL":
			k[i].number = arrived.Unix()
		case "SIZE":
			k[i].number = size
		case "DATE":
			k[i].number = Sent(list, arrived).Unix()
		case "SUBJECT":
			subject, _ := imapmime.Field(list, mimescan.Subject)
			base, _ := thread.BaseSubject(subject)
			k[i].text = mailtext.Fold(base)
		case "FROM":
			k[i].text = mailbox(list, mimescan.From)
		case "TO":
			k[i].text = mailbox(list, mimescan.To)
		case "CC":
			k[i].text = mailbox(list, mimescan.Cc)
		case "DISPLAYFROM":
			k[i].text = display(list, mimescan.From)
		case "DISPLAYTO":
			k[i].text = display(list, mimescan.To)
		}
	}
	return k
}

// Compare compares two messages' Keys; what is equal is in the order of sequence
// numbers, by a stable sort.
func Compare(by []imap.SortKey, a, b Key) int {
	for i, c := range by {
		d := cmp.Or(cmp.Compare(a[i].number, b[i].number), cmp.Compare(a[i].text, b[i].text))
		if d != 0 && c.Reverse {
			return -d
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

// Sent is when a message was sent, or arrived when it does not say (RFC 5256, 2.2).
func Sent(list []mimescan.Field, arrived time.Time) time.Time {
	value, _ := imapmime.Field(list, mimescan.Date)
	if t, ok := thread.ParseDate(value); ok {
		return t
	}
	return arrived
}

// mailbox is the mailbox of the first address of a field.
func mailbox(list []mimescan.Field, id mimescan.FieldID) string {
	a := first(list, id)
	return mailtext.Fold(a.Mailbox)
}

// display is what a reader is shown of the first address of a field: its name, or
// the address (RFC 5957, 3).
func display(list []mimescan.Field, id mimescan.FieldID) string {
	a := first(list, id)
	switch {
	case a.Name != "":
		return mailtext.Fold(mailtext.DecodeWords(a.Name))
	case a.Group || a.Mailbox == "":
		return mailtext.Fold(mailtext.DecodeWords(a.Mailbox))
	}
	return mailtext.Fold(a.Mailbox + "@" + a.Domain)
}

// first is the first address of a field, or none.
func first(list []mimescan.Field, id mimescan.FieldID) (a imapmime.Address) {
	if all := imapmime.Addresses(list, id, 1); len(all) > 0 {
		a = all[0]
	}
	return a
}

// ThreadMessage is what threading looks at of a message.
func ThreadMessage(id uint32, list []mimescan.Field, arrived time.Time) thread.Message {
	m := thread.Message{ID: id, Sent: Sent(list, arrived).Unix()}
	subject, _ := imapmime.Field(list, mimescan.Subject)
	base, reply := thread.BaseSubject(subject)
	m.Subject, m.Reply = mailtext.Fold(base), reply
	ids := func(id mimescan.FieldID) []string {
		value, _ := imapmime.Field(list, id)
		return thread.ParseIDs(value)
	}
	if own := ids(mimescan.MessageID); len(own) > 0 {
		m.MessageID = own[0]
	}
	if m.References = ids(mimescan.References); len(m.References) == 0 {
		m.References = ids(mimescan.InReplyTo)
		m.References = m.References[:min(len(m.References), 1)]
	}
	return m
}
