package dsn

import (
	"bytes"
	"fmt"
	"strings"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// meaning is what an Action is in plain words, before the reason.
var meaning = map[string]string{
	Delivered: "arrived: ",

	Deliverable:   "mail would be taken: ",
	Undeliverable: "mail would not be taken now: ",
	Relayed:       "handed to a mail system that sends no delivery reports, so this is the last you hear unless delivery fails there: ",
}

// text returns the part for people.
func (n *Notice) text() []byte {
	var b bytes.Buffer
	b.WriteString(n.introduction() + "\n")
	for i := range n.Recipients {
		r := &n.Recipients[i]
		line := "<" + smtp.Quote(r.Address) + ">"
		if r.Original != "" && r.Original != r.Address {
			line += " (sent to <" + smtp.Quote(r.Original) + ">)"
		}
		reason := bound(r.Text)
		if r.Host != "" && !strings.HasPrefix(reason, "host ") {
			reason = "host " + bound(r.Host) + " said: " + reason
		}
		fold(&b, line+": "+meaning[r.Action]+reason)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// introduction is what stands above the addresses.
func (n *Notice) introduction() string {
	if own := n.wording(); own != "" {
		return own
	}
	return "This is the mail system at host " + n.Hostname + ".\n\n" + n.opening()
}

func (n *Notice) opening() string {
	switch {
	case n.Delayed:
		return "This is only a warning: your message has not reached the addresses below yet.\n" +
			"This system goes on trying until " + header.FormatDate(n.Until) + ". You need not\n" +
			"send the message again; if it cannot be delivered by then, you will be told.\n"
	case n.Probe:
		return "You asked what would become of mail to the addresses below. Nothing was sent\n" +
			"to them; this is what was found out.\n"
	case n.Arrived:
		return "You asked to be told what becomes of your message. It is on its way or has\n" +
			"arrived, as is said of each address below. Nothing is left for you to do.\n"
	case n.Postmaster:
		return "A message without a sender, most likely a notice to somebody, could not be\n" +
			"delivered to the addresses below. You get it as the postmaster (notify_classes has\n" +
			"2bounce). Often the sender that it answers was forged: then do nothing. If it is\n" +
			"one of yours, look why his mailbox cannot be reached.\n"
	}
	what := "addresses below.\nIt is attached, and this system will not try them again.\n"
	if len(n.Recipients) == 1 {
		what = "address below.\nIt is attached, and this system will not try again.\n"
	}
	return "I'm sorry: your message could not be delivered to the " + what +
		"\nPlease check each address for mistakes. If it is right, the reason below it\n" +
		"tells what stands in the way; once that is mended, send the message again.\n" +
		"For help write to postmaster, and enclose this notice.\n"
}

// status returns the part for programs (RFC 3464, 2). It is ASCII.
func (n *Notice) status() []byte {
	var b bytes.Buffer
	put := func(name, value string) { fold(&b, name+": "+value) }
	put("Reporting-MTA", "dns; "+n.Hostname)
	own := "X-" + token(n.MailName)
	put(own+"-Queue-ID", n.Original)
	if n.EnvID != "" {
		put("Original-Envelope-Id", smtp.Xtext(n.EnvID))
	}
	if !n.Postmaster {
		put(own+"-Sender", address(n.To))
	}
	put("Arrival-Date", header.FormatDate(n.Arrival))
	for i := range n.Recipients {
		r := &n.Recipients[i]
		b.WriteByte('\n')
		put("Final-Recipient", address(r.Address))
		switch {
		case r.Orcpt != "":
			kind, addr, _ := strings.Cut(r.Orcpt, ";")
			put("Original-Recipient", ascii(kind)+";"+smtp.Xtext(addr))
		case r.Original != "":
			put("Original-Recipient", address(r.Original))
		}
		put("Action", r.Action)
		put("Status", r.Code)
		if r.Host != "" {
			put("Remote-MTA", "dns; "+ascii(bound(r.Host)))
			put("Diagnostic-Code", "smtp; "+ascii(bound(reply(r.Text))))
		} else {
			put("Diagnostic-Code", own+"; "+ascii(bound(r.Text)))
		}
		if !r.Tried.IsZero() {
			put("Last-Attempt-Date", header.FormatDate(r.Tried))
		}
		if n.Delayed {
			put("Will-Retry-Until", header.FormatDate(n.Until))
		}
	}
	return b.Bytes()
}

// reply is what the other host said, without the words that the log has around
// it: "host NAME said: REPLY (in reply to COMMAND)".
func reply(text string) string {
	if !strings.HasPrefix(text, "host ") {
		return text
	}
	for _, words := range []string{" said: ", " refused to talk to me: "} {
		if _, said, ok := strings.Cut(text, words); ok {
			if i := strings.LastIndex(said, " (in reply to "); i > 0 {
				said = said[:i]
			}
			return said
		}
	}
	return text
}

// address returns the typed form of an address: rfc822, or for one that is not
// ASCII utf-8 in the encoding for 7-bit reports (RFC 6533, 3).
func address(addr string) string {
	s := smtp.Quote(addr)
	for i := range len(s) {
		if s[i] >= 0x80 {
			return "utf-8; " + utf8Xtext(s)
		}
	}
	return "rfc822; " + s
}

// utf8Xtext is RFC 6533's utf-8-addr-xtext.
func utf8Xtext(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c <= ' ' || c > '~' || c == '\\' || c == '+' || c == '=' {
			fmt.Fprintf(&b, `\x{%02X}`, c)
			continue
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

// token makes a part of a field's name of mail_name, which may be any text.
func token(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, s)
}

// ascii replaces what is not printable ASCII.
func ascii(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}

// bound makes s one clean line of bounded length.
func bound(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return header.Line([]byte(strings.ReplaceAll(s, "\n", " ")))
}

// Line lengths: where lines are broken if they can be (RFC 5322, 2.1.1), and
// where they are broken whatever stands there.
const (
	softLine = 76
	hardLine = 900
)

// fold writes s, a paragraph or a field, in lines of some 76 octets, all but the
// first indented. A run without spaces that is longer than a line may be is
// broken between two characters.
func fold(b *bytes.Buffer, s string) {
	for {
		s = strings.TrimLeft(s, " ")
		n := len(s)
		if n > softLine {
			n = breakAt(s)
		}
		b.WriteString(strings.TrimRight(s[:n], " "))
		b.WriteByte('\n')
		if s = strings.TrimLeft(s[n:], " "); s == "" {
			return
		}
		b.WriteString("    ")
	}
}

// breakAt returns where to break s, which is longer than softLine.
func breakAt(s string) int {
	if i := strings.LastIndexByte(s[:softLine], ' '); i > 0 {
		return i
	}
	if i := strings.IndexByte(s[:min(len(s), hardLine)], ' '); i > 0 {
		return i
	}
	if len(s) <= hardLine {
		return len(s)
	}
	n := hardLine
	for n > hardLine-4 && s[n]&0xc0 == 0x80 {
		n--
	}
	return n
}
