package mailtext

import "strings"

// A word is an encoded word: its charset and its octets.
type word struct {
	charset string
	text    []byte
}

// DecodeWords returns the value of a header field as UTF-8, with its encoded words
// decoded (RFC 2047, 6). White space between two of them goes; octets of neighbours
// with one charset are put together first, since some cut characters in two.
func DecodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return Decode([]byte(s), "")
	}
	var b strings.Builder
	var held word // of the words before, not decoded yet
	for s != "" {
		before, w, rest, ok := nextWord(s)
		if !ok {
			break
		}
		if strings.Trim(before, " \t\r\n") != "" || held.text == nil {
			held.flush(&b)
			b.WriteString(Decode([]byte(before), ""))
		}
		if !strings.EqualFold(held.charset, w.charset) {
			held.flush(&b)
		}
		held.charset = w.charset
		held.text = append(held.text, w.text...)
		if held.text == nil {
			held.text = []byte{}
		}
		s = rest
	}
	held.flush(&b)
	b.WriteString(Decode([]byte(s), ""))
	return b.String()
}

func (w *word) flush(b *strings.Builder) {
	if w.text != nil {
		b.WriteString(Decode(w.text, w.charset))
	}
	*w = word{}
}

// nextWord finds the next encoded word in s: "=?charset?B or Q?text?=".
func nextWord(s string) (before string, w word, rest string, ok bool) {
	for at := 0; ; {
		i := strings.Index(s[at:], "=?")
		if i < 0 {
			return "", w, "", false
		}
		i += at
		if w, rest, ok = parseWord(s[i+2:]); ok {
			return s[:i], w, rest, true
		}
		at = i + 2
	}
}

const (
	longestCharset = 100     // of a charset's name, with a language
	longestWord    = 8 << 10 // of a word's text; RFC 2047 has 75
)

// parseWord reads an encoded word behind its "=?".
func parseWord(s string) (w word, rest string, ok bool) {
	n := strings.IndexByte(s[:min(len(s), longestCharset)], '?')
	if n <= 0 || len(s) < n+3 || s[n+2] != '?' || strings.ContainsAny(s[:n], " \t\"()<>@,;:/[].=") {
		return w, "", false
	}
	charset, _, _ := strings.Cut(s[:n], "*") // a language (RFC 2231, 5)
	kind, s := s[n+1], s[n+3:]
	// "?=" that ends the word; in Q, "=" may begin an escape behind a "?" that
	// should have been encoded.
	n = strings.Index(s[:min(len(s), longestWord)], "?=")
	if n < 0 || strings.ContainsAny(s[:n], "\r\n") {
		return w, "", false
	}
	w.charset = charset
	switch kind {
	case 'B', 'b':
		w.text = new(base64).step(nil, []byte(s[:n]), true)
	case 'Q', 'q':
		w.text = decodeQ(s[:n])
	default:
		return w, "", false
	}
	return w, s[n+2:], true
}

func decodeQ(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			b = append(b, ' ')
		case c == '=' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return b
}
