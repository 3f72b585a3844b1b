package ipc

import (
	"encoding/binary"
	"errors"
)

// Packed entries are Entries in a form that costs little to write and to read:
// a listing of 100,000 is mostly that. Each field in the order of its struct: a
// string or a list after its length, numbers as varints (package encoding/binary).

// AppendEntry appends e to b.
func AppendEntry(b []byte, e *Entry) []byte {
	b = appendText(b, e.Queue, e.ID)
	b = appendNumbers(b, e.Arrival, e.Size)
	b = appendText(b, e.Sender)
	expired := int64(0)
	if e.Expired {
		expired = 1
	}
	b = appendNumbers(b, e.Next, e.Expires, expired, int64(len(e.Recipients)))
	for i := range e.Recipients {
		r := &e.Recipients[i]
		b = appendNumbers(b, int64(r.Index))
		b = appendText(b, r.Address, r.Original, r.Reason, r.Code, r.Host)
		b = appendNumbers(b, r.Tried, int64(r.Attempts))
		b = appendText(b, r.Transport, r.Nexthop, r.Rule)
	}
	return b
}

func appendText(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func appendNumbers(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

var errPacked = errors.New("packed entries that cannot be read")

// Unpack gives visit the entries in b, each of which is good until visit
// returns. It ends with visit's first error.
func Unpack(b []byte, visit func(*Entry) error) error {
	p := unpacker{rest: b}
	var e Entry
	for len(p.rest) > 0 {
		if !p.entry(&e) {
			return errPacked
		}
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}

type unpacker struct {
	rest []byte
	bad  bool
}

func (p *unpacker) entry(e *Entry) bool {
	*e = Entry{Recipients: e.Recipients[:0]}
	e.Queue, e.ID, e.Arrival, e.Size = p.text(), p.text(), p.number(), p.number()
	e.Sender, e.Next, e.Expires, e.Expired = p.text(), p.number(), p.number(), p.number() != 0
	n := p.number()
	if n < 0 || n > int64(len(p.rest)) { // a recipient takes more than an octet
		return false
	}
	for range n {
		var r EntryRecipient
		r.Index = int(p.number())
		r.Address, r.Original, r.Reason, r.Code, r.Host = p.text(), p.text(), p.text(), p.text(), p.text()
		r.Tried, r.Attempts = p.number(), int(p.number())
		r.Transport, r.Nexthop, r.Rule = p.text(), p.text(), p.text()
		if p.bad {
			return false
		}
		e.Recipients = append(e.Recipients, r)
	}
	return !p.bad
}

func (p *unpacker) number() int64 {
	v, n := binary.Varint(p.rest)
	if n <= 0 {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *unpacker) text() string {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 || v > uint64(len(p.rest)-n) {
		p.bad, p.rest = true, nil
		return ""
	}
	s := string(p.rest[n : n+int(v)])
	p.rest = p.rest[n+int(v):]
	return s
}
