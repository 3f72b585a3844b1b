// Package mutf7 is modified UTF-7 (RFC 3501, 5.1.3): how names of mailboxes stand
// on the disk, and on the wire of IMAP4rev1. It knows no mailbox.
package mutf7

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var mbase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// Encode writes a name, which is valid UTF-8, in modified UTF-7.
func Encode(name string) string {
	var b strings.Builder
	for len(name) > 0 {
		i := 0
		for i < len(name) && name[i] >= ' ' && name[i] <= '~' {
			if name[i] == '&' {
				b.WriteString("&-")
			} else {
				b.WriteByte(name[i])
			}
			i++
		}
		name = name[i:]
		i = 0
		var units []uint16
		for i < len(name) && (name[i] < ' ' || name[i] > '~') {
			r, size := utf8.DecodeRuneInString(name[i:])
			units = utf16.AppendRune(units, r)
			i += size
		}
		name = name[i:]
		if len(units) > 0 {
			raw := make([]byte, 0, 2*len(units))
			for _, u := range units {
				raw = append(raw, byte(u>>8), byte(u))
			}
			b.WriteString("&" + mbase64.EncodeToString(raw) + "-")
		}
	}
	return b.String()
}

// Decode reads modified UTF-7. ok is false for anything that Encode
// would not have written: two names never mean one folder.
func Decode(s string) (name string, ok bool) {
	var b strings.Builder
	for rest := s; len(rest) > 0; {
		plain, shifted, found := strings.Cut(rest, "&")
		b.WriteString(plain)
		if !found {
			break
		}
		var code string
		if code, rest, found = strings.Cut(shifted, "-"); !found {
			return "", false
		}
		if code == "" {
			b.WriteByte('&')
			continue
		}
		raw, err := mbase64.DecodeString(code)
		if err != nil || len(raw)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
		}
		b.WriteString(string(utf16.Decode(units)))
	}
	name = b.String()
	return name, Encode(name) == s
}
