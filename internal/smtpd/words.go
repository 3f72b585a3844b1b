package smtpd

import "strings"

// blanks part the words of a command and of what tables say of a client: those that
// Postfix parts them at, and none of Unicode's.
const blanks = " \t\r\n"

// cutWord parts s behind its first word.
func cutWord(s string) (word, rest string) {
	word = strings.Trim(s, blanks)
	if i := strings.IndexAny(word, blanks); i >= 0 {
		word, rest = word[:i], strings.TrimLeft(word[i:], blanks)
	}
	return word, rest
}

// words are all words of s.
func words(s string) []string { return parts(s, blanks) }

// members are the words of a list, which may have commas.
func members(list string) []string { return parts(list, blanks+",") }

func parts(s, between string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(between, c) })
}
