package mailrecord

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
	"yubin/internal/thread"
)

// ErrFormat is octets that are no record.
var ErrFormat = errors.New("mailrecord: not a record")

// Keys are what searching headers, sorting and threading look at. They are
// octets: what they return is valid as long as those are.
//
//	flags    1 octet
//	sent     8: seconds, 2: zone, minutes east; big-endian, 0 without a date
//	arrived  8: seconds and one; 0 where that is not known
//	subject  length, the base subject, folded
//	IDs      number of those of References, 8 octets each: its own first, if it has one
//	fields   those of the envelope: FieldID, length, value
//
// Lengths and numbers are varints. An ID is the start of its SHA-256.
type Keys struct {
	flags   byte
	sent    int64
	zone    int16
	arrived uint64
	subject []byte
	ids     []byte
	text    []byte // from subject up to the end of ids
	fields  []byte
}

const (
	dated byte = 1 << iota
	reply
	named // it has an ID
)

const (
	idSize   = 8
	keysHead = 19 // up to the subject
)

// AppendKeys appends the Keys of a message with these fields of the envelope.
// arrived may be zero.
func AppendKeys(b []byte, fields []mimescan.Field, arrived time.Time) []byte {
	flags, sent, zone := byte(0), int64(0), 0
	if t, ok := thread.ParseDate(last(fields, mimescan.Date)); ok {
		flags |= dated
		sent = t.Unix()
		_, zone = t.Zone()
	}
	base, is := thread.BaseSubject(last(fields, mimescan.Subject))
	if is {
		flags |= reply
	}
	own := thread.ParseIDs(last(fields, mimescan.MessageID))
	if len(own) > 0 {
		flags |= named
		own = own[:1]
	}
	refs := thread.ParseIDs(last(fields, mimescan.References))
	if len(refs) == 0 {
		refs = thread.ParseIDs(last(fields, mimescan.InReplyTo))
		refs = refs[:min(len(refs), 1)]
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(sent))
	b = binary.BigEndian.AppendUint16(b, uint16(zone/60))
	b = binary.BigEndian.AppendUint64(b, stamp(arrived))
	b = appendText(b, mailtext.Fold(base))
	b = binary.AppendUvarint(b, uint64(len(refs)))
	for _, id := range append(own, refs...) {
		sum := sha256.Sum256([]byte(id))
		b = append(b, sum[:idSize]...)
	}
	for _, f := range fields {
		b = appendText(append(b, byte(f.ID)), f.Value)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func last(fields []mimescan.Field, id mimescan.FieldID) (value string) {
	for _, f := range fields {
		if f.ID == id {
			value = f.Value
		}
	}
	return value
}

// ParseKeys reads what AppendKeys wrote.
func ParseKeys(b []byte) (k Keys, err error) {
	if len(b) < keysHead || b[0] > dated|reply|named {
		return k, ErrFormat
	}
	k.flags = b[0]
	k.sent = int64(binary.BigEndian.Uint64(b[1:]))
	k.zone = int16(binary.BigEndian.Uint16(b[9:]))
	k.arrived = binary.BigEndian.Uint64(b[11:])
	b = b[keysHead:]
	from, ok := b, false
	if k.subject, b, ok = cutText(b); !ok {
		return k, ErrFormat
	}
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return k, ErrFormat
	}
	b = b[size:]
	if n <= uint64(len(b)) && k.flags&named != 0 {
		n++
	}
	if n > uint64(len(b))/idSize {
		return k, ErrFormat
	}
	k.ids, k.fields = b[:n*idSize:n*idSize], b[n*idSize:]
	k.text = from[len(from)-len(k.subject)-size-len(b) : len(from)-len(k.fields)]
	for b = k.fields; len(b) > 0; {
		if _, b, ok = cutText(b[1:]); !ok {
			return k, ErrFormat
		}
	}
	return k, nil
}

// cutText takes a length and as many octets.
func cutText(b []byte) (text, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end:end], b[end:], true
}

// Sent is when the sender says that the message was sent; false: it does not.
func (k *Keys) Sent() (time.Time, bool) {
	if k.flags&dated == 0 {
		return time.Time{}, false
	}
	return time.Unix(k.sent, 0).In(time.FixedZone("", int(k.zone)*60)), true
}

// Arrived is when the message was received, as far as that is known.
func (k *Keys) Arrived() (time.Time, bool) { return stamped(k.arrived) }

// Subject is the base subject, folded.
func (k *Keys) Subject() []byte { return k.subject }

// SentOr is when the message was sent, in seconds, or what arrived says when it
// does not tell (RFC 5256, 2.2).
func (k *Keys) SentOr(arrived func() time.Time) int64 {
	if k.flags&dated != 0 {
		return k.sent
	}
	return arrived().Unix()
}

// Each calls do with the values of the fields id, in their order, until it
// returns false.
func (k *Keys) Each(id mimescan.FieldID, do func(value []byte) bool) {
	for b := k.fields; len(b) > 0; {
		is := mimescan.FieldID(b[0]) == id
		var value []byte
		value, b, _ = cutText(b[1:])
		if is && !do(value) {
			return
		}
	}
}

// Fields are the values of the fields id.
func (k *Keys) Fields(id mimescan.FieldID) (list []mimescan.Field) {
	k.Each(id, func(value []byte) bool {
		list = append(list, mimescan.Field{ID: id, Value: string(value)})
		return true
	})
	return list
}

// Thread is what threading looks at of the message that the client calls id.
func (k *Keys) Thread(id uint32, arrived func() time.Time) thread.Message {
	m := thread.Message{ID: id, Reply: k.flags&reply != 0, Sent: k.SentOr(arrived)}
	text := string(k.text) // one for all
	m.Subject = text[:len(k.subject)]
	ids := text[len(text)-len(k.ids):]
	if k.flags&named != 0 {
		m.MessageID, ids = ids[:idSize], ids[idSize:]
	}
	if len(ids) > 0 {
		m.References = make([]string, 0, len(ids)/idSize)
		for ; len(ids) > 0; ids = ids[idSize:] {
			m.References = append(m.References, ids[:idSize])
		}
	}
	return m
}
