package mailrecord

import (
	"bytes"
	"io"

	"yubin/internal/mimescan"
)

// kept are the fields that Answers have, of the message's own header: those that
// clients ask for with their lists of messages. (Thunderbird, mutt, Roundcube, Apple Mail,
// K-9, SnappyMail, alpine, offlineimap, mbsync.)
var kept = []string{
	"bcc", "cc", "content-description", "content-transfer-encoding", "content-type", "date", "delivered-to",
	"disposition-notification-to", "from", "importance", "in-reply-to", "lines", "list-id", "list-post",
	"list-subscribe", "list-unsubscribe", "mail-followup-to", "mail-reply-to", "message-id", "mime-version",
	"newsgroups", "organization", "priority", "references", "reply-to", "return-path", "sender", "status", "subject", "to",
	"x-label", "x-mailer", "x-msmail-priority", "x-original-to", "x-priority", "x-status", "x-uid", "x-uniform-type-identifier",
}

// maxFields is how long they may be together, octets. A message with more is
// read each time.
const maxFields = 8 << 10

// Keeps tells whether Answers can have all these fields.
func Keeps(names []string) bool {
	for _, name := range names {
		if !among([]byte(name), kept) {
			return false
		}
	}
	return true
}

// What the fields begin with; nothing: they were not asked for yet.
const (
	noFields  = 'n' // there are too many, or the header has no end
	hasFields = 'f'
)

// headerFields returns what of a stored message's header is kept, as HEADER.FIELDS of
// them has it, behind hasFields.
func headerFields(r io.ReaderAt, header mimescan.Span) (string, error) {
	f := mimescan.NewFieldReader(r, header, kept, false)
	defer f.Close()
	b := make([]byte, 1, 1<<10)
	b[0] = hasFields
	for {
		if len(b) > maxFields {
			return string(noFields), nil
		}
		b = append(b, make([]byte, 512)...)
		n, err := f.Read(b[len(b)-512:])
		b = b[:len(b)-512+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	// Without an empty line at its end, what the end of some fields is depends on
	// the others.
	if text := b[1:]; string(text) != "\r\n" && !bytes.HasSuffix(text, []byte("\r\n\r\n")) {
		return string(noFields), nil
	}
	return string(b), nil
}

// HasFields tells whether it is known which of the kept fields the message has.
func (a *Answers) HasFields() bool { return len(a.fields) > 0 }

// AppendFields appends the text of HEADER.FIELDS with names that Keeps has. It
// returns false if the message has to be read for it.
func (a *Answers) AppendFields(b []byte, names []string) ([]byte, bool) {
	if len(a.fields) == 0 || a.fields[0] != hasFields {
		return b, false
	}
	give := false
	for text := a.fields[1:]; len(text) > 2; {
		i := bytes.IndexByte(text, '\n') + 1
		if i == 0 {
			return b, false
		}
		line := text[:i]
		text = text[i:]
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
			give = among(bytes.TrimRight(name, " \t"), names)
		}
		if give {
			b = append(b, line...)
		}
	}
	return append(b, "\r\n"...), true
}

// among tells whether a field's name is one of names.
func among(name []byte, names []string) bool {
	for _, n := range names {
		if len(n) == len(name) && equalFold(name, n) {
			return true
		}
	}
	return false
}

func equalFold(a []byte, b string) bool {
	for i, c := range a {
		if lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
