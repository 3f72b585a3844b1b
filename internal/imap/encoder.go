package imap

import "strconv"

// AppendString appends s as a quoted string, or as a literal where quotes cannot
// hold it.
func AppendString(b []byte, s string) []byte {
	if !quotable(s) {
		b = AppendLiteral(b, int64(len(s)))
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// AppendAString appends s as it is where it is an atom, else as a string.
func AppendAString(b []byte, s string) []byte {
	for i := range len(s) {
		if !isAString(s[i]) {
			return AppendString(b, s)
		}
	}
	if s == "" || upper(s) == "NIL" {
		return AppendString(b, s)
	}
	return append(b, s...)
}

// AppendLiteral appends the head of a literal of n octets.
func AppendLiteral(b []byte, n int64) []byte {
	b = append(b, '{')
	b = strconv.AppendInt(b, n, 10)
	return append(b, "}\r\n"...)
}

// quotable tells whether a quoted string can hold s for every client.
func quotable(s string) bool {
	if len(s) > 1000 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\r' || c == '\n' || c >= 0x80 {
			return false
		}
	}
	return true
}

// AppendUTF8 appends s as a string for a client that accepts UTF-8 in quotes.
func AppendUTF8(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\r' || c == '\n' {
			return AppendString(b, s)
		}
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
