package smtp

import (
	"strings"
	"unicode/utf8"
)

// Lengths of DSN parameters (RFC 3461, 4).
const (
	maxEnvID = 100
	maxOrcpt = 500
)

// A Notify says what becomes of a recipient that the sender wants to hear of
// (RFC 3461, 4.1). The zero value is a sender who has not said.
type Notify uint8

const (
	NotifySuccess Notify = 1 << iota
	NotifyFailure
	NotifyDelay
	NotifyNever
)

var notifyWords = [...]string{"SUCCESS", "FAILURE", "DELAY", "NEVER"}

// ParseNotify reads the value of NOTIFY: NEVER, or a list of the others.
func ParseNotify(value string) (Notify, error) {
	var n Notify
	for word := range strings.SplitSeq(strings.ToUpper(value), ",") {
		var bit Notify
		for i, known := range notifyWords {
			if word == known {
				bit = 1 << i
			}
		}
		if n |= bit; bit == 0 || n&NotifyNever != 0 && n != NotifyNever {
			return 0, Refuse(501, BadArguments, "Bad NOTIFY parameter syntax")
		}
	}
	return n, nil
}

// String is the value of NOTIFY, "" for the zero value.
func (n Notify) String() string {
	var words []string
	for i, word := range notifyWords {
		if n&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// WithoutSuccess is n for addresses that one stands for whose sender has been told
// that it was expanded (RFC 3461, 5.2.7.3).
func (n Notify) WithoutSuccess() Notify {
	if n == NotifySuccess {
		return NotifyNever
	}
	return n &^ NotifySuccess
}

// ParseRet reads the value of RET and returns it in upper case: FULL or HDRS
// (RFC 3461, 4.3).
func ParseRet(value string) (string, error) {
	switch v := strings.ToUpper(value); v {
	case "FULL", "HDRS":
		return v, nil
	}
	return "", Refuse(501, BadArguments, "Bad RET parameter syntax")
}

// ParseEnvID reads the value of ENVID and returns it decoded: printable ASCII
// (RFC 3461, 4.4).
func ParseEnvID(value string) (string, error) {
	id, ok := ParseXtext(value)
	if !ok || len(value) > maxEnvID || !ValidEnvID(id) {
		return "", Refuse(501, BadArguments, "Bad ENVID parameter syntax")
	}
	return id, nil
}

// ValidEnvID tells whether an envelope identifier, decoded, is one.
func ValidEnvID(id string) bool {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxEnvID
}

// ParseOrcpt reads the value of ORCPT and returns it decoded, as
// "type;address" (RFC 3461, 4.2; RFC 6533, 3 for the type utf-8). The address is
// UTF-8 without control characters; in a type that we do not know it may be
// anything else.
func ParseOrcpt(value string) (string, error) {
	kind, coded, _ := strings.Cut(value, ";")
	addr, ok := ParseXtext(coded)
	if strings.EqualFold(kind, UTF8Address) {
		if !ok && !strings.ContainsAny(coded, " +=") { // as it is: SMTPUTF8
			addr, ok = coded, true
		}
		if ok {
			addr, ok = parseUTF8Address(addr)
		}
	}
	if !ok || len(value) > maxOrcpt || addr == "" || !isAtom(kind) || !printable(addr) {
		return "", Refuse(501, BadArguments, "Bad ORCPT parameter syntax")
	}
	return kind + ";" + addr, nil
}

// isAtom is RFC 5321's Atom, without what only an SMTPUTF8 address may have, and
// without what would be read as xtext.
func isAtom(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`()<>[]:;@\,."+=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}
