package config

import (
	"errors"
	"strings"
)

// splitBraces splits text at runs of the separators. A word that begins with {
// goes to the } that ends it and loses both; what is inside is not split.
func splitBraces(text, separators string) ([]string, error) {
	var words []string
	for {
		text = strings.TrimLeft(text, separators)
		if text == "" {
			return words, nil
		}
		if text[0] == '{' {
			end := closing(text)
			if end < 0 {
				return nil, errors.New("'{' without '}'")
			}
			rest := text[end+1:]
			if rest != "" && strings.IndexByte(separators, rest[0]) < 0 {
				return nil, errors.New("text after '}'")
			}
			words = append(words, strings.Trim(text[1:end], blanks))
			text = rest
			continue
		}
		end := strings.IndexAny(text, separators)
		if end < 0 {
			end = len(text)
		}
		words = append(words, text[:end])
		text = text[end:]
	}
}

// closing returns the index of the } that belongs to the { at text[0], or -1.
func closing(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// isName reports whether s can be the name of a parameter.
func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isNameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
