package aliases

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// OwnMailbox is the Key of a user's mailbox.
const OwnMailbox = `\`

// maxKey is the longest key that stands as it is, octets.
const maxKey = 1000

// Key is what a queue file calls a member that is no address. It has no control
// characters.
func (m *Member) Key() string {
	key := ""
	switch m.Form {
	case Mailbox:
		return OwnMailbox
	case Broken:
		return m.key
	case Command:
		key = "|" + m.Text
	case File:
		key = m.Text
	case List:
		key = includePrefix + m.Text
	}
	if len(key) > maxKey || !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		sum := sha256.Sum256([]byte(key))
		return "#" + hex.EncodeToString(sum[:16])
	}
	return key
}

// senderKey is the Key of all members with one new sender.
func senderKey(sender string) string { return "@" + sender }

// Groups parts the members by sender: first those that keep it, then one group
// for each new sender, with the key by which Choose finds it again.
func (e *Expansion) Groups() (plain []Member, keys []string) {
	for _, m := range e.Members {
		if m.Sender == nil {
			plain = append(plain, m)
		} else if key := senderKey(*m.Sender); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return plain, keys
}

// Empty tells whether a key is that of an :include: file which is still looked into,
// and stands for nobody.
func (e *Expansion) Empty(key string) bool {
	for name := range e.seen {
		if (&Member{Form: List, Text: name}).Key() == key {
			return len(e.Choose(key)) == 0
		}
	}
	return false
}

// Choose returns the members that a key stands for; none: it is not of this
// expansion any more.
func (e *Expansion) Choose(key string) []Member {
	if WasBroken(key) {
		return e.mended(key)
	}
	var list []Member
	for _, m := range e.Members {
		switch {
		case strings.HasPrefix(key, "@") && m.Sender != nil && senderKey(*m.Sender) == key,
			m.Form != Address && m.Form != Mailbox && m.Key() == key,
			m.via != "" && (&Member{Form: List, Text: m.via}).Key() == key:
			list = append(list, m)
		}
	}
	return list
}
