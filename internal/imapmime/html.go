package imapmime

import (
	"html"
	"strings"

	"yubin/internal/mimescan"
)

// hidden are the elements whose text nobody sees.
var hidden = []string{"head", "script", "style", "title"}

// stripHTML returns the text of HTML: a space for each tag of a block, characters
// for references. It is for a preview, not for a browser.
func stripHTML(s string) string {
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			i = len(s)
		}
		b.WriteString(html.UnescapeString(s[:i]))
		if s = s[i:]; s == "" {
			break
		}
		if strings.HasPrefix(s, "<!--") {
			_, s, _ = strings.Cut(s[4:], "-->")
			continue
		}
		tag, rest, _ := strings.Cut(s[1:], ">")
		s = rest
		name := tagName(tag)
		if !inline[name] {
			b.WriteByte(' ')
		}
		for _, h := range hidden {
			if name == h {
				s = behind(s, "</"+h)
			}
		}
	}
	return b.String()
}

// inline are the elements that words may have in them.
var inline = map[string]bool{"a": true, "b": true, "i": true, "u": true, "em": true, "strong": true, "span": true, "font": true,
	"small": true, "big": true, "sub": true, "sup": true, "code": true, "abbr": true, "wbr": true}

// tagName is the name of a tag, in lower case, without "/".
func tagName(tag string) string {
	tag = strings.TrimPrefix(tag, "/")
	if i := strings.IndexAny(tag, " \t\r\n/"); i >= 0 {
		tag = tag[:i]
	}
	return strings.ToLower(tag[:min(len(tag), 10)])
}

// behind returns what follows the end tag that begins with end.
func behind(s, end string) string {
	for i := strings.Index(s, "</"); i >= 0; i = strings.Index(s, "</") {
		s = s[i:]
		if len(s) >= len(end) && mimescan.EqualFold(s[:len(end)], end) {
			_, s, _ = strings.Cut(s, ">")
			return s
		}
		s = s[2:]
	}
	return ""
}
