package thread

import (
	"strings"

	"yubin/internal/mailtext"
)

// BaseSubject returns the base subject of a Subject field's value, in UTF-8, and
// whether something was taken from it that makes the message a reply or forwarded
// (RFC 5256, 2.1).
func BaseSubject(value string) (base string, reply bool) {
	s := strings.Join(strings.FieldsFunc(mailtext.DecodeWords(value), isSpace), " ")
	for {
		for n := len(s) - len("(fwd)"); n >= 0 && strings.EqualFold(s[n:], "(fwd)"); n = len(s) - len("(fwd)") {
			s, reply = strings.TrimRight(s[:n], " "), true
		}
		s = leaders(s, &reply)
		n := len("[fwd:")
		if len(s) <= n || !strings.EqualFold(s[:n], "[fwd:") || s[len(s)-1] != ']' {
			return s, reply
		}
		s, reply = strings.Trim(s[n:len(s)-1], " "), true
	}
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// lowerASCII keeps offsets, as lower case of other letters may not.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// leaders takes "Re:", "Fwd:" and "[list]" from the start; a blob that is all there
// is stays.
func leaders(s string, reply *bool) string {
	for {
		s = strings.TrimLeft(s, " ")
		t, ok := refwd(s)
		if !ok {
			break
		}
		s, *reply = t, true
	}
	for {
		t, ok := blob(s)
		if !ok || t == "" {
			return s
		}
		s = t
	}
}

// refwd takes subj-leader: blobs, then "re", "fw" or "fwd", a blob, and ":".
func refwd(s string) (string, bool) {
	for {
		t, ok := blob(s)
		if !ok {
			break
		}
		s = t
	}
	low := lowerASCII(s[:min(len(s), 3)])
	switch {
	case low == "fwd":
		s = s[3:]
	case strings.HasPrefix(low, "re"), strings.HasPrefix(low, "fw"):
		s = s[2:]
	default:
		return "", false
	}
	s = strings.TrimLeft(s, " ")
	if t, ok := blob(s); ok {
		s = t
	}
	return strings.CutPrefix(s, ":")
}

// blob takes "[...]" and the spaces behind it.
func blob(s string) (string, bool) {
	if s == "" || s[0] != '[' {
		return "", false
	}
	i := strings.IndexAny(s[1:], "[]")
	if i < 0 || s[1+i] != ']' {
		return "", false
	}
	return strings.TrimLeft(s[i+2:], " "), true
}
