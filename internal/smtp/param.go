package smtp

import (
	"math"
	"strconv"
	"strings"
)

// A Param is one parameter of MAIL or RCPT: "SIZE=100", "SMTPUTF8".
type Param struct {
	Name  string // upper case
	Value string // "" when there is none
}

// maxParams is more than every extension together has.
const maxParams = 20

// params reads what follows a path (RFC 5321, 4.1.2, Mail-parameters).
func (p *scanner) params() ([]Param, error) {
	var list []Param
	for _, word := range strings.FieldsFunc(p.s[p.i:], func(c rune) bool { return c == ' ' || c == '\t' }) {
		name, value, has := strings.Cut(word, "=")
		if !keyword(name) || has && !paramValue(value) {
			return nil, Refuse(501, BadArguments, "Bad parameter syntax")
		}
		if len(list) == maxParams {
			return nil, Refuse(501, BadArguments, "Too many parameters")
		}
		list = append(list, Param{strings.ToUpper(name), value})
	}
	return list, nil
}

// keyword is RFC 5321's esmtp-keyword.
func keyword(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (c != '-' || i == 0) {
			return false
		}
	}
	return s != ""
}

// paramValue is RFC 5321's esmtp-value with what RFC 6531, 3.3 adds to it.
func paramValue(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == '=' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// Unsupported is the refusal of a parameter that was not offered (RFC 5321,
// 4.1.1.11).
func Unsupported(p Param) error {
	text := p.Name
	if p.Value != "" {
		text += "=" + p.Value
	}
	return Refuse(555, BadArguments, "Unsupported option: "+text)
}

// ParseSize reads the value of SIZE (RFC 1870, 6.1: up to 20 digits). A number
// beyond int64 is as good as the largest one.
func ParseSize(value string) (int64, error) {
	bad := value == "" || len(value) > 20
	for i := range len(value) {
		bad = bad || value[i] < '0' || value[i] > '9'
	}
	if bad {
		return 0, Refuse(501, BadArguments, "Bad message size syntax")
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return math.MaxInt64, nil
	}
	return n, nil
}

// BinaryMIME is the value of BODY for content that is no text (RFC 3030, 3).
const BinaryMIME = "BINARYMIME"

// ParseBody reads the value of BODY (RFC 6152, 3) and returns it in upper case:
// 7BIT, 8BITMIME or BINARYMIME.
func ParseBody(value string) (string, error) {
	switch v := strings.ToUpper(value); v {
	case "7BIT", "8BITMIME", BinaryMIME:
		return v, nil
	}
	return "", Refuse(501, BadArguments, "Bad parameter syntax: BODY="+value)
}
