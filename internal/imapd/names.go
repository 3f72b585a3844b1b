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
	if !v.utf8 {
		name, ok = mailbox.DecodeUTF7(sent)
	}
	if !ok {
		return "", no("CANNOT", "Mailbox name is not valid "+map[bool]string{true: "UTF-8.", false: "modified UTF-7."}[v.utf8])
	}
	return canonical(name), nil
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
	sent := v.d.AString()
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

// glob matches in time that grows with the product of the lengths.
func glob(pattern, name string) bool {
	// at[k]: the pattern so far matches name[:k].
	at := make([]bool, len(name)+1)
	at[0] = true
	for i := range len(pattern) {
		c := pattern[i]
		if c == '*' || c == '%' {
			for k := 1; k <= len(name); k++ {
				at[k] = at[k] || at[k-1] && (c == '*' || name[k-1] != '/')
			}
			continue
		}
		for k := len(name); k > 0; k-- {
			at[k] = at[k-1] && name[k-1] == c
		}
		at[0] = false
	}
	return at[len(name)]
}
