package header

import (
	"fmt"
	"io"
	"strings"
	"time"

	"yubin/internal/smtp"
)

// Dropped tells whether a field, its name in lower case, is one that no letter
// of our own users keeps: Bcc names who shall not be named, the others say what
// only the delivery knows.
func Dropped(name string) bool {
	switch name {
	case "bcc", "resent-bcc", "return-path", "content-length":
		return true
	}
	return false
}

// A Completion has what goes into the fields that a letter lacks.
type Completion struct {
	Sender   string // internal form; "" is the null sender
	FullName string // of the sender; "" is none
	Origin   string // the domain of MAILER-DAEMON, who stands in for the null sender
	ID       string // the message's queue ID
	Host     string // the host that makes the Message-Id
	Now      time.Time
}

// MessageID is the one that a letter gets which has none.
func (c *Completion) MessageID() string {
	return fmt.Sprintf("<%s.%s@%s>", c.Now.UTC().Format("20060102150405"), c.ID, c.Host)
}

func (c *Completion) from() string {
	sender := c.Sender
	if sender == "" {
		sender = "MAILER-DAEMON@" + c.Origin
	}
	from := smtp.Quote(sender)
	if c.FullName != "" {
		from = EncodeName(c.FullName) + " <" + from + ">"
	}
	return from
}

// Missing writes the fields that a letter must have and does not (RFC 5322,
// 3.6; RFC 6409, 8), and their Resent- companions when it has been resent (RFC
// 5322, 3.6.6). look has seen its header.
func (c *Completion) Missing(w io.Writer, look *Inspector) error {
	values := [...][2]string{{"Date", FormatDate(c.Now)}, {"From", c.from()}, {"Message-Id", c.MessageID()}}
	prefixes := []string{""}
	for _, name := range []string{"to", "cc", "bcc", "from", "sender", "date", "message-id"} {
		if look.Count("resent-"+name) > 0 {
			prefixes = []string{"Resent-", ""}
			break
		}
	}
	for _, prefix := range prefixes {
		for _, v := range values {
			name := prefix + v[0]
			if look.Count(strings.ToLower(name)) > 0 {
				continue
			}
			if _, err := io.WriteString(w, name+": "+v[1]+"\n"); err != nil {
				return err
			}
		}
	}
	return nil
}
