package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// UTF8Address is the type of an address that may have letters beyond ASCII, in
// ORCPT and in notices (RFC 6533, 3).
const UTF8Address = "utf-8"

// UTF8Xtext is RFC 6533's utf-8-addr-xtext: an address of type utf-8 in printable
// ASCII, which is xtext too.
func UTF8Xtext(s string) string { return embed(s, false) }

// embed writes what may not stand in an address as \x{HEX}. eight: letters beyond
// ASCII may (utf-8-addr-unitext).
func embed(s string, eight bool) string {
	var b strings.Builder
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c == '\\' || c == '+' || c == '=' || c > '~' && !eight {
			fmt.Fprintf(&b, `\x{%02X}`, c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// parseUTF8Address decodes the two forms.
func parseUTF8Address(s string) (text string, ok bool) {
	var b strings.Builder
	for s != "" {
		at := strings.IndexByte(s, '\\')
		if at < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:at])
		hex, found := strings.CutPrefix(s[at:], `\x{`)
		var closed bool
		if hex, s, closed = strings.Cut(hex, "}"); !found || !closed {
			return "", false
		}
		c, err := strconv.ParseUint(hex, 16, 32)
		if err != nil || len(hex) < 2 || len(hex) > 6 || !utf8.ValidRune(rune(c)) {
			return "", false
		}
		b.WriteRune(rune(c))
	}
	return b.String(), true
}

// Orcpt is the value of ORCPT for an address of a type, both decoded. eight: to a
// server that has been told SMTPUTF8 (RFC 6533, 3).
func Orcpt(kind, addr string, eight bool) string {
	coded := Xtext(addr)
	if strings.EqualFold(kind, UTF8Address) {
		coded = embed(addr, eight)
	}
	return Xtext(kind) + ";" + coded
}
