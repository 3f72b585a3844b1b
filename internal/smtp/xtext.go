package smtp

import "strings"

const hexDigits = "0123456789ABCDEF"

// Xtext returns s in the encoding of DSN parameters (RFC 3461, 4).
func Xtext(s string) string {
	b := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || c == '+' || c == '=' {
			b = append(b, '+', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// ParseXtext decodes what Xtext wrote; ok is false for what is not xtext. Hex
// digits are upper case there, and lower case ones are an error.
func ParseXtext(s string) (text string, ok bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c > '~' || c == '=':
			return "", false
		case c != '+':
			b = append(b, c)
			continue
		case i+2 >= len(s):
			return "", false
		}
		high, low := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
		if high < 0 || low < 0 {
			return "", false
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	return string(b), true
}
