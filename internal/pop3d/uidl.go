package pop3d

import (
	"fmt"
	"strconv"
	"strings"
)

// A uidlFormat is pop3d_uidl_format, read.
type uidlFormat []uidlPart

// A uidlPart is text, or a variable with what is done to it.
type uidlPart struct {
	text    string // letter 0
	letter  byte   // u, v, f, g
	hex     bool
	width   int
	zeros   bool
	toLower bool
	toUpper bool
}

// facts are what a UIDL can be made of.
type facts struct {
	uid, validity uint32
	file, guid    string
}

// parseUIDL reads a format: text, %% and %[0][width][XLU]letter.
func parseUIDL(s string) (uidlFormat, error) {
	var f uidlFormat
	variables := 0
	for s != "" {
		text, rest, found := strings.Cut(s, "%")
		if text != "" {
			f = append(f, uidlPart{text: text})
		}
		if !found {
			break
		}
		if strings.HasPrefix(rest, "%") {
			f, s = append(f, uidlPart{text: "%"}), rest[1:]
			continue
		}
		var p uidlPart
		var err error
		if p, s, err = parseVariable(rest); err != nil {
			return nil, err
		}
		f = append(f, p)
		if p.letter != 'v' {
			variables++
		}
	}
	if variables == 0 {
		return nil, fmt.Errorf("want %%u, %%f or %%g in it: else all messages are the same")
	}
	for _, p := range f {
		if strings.Trim(p.text, printable) != "" {
			return nil, fmt.Errorf("%q has a character that is not allowed in a UIDL", p.text)
		}
	}
	return f, nil
}

// printable are the characters that a UIDL may have (RFC 1939, 7).
var printable = func() string {
	var b strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

func parseVariable(s string) (p uidlPart, rest string, err error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits > 0 {
		p.zeros = s[0] == '0'
		if p.width, err = strconv.Atoi(s[:digits]); err != nil || p.width > 70 {
			return p, "", fmt.Errorf("the width %s: want at most 70", s[:digits])
		}
	}
	for s = s[digits:]; s != ""; s = s[1:] {
		switch s[0] {
		case 'X':
			p.hex = true
		case 'L':
			p.toLower = true
		case 'U':
			p.toUpper = true
		case 'u', 'v', 'f', 'g':
			p.letter = s[0]
			return p, s[1:], nil
		default:
			return p, "", fmt.Errorf("there is no variable %%%c: want u, v, f or g", s[0])
		}
	}
	return p, "", fmt.Errorf("a variable is missing behind %%")
}

// of is a message's UIDL. Characters that are not allowed in one, which a file
// name may have, become "_".
func (f uidlFormat) of(m *facts) string {
	var b strings.Builder
	for _, p := range f {
		b.WriteString(p.expand(m))
	}
	return strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '_'
		}
		return r
	}, b.String())
}

func (p *uidlPart) expand(m *facts) string {
	v := p.text
	switch p.letter {
	case 0:
		return v
	case 'u':
		v = p.number(m.uid)
	case 'v':
		v = p.number(m.validity)
	case 'f':
		v = m.file
	case 'g':
		v = m.guid
	}
	if p.toLower {
		v = strings.ToLower(v)
	}
	if p.toUpper {
		v = strings.ToUpper(v)
	}
	if pad := p.width - len(v); pad > 0 {
		fill := " "
		if p.zeros {
			fill = "0"
		}
		v = strings.Repeat(fill, pad) + v
	}
	return v
}

func (p *uidlPart) number(n uint32) string {
	if p.hex {
		return strconv.FormatUint(uint64(n), 16)
	}
	return strconv.FormatUint(uint64(n), 10)
}
