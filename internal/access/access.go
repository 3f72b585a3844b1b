// Package access reads what access(5) tables have for a key: what smtpd(8) is
// to do, and mailctl(8) checks beforehand. What is not known is never guessed
// at: that could let in mail, or lose it.
package access

import (
	"slices"
	"strconv"
	"strings"
)

// A Kind is what an action does.
type Kind int

// Kinds of actions.
const (
	Unknown       Kind = iota
	Dunno              // the next restriction is asked
	Permit             // the rest of the list is not asked
	Reject             // with Code, or that of access_map_reject_code
	Defer              // with that of access_map_defer_code
	DeferIfPermit      // when in the end nothing rejects
	DeferIfReject      // when something rejects
	Filter             // the message goes to Text, transport:nexthop
	Redirect           // the message goes to Text, an address, alone
	BCC                // Text, an address, gets a copy
	Prepend            // the message gets Text, a header field
	Discard            // the message is taken and forgotten
	Hold               // it is put on hold
	Info               // a line in the log
	Warn               // likewise
	List               // Words are restrictions
)

// An Action is the right-hand side of a table, read.
type Action struct {
	Kind  Kind
	Code  int // of Reject; 0: that of the parameter
	Text  string
	Words []string // of List
}

const blanks = " \t\r\n"

// A word is the first of an action. wants tells whether a text has to follow.
var words = map[string]struct {
	kind  Kind
	wants bool
}{
	"OK": {kind: Permit}, "DUNNO": {kind: Dunno}, "REJECT": {kind: Reject}, "DEFER": {kind: Defer},
	"DEFER_IF_PERMIT": {kind: DeferIfPermit}, "DEFER_IF_REJECT": {kind: DeferIfReject},
	"FILTER": {kind: Filter, wants: true}, "REDIRECT": {kind: Redirect, wants: true},
	"BCC": {kind: BCC, wants: true}, "PREPEND": {kind: Prepend, wants: true},
	"DISCARD": {kind: Discard}, "HOLD": {kind: Hold}, "INFO": {kind: Info}, "WARN": {kind: Warn},
}

// alone are the restrictions that look nothing up in a table: an action may name
// them.
var alone = []string{
	"permit", "reject", "defer", "defer_if_permit", "defer_if_reject", "permit_mynetworks", "permit_inet_interfaces", "permit_sasl_authenticated",
	"permit_tls_clientcerts", "permit_tls_all_clientcerts", "permit_auth_destination",
	"reject_unauth_destination", "defer_unauth_destination", "reject_plaintext_session",
	"reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
	"reject_unauthenticated_sender_login_mismatch", "reject_known_sender_login_mismatch",
	"reject_unauth_pipelining", "reject_unlisted_recipient", "check_recipient_maps", "reject_unlisted_sender",
	"reject_invalid_helo_hostname", "reject_invalid_hostname", "reject_non_fqdn_helo_hostname", "reject_non_fqdn_hostname",
	"reject_non_fqdn_sender", "reject_non_fqdn_recipient", "reject_multi_recipient_bounce",
	"reject_unknown_client_hostname", "reject_unknown_client", "reject_unknown_reverse_client_hostname",
}

// Alone tells whether name is a restriction that no table follows.
func Alone(name string) bool { return slices.Contains(alone, strings.ToLower(name)) }

// WarnIfReject stands before a restriction whose refusals are only logged.
const WarnIfReject = "warn_if_reject"

// Parse reads the right-hand side of a table: one of the words of actions, with a
// text where that makes sense; digits, which permit; a code 4NN or 5NN with a text;
// or restrictions and classes of them, which known knows.
func Parse(value string, known func(restriction string) bool) Action {
	word, text := strings.Trim(value, blanks), ""
	if i := strings.IndexAny(word, blanks); i >= 0 {
		word, text = word[:i], strings.TrimLeft(word[i:], blanks)
	}
	if w, ok := words[strings.ToUpper(word)]; ok {
		if w.wants && text == "" {
			return Action{}
		}
		return Action{Kind: w.kind, Text: text}
	}
	switch n, err := strconv.Atoi(word); {
	case err == nil && len(word) == 3 && n >= 400 && n <= 599:
		return Action{Kind: Reject, Code: n, Text: text}
	case err == nil && text == "" && n >= 0:
		return Action{Kind: Permit} // pop-before-smtp tables have times
	}
	list := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(blanks+",", r) })
	for _, name := range list {
		if name != WarnIfReject && !known(name) {
			return Action{}
		}
	}
	if len(list) == 0 || list[len(list)-1] == WarnIfReject {
		return Action{}
	}
	return Action{Kind: List, Words: list}
}
