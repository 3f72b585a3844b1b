// Package access reads what access(5) tables have for a key: what smtpd(8) is
// to do, and mailctl(8) checks beforehand. What is not known is never guessed
// at: that could let in mail, or lose it.
package access

import (
	"strconv"
	"strings"
)

// A Kind is what an action does.
type Kind int

// Kinds of actions.
const (
	Unknown Kind = iota
	Dunno        // the next restriction is asked
	Permit
	Reject // with Code, or that of access_map_reject_code
	Defer  // with that of access_map_defer_code
	Filter // Text is transport:nexthop
)

// An Action is the right-hand side of a table, read.
type Action struct {
	Kind Kind
	Code int // of Reject; 0: that of the parameter
	Text string
}

const blanks = " \t\r\n"

var words = map[string]Kind{"OK": Permit, "DUNNO": Dunno, "REJECT": Reject, "DEFER": Defer, "FILTER": Filter}

// Parse reads OK, digits, DUNNO, REJECT, DEFER, 4NN, 5NN, each with a text where
// that makes sense, and FILTER with a transport:nexthop.
func Parse(value string) Action {
	word, text := strings.Trim(value, blanks), ""
	if i := strings.IndexAny(word, blanks); i >= 0 {
		word, text = word[:i], strings.TrimLeft(word[i:], blanks)
	}
	if kind := words[strings.ToUpper(word)]; kind != Unknown {
		return Action{Kind: kind, Text: text}
	}
	switch n, err := strconv.Atoi(word); {
	case err == nil && len(word) == 3 && n >= 400 && n <= 599:
		return Action{Kind: Reject, Code: n, Text: text}
	case err == nil && text == "" && n >= 0:
		return Action{Kind: Permit} // pop-before-smtp tables have times
	}
	return Action{}
}
