package header

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"
)

// FormatDate returns t as RFC 5322, 3.3 writes it, with the zone's name as a
// comment where it has one.
func FormatDate(t time.Time) string {
	s := t.Format("Mon, 2 Jan 2006 15:04:05 -0700")
	zone, _ := t.Zone()
	for i := range len(zone) {
		if zone[i] < 'A' || zone[i] > 'Z' {
			return s
		}
	}
	if zone == "" {
		return s
	}
	return s + " (" + zone + ")"
}

// maxEncoded is how many octets of UTF-8 fit an encoded word of 75 octets
// (RFC 2047, 2): 75 less "=?utf-8?B?" and "?=" is 63, less than 16 groups of
// four.
const maxEncoded = 45

// EncodeName returns a person's name as a phrase for an address field: as it is
// when it is made of atoms, quoted when it is ASCII, as encoded words otherwise
// (RFC 2047, 5 (3)). Control characters become spaces.
func EncodeName(name string) string {
	name = strings.ToValidUTF8(name, "?")
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, name)
	ascii, atoms := true, true
	for i := range len(name) {
		c := name[i]
		ascii = ascii && c < 0x80
		atoms = atoms && (c == ' ' || atext(c))
	}
	switch {
	case !ascii || strings.Contains(name, "=?"):
		return encodeWords(name)
	case atoms && strings.TrimSpace(name) == name:
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// encodeWords returns s as encoded words, none of which parts a character
// (RFC 2047, 5).
func encodeWords(s string) string {
	var words []string
	for s != "" {
		n := 0
		for n < len(s) {
			_, size := utf8.DecodeRuneInString(s[n:])
			if n+size > maxEncoded {
				break
			}
			n += size
		}
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, "\n ")
}

func atext(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
