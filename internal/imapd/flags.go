package imapd

import (
	"slices"
	"strconv"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// maxKeywords is how many keywords a Maildir has letters for.
const maxKeywords = 26

// systemFlags are those of Maildir, in the order in which they are said.
const systemFlags = `\Answered \Flagged \Deleted \Seen \Draft`

// forwarded is the keyword that Maildir's P stands for (RFC 5788).
const forwarded = "$Forwarded"

var flagLetters = []struct {
	name string
	flag mailbox.Flags
}{
	{imap.Answered, mailbox.Replied},
	{imap.Flagged, mailbox.Flagged},
	{imap.Deleted, mailbox.Trashed},
	{imap.Seen, mailbox.Seen},
	{imap.Draft, mailbox.Draft},
	{forwarded, mailbox.Passed},
}

// join joins words and lists of words.
func join(first string, more ...any) string {
	for _, m := range more {
		switch m := m.(type) {
		case string:
			first += " " + m
		case []string:
			for _, w := range m {
				first += " " + w
			}
		}
	}
	return first
}

// keywordNames are the keywords of a folder.
func keywordNames(s *mailbox.Snapshot) (list []string) {
	for _, w := range s.Keywords() {
		if w != "" {
			list = append(list, w)
		}
	}
	return list
}

// appendFlags appends the list of flags of the client's message i.
func (v *visit) appendFlags(b []byte, m mailbox.Message, i int) []byte {
	b = append(b, '(')
	start := len(b)
	for _, f := range flagLetters {
		if m.Flags&f.flag != 0 {
			b = append(append(b, f.name...), ' ')
		}
	}
	if k, ok := v.box.at(i); ok && !v.rev2 && v.box.view.Recent(k) {
		b = append(append(b, imap.Recent...), ' ')
	}
	now := v.box.view.Snapshot()
	for k := range maxKeywords {
		if m.Keywords&(1<<k) == 0 {
			continue
		}
		if w := now.Keyword(k); m.Flags&mailbox.Passed == 0 || !strings.EqualFold(w, forwarded) {
			b = append(append(b, w...), ' ')
		}
	}
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return append(b, ')')
}

// hasFlag tells whether a message has a flag or keyword.
func (v *visit) hasFlag(m mailbox.Message, i int, name string) bool {
	if name == imap.Recent {
		k, ok := v.box.at(i)
		return ok && v.box.view.Recent(k)
	}
	for _, f := range flagLetters {
		if strings.EqualFold(f.name, name) && m.Flags&f.flag != 0 {
			return true
		}
	}
	now := v.box.view.Snapshot()
	for k := range maxKeywords {
		if m.Keywords&(1<<k) != 0 && strings.EqualFold(now.Keyword(k), name) {
			return true
		}
	}
	return false
}

// split parts flags into those of Maildir and keywords. \Recent is not the
// client's to set; it is passed over.
func split(flags []string) (set mailbox.Flags, keywords []string, err error) {
	for _, name := range flags {
		if name == imap.Recent {
			continue
		}
		if name[0] != '\\' {
			if len(name) > 255 {
				return 0, nil, no("LIMIT", "A keyword has at most 255 octets.")
			}
			if !slices.ContainsFunc(keywords, func(w string) bool { return strings.EqualFold(w, name) }) {
				keywords = append(keywords, name)
			}
			continue
		}
		for _, f := range flagLetters {
			if f.name == name {
				set |= f.flag
			}
		}
	}
	return set, keywords, nil
}

// change is what STORE does to flags.
func change(op imap.StoreOp, flags []string) (c mailbox.FlagChange, err error) {
	set, words, err := split(flags)
	if err != nil {
		return c, err
	}
	if op == imap.RemoveFlags {
		if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, forwarded) }) {
			set |= mailbox.Passed
		}
		return mailbox.FlagChange{Remove: set, DropKeywords: words}, nil
	}
	return mailbox.FlagChange{Add: set, AddKeywords: words, Replace: op == imap.ReplaceFlags}, nil
}

func appendNumber(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

// appendFetch begins a FETCH response.
func appendFetch(b []byte, i int) []byte {
	return append(appendNumber(append(b, "* "...), uint64(i+1)), " FETCH ("...)
}
