package mailsearch

import (
	"cmp"
	"time"

	"yubin/internal/imap"
	"yubin/internal/imapmime"
	"yubin/internal/mailrecord"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

// A Key is what a message is sorted by: a value for each criterion.
type Key []value

type value struct {
	text   string
	number int64
}

// SortKey returns a message's Key for the criteria by. When it arrived and its
// size are asked for only where they count.
func SortKey(by []imap.SortKey, keys *mailrecord.Keys, arrived func() time.Time, size func() int64) Key {
	k := make(Key, len(by))
	for i, c := range by {
		switch c.By {
		case "ARRIVAL":
			k[i].number = arrived().Unix()
		case "SIZE":
			k[i].number = size()
		case "DATE":
			k[i].number = keys.SentOr(arrived)
		case "SUBJECT":
			k[i].text = string(keys.Subject())
		case "FROM":
			k[i].text = mailbox(keys, mimescan.From)
		case "TO":
			k[i].text = mailbox(keys, mimescan.To)
		case "CC":
			k[i].text = mailbox(keys, mimescan.Cc)
		case "DISPLAYFROM":
			k[i].text = display(keys, mimescan.From)
		case "DISPLAYTO":
			k[i].text = display(keys, mimescan.To)
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

// mailbox is the mailbox of the first address of a field.
func mailbox(keys *mailrecord.Keys, id mimescan.FieldID) string {
	a := first(keys, id)
	return mailtext.Fold(a.Mailbox)
}

// display is what a reader is shown of the first address of a field: its name, or
// the address (RFC 5957, 3).
func display(keys *mailrecord.Keys, id mimescan.FieldID) string {
	a := first(keys, id)
	switch {
	case a.Name != "":
		return mailtext.Fold(mailtext.DecodeWords(a.Name))
	case a.Group || a.Mailbox == "":
		return mailtext.Fold(mailtext.DecodeWords(a.Mailbox))
	}
	return mailtext.Fold(a.Mailbox + "@" + a.Domain)
}

// first is the first address of a field, or none.
func first(keys *mailrecord.Keys, id mimescan.FieldID) (a imapmime.Address) {
	if all := imapmime.Addresses(keys.Fields(id), id, 1); len(all) > 0 {
		a = all[0]
	}
	return a
}
