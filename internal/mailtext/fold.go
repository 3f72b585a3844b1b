package mailtext

import (
	"encoding/binary"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// AppendFold appends s, which is UTF-8, as i;unicode-casemap compares it: each
// character's title case, decomposed (RFC 5051, 2.3). Octets that are not UTF-8
// stay.
func AppendFold(b []byte, s []byte) []byte {
	for len(s) > 0 {
		if k := ascii(s); k > 0 {
			b = append(b, s[:k]...)
			foldASCII(b[len(b)-k:])
			if s = s[k:]; len(s) == 0 {
				break
			}
		}
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[0])
		} else {
			b = append(b, folded(r)...)
		}
		s = s[n:]
	}
	return b
}

// ascii returns how many octets at the start of s are ASCII.
func ascii(s []byte) int {
	i := 0
	for len(s)-i >= 8 && binary.LittleEndian.Uint64(s[i:])&0x8080808080808080 == 0 {
		i += 8
	}
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

func foldASCII(b []byte) {
	for i, c := range b {
		b[i] = upper[c]
	}
}

var upper = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'a' <= i && i <= 'z' {
			t[i] = byte(i) - ('a' - 'A')
		}
	}
	return t
}()

// A page has what 256 characters are folded to.
type page [256]string

// pages are made when a character of theirs is met; two at once make the same.
var pages [(unicode.MaxRune + 1) / 256]atomic.Pointer[page]

func folded(r rune) string {
	p := pages[r>>8].Load()
	if p == nil {
		p = new(page)
		for i := range p {
			p[i] = string(appendRune(nil, r&^0xff+rune(i)))
		}
		pages[r>>8].Store(p)
	}
	return p[r&0xff]
}

func appendRune(b []byte, r rune) []byte {
	r = unicode.ToTitle(r)
	if hangul := r - 0xAC00; 0 <= hangul && hangul < 11172 {
		b = utf8.AppendRune(b, 0x1100+hangul/588)
		b = utf8.AppendRune(b, 0x1161+hangul%588/28)
		if t := hangul % 28; t != 0 {
			b = utf8.AppendRune(b, 0x11A7+t)
		}
		return b
	}
	n := len(b)
	b = utf8.AppendRune(b, r)
	if d := norm.NFKD.Properties(b[n:]).Decomposition(); d != nil {
		b = append(b[:n], d...)
	}
	return b
}

// Fold folds a string.
func Fold(s string) string { return string(AppendFold(nil, []byte(s))) }
