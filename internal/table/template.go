package table

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A template is a value with places for parts of the key.
type template []piece

// A piece is text, or the group of that number when it is not 0.
type piece struct {
	text  string
	group int
}

// parseTemplate reads $1, ${1}, $(1), and $$ for a $. groups is how many there
// are in the pattern, -1 if that is not known.
func parseTemplate(text string, groups int) (template, error) {
	var t template
	var plain strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		plain.WriteString(before)
		if !found {
			break
		}
		if text, found = strings.CutPrefix(rest, "$"); found {
			plain.WriteByte('$')
			continue
		}
		name, behind, err := groupName(rest)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(name, 10, 16)
		if err != nil || n < 1 || groups >= 0 && int(n) > groups {
			return nil, fmt.Errorf("$%s is no group of the pattern, which has %d; write $$ for a $", name, max(groups, 0))
		}
		if plain.Len() > 0 {
			t = append(t, piece{text: plain.String()})
			plain.Reset()
		}
		t = append(t, piece{group: int(n)})
		text = behind
	}
	if plain.Len() > 0 {
		t = append(t, piece{text: plain.String()})
	}
	return t, nil
}

// groupName returns what a $ stands before, without brackets, and what is behind.
func groupName(text string) (name, behind string, err error) {
	if text != "" && (text[0] == '{' || text[0] == '(') {
		name, behind, found := strings.Cut(text[1:], map[byte]string{'{': "}", '(': ")"}[text[0]])
		if !found {
			return "", "", fmt.Errorf("no closing bracket in \"$%.20s\"", text)
		}
		return name, behind, nil
	}
	end := 0
	for end < len(text) && (text[end] == '_' || text[end] >= '0' && text[end] <= '9' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z') {
		end++
	}
	if end == 0 {
		return "", "", errors.New("a $ without a number; write $$ for a $")
	}
	return text[:end], text[end:], nil
}

// constant tells whether t has no parts of the key.
func (t template) constant() bool {
	for _, p := range t {
		if p.group > 0 {
			return false
		}
	}
	return true
}

// fill returns the value for a key. at is where the groups are in it.
func (t template) fill(key string, at []int) string {
	if len(t) == 1 && t[0].group == 0 {
		return t[0].text
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if i := 2 * p.group; i > 0 && i+1 < len(at) && at[i] >= 0 {
			b.WriteString(key[at[i]:at[i+1]])
		}
	}
	return b.String()
}

// String is t as it could be written.
func (t template) String() string {
	var b strings.Builder
	for _, p := range t {
		if p.group > 0 {
			fmt.Fprintf(&b, "${%d}", p.group)
			continue
		}
		b.WriteString(strings.ReplaceAll(p.text, "$", "$$"))
	}
	return b.String()
}
