package config

import (
	"errors"
	"strings"
)

// SplitBraces splits text at runs of the separators that no braces enclose. A
// word that is one pair of braces loses it: "a, {b c}, x:{d e}" is "a", "b c"
// and "x:{d e}".
func SplitBraces(text, separators string) ([]string, error) {
	var words []string
	for {
		text = strings.TrimLeft(text, separators)
		if text == "" {
			return words, nil
		}
		end, err := wordEnd(text, separators)
		if err != nil {
			return nil, err
		}
		word := text[:end]
		if word[0] == '{' && closing(word) == len(word)-1 {
			word = strings.Trim(word[1:len(word)-1], blanks)
		}
		words = append(words, word)
		text = text[end:]
	}
}

func wordEnd(text, separators string) (int, error) {
	depth := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '{':
			depth++
		case c == '}':
			depth = max(depth-1, 0)
		case depth == 0 && strings.IndexByte(separators, c) >= 0:
			return i, nil
		}
	}
	if depth > 0 {
		return 0, errors.New("'{' without '}'")
	}
	return len(text), nil
}

// closing returns the index of the bracket that belongs to the { or ( at
// text[0], or -1.
func closing(text string) int {
	left, right := text[0], byte('}')
	if left == '(' {
		right = ')'
	}
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case left:
			depth++
		case right:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// ValidName reports whether s can be the name of a parameter, also of one that
// nothing knows; those of transports have what their names have.
func ValidName(s string) bool {
	return s != "" && strings.Trim(s, commandBytes) == ""
}

// isName reports whether s can be the name of a parameter.
func isName(s string) bool {
	name, rest := cutName(s)
	return name != "" && rest == ""
}

func isNameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
