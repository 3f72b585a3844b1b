package thread

import "strings"

// ParseIDs returns the message IDs in the value of a Message-ID, In-Reply-To or
// References field, without brackets, white space and quotes that mean nothing
// (RFC 5256, 3). What has no "@" is none.
func ParseIDs(value string) (ids []string) {
	for {
		i := strings.IndexByte(value, '<')
		if i < 0 {
			return ids
		}
		value = value[i+1:]
		id, rest, ok := parseID(value)
		if ok {
			ids = append(ids, id)
		}
		value = rest
	}
}

// parseID reads an ID up to its ">"; another "<" begins a new one.
func parseID(s string) (id, rest string, ok bool) {
	var b strings.Builder
	quoted, at := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quoted:
			b.WriteByte(c)
		case c == '>':
			return b.String(), s[i+1:], at && b.Len() > 1
		case c == '<':
			return "", s[i:], false
		case c == ' ' || c == '\t':
		default:
			at = at || c == '@'
			b.WriteByte(c)
		}
	}
	return "", "", false
}
