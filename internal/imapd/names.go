package imapd

import (
	"strings"
	"unicode/utf8"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// name decodes a mailbox name that the client sent: UTF-8 where that is
// enabled, else modified UTF-7 (RFC 3501, 5.1.3).
func (v *visit) name(sent string) (string, error) {
	name, ok := sent, utf8.ValidString(sent)
	if !v.sendsUTF8(sent) {
		name, ok = mailbox.DecodeUTF7(sent)
	}
	if !ok {
		return "", no("CANNOT", "Mailbox name is not valid "+map[bool]string{true: "UTF-8.", false: "modified UTF-7."}[v.sendsUTF8(sent)])
	}
	return canonical(name), nil
}

// sendsUTF8 tells whether a name is UTF-8. Modified UTF-7 has no 8-bit text, so a name with
// some is no other, even if nobody has enabled it.
func (v *visit) sendsUTF8(sent string) bool {
	return v.utf8 || strings.IndexFunc(sent, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// canonical writes INBOX in capitals.
func canonical(name string) string {
	const n = len(mailbox.Inbox)
	if len(name) >= n && strings.EqualFold(name[:n], mailbox.Inbox) && (len(name) == n || name[n] == '/') {
		return mailbox.Inbox + name[n:]
	}
	return name
}

// mailboxName reads a mailbox name and the end of the command.
func (v *visit) mailboxName() (string, error) {
	v.d.SP()
	sent := v.d.Mailbox()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return "", err
	}
	return v.name(sent)
}

// shown is a name as it is sent and matched.
func (v *visit) shown(name string) string {
	if v.utf8 {
		return name
	}
	return mailbox.EncodeUTF7(name)
}

// appendName appends a mailbox name.
func (v *visit) appendName(b []byte, name string) []byte {
	if v.utf8 {
		return imap.AppendUTF8(b, name)
	}
	return imap.AppendAString(b, mailbox.EncodeUTF7(name))
}

// matches tells whether a name, as it is shown, matches a pattern: "*" is
// anything, "%" anything within a level (RFC 9051, 6.3.9).
func matches(pattern, name string) bool {
	if len(name) >= len(mailbox.Inbox) && canonical(pattern) != pattern {
		pattern = canonical(pattern)
	}
	if name == mailbox.Inbox {
		pattern = strings.ToUpper(pattern)
	}
	return glob(pattern, name)
}

// maxPatterns is how many octets the patterns of a command may have, each with the
// reference. Every name is looked at with all of them.
const maxPatterns = 8 << 10

// patterns makes the patterns of a command such as matches wants, without a reference; those that
// would keep the process busy it refuses.
func (v *visit) patterns(l *imap.List) error {
	octets := 0
	for _, p := range l.Patterns {
		octets += len(l.Reference) + len(p)
	}
	if octets > maxPatterns {
		return no("LIMIT", "The patterns are too long.")
	}
	for i, p := range l.Patterns {
		if p = l.Reference + p; !v.utf8 && v.sendsUTF8(p) && utf8.ValidString(p) {
			p = mailbox.EncodeUTF7(p)
		}
		l.Patterns[i] = p
	}
	l.Reference = ""
	return nil
}

// glob matches in time that grows with the square of the length of the name, and
// with that of the pattern.
func glob(pattern, name string) bool {
	// at[k]: the pattern so far matches name[:k]. For no k below low it does.
	at := make([]bool, len(name)+1)
	at[0] = true
	low, wild := 0, byte(0) // wild: the last wildcard, with nothing behind it
	for i := range len(pattern) {
		c := pattern[i]
		if c == '*' || c == '%' {
			if wild == '*' || wild == c {
				continue // nothing more
			}
			wild = c
			for k := low + 1; k <= len(name); k++ {
				at[k] = at[k] || at[k-1] && (c == '*' || name[k-1] != '/')
			}
			continue
		}
		wild = 0
		for k := len(name); k > low; k-- {
			at[k] = at[k-1] && name[k-1] == c
		}
		at[low] = false
		for low < len(name) && !at[low] {
			low++
		}
		if !at[low] {
			return false
		}
	}
	return at[len(name)]
}
