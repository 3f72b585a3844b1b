package dsn

import (
	"bytes"
	"strings"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// status returns the part for programs (RFC 3464, 2). It is ASCII, unless it is of
// the type for others (RFC 6533, 4).
func (n *Notice) status() bodyPart {
	r := statusWriter{own: "X-" + token(n.MailName), global: n.global()}
	r.put("Reporting-MTA", "dns; "+n.Hostname)
	r.put(r.own+"-Queue-ID", n.Original)
	if n.EnvID != "" {
		r.put("Original-Envelope-Id", n.EnvID)
	}
	if sender := n.sender(); sender != "" {
		r.put(r.own+"-Sender", r.address(sender))
	}
	r.put("Arrival-Date", header.FormatDate(n.Arrival))
	for i := range n.Recipients {
		r.recipient(&n.Recipients[i])
		if n.Delayed {
			r.put("Will-Retry-Until", header.FormatDate(n.Until))
		}
	}
	kind := "message/delivery-status"
	if r.global {
		kind = "message/global-delivery-status"
	}
	return bodyPart{kind, "Delivery report", r.b.Bytes()}
}

// sender is who has sent the message; "": nobody, or it is not known.
func (n *Notice) sender() string {
	switch {
	case n.Sender != "":
		return n.Sender
	case n.Postmaster:
		return ""
	}
	return n.To
}

// global tells whether the report has addresses that are not ASCII and goes to
// somebody who can be shown them as they are.
func (n *Notice) global() bool {
	eight := !smtp.ASCII(n.sender())
	for i := range n.Recipients {
		r := &n.Recipients[i]
		eight = eight || !smtp.ASCII(r.Address) || !smtp.ASCII(r.Original) || !smtp.ASCII(r.Orcpt)
	}
	return n.UTF8 && eight
}

// A statusWriter writes the fields of the part for programs.
type statusWriter struct {
	b      bytes.Buffer
	own    string // what our own fields and types begin with
	global bool   // not ASCII
}

func (w *statusWriter) put(name, value string) { fold(&w.b, name+": "+value) }

// recipient writes the fields of one recipient (RFC 3464, 2.3).
func (w *statusWriter) recipient(r *Recipient) {
	w.b.WriteByte('\n')
	w.put("Final-Recipient", w.address(r.Address))
	switch kind, addr, ok := strings.Cut(r.Orcpt, ";"); {
	case ok && strings.EqualFold(kind, smtp.UTF8Address):
		w.put("Original-Recipient", ascii(kind)+";"+w.utf8(addr))
	case ok && !w.global && !smtp.ASCII(addr):
		w.put("Original-Recipient", ascii(kind)+";"+smtp.Xtext(addr))
	case ok: // xtext is the encoding of the parameter alone (RFC 3461, 4)
		w.put("Original-Recipient", ascii(kind)+";"+w.clean(addr))
	case r.Original != "":
		w.put("Original-Recipient", w.address(r.Original))
	}
	w.put("Action", r.Action)
	w.put("Status", r.Code)
	if r.Host != "" {
		w.put("Remote-MTA", "dns; "+ascii(bound(r.Host)))
		w.put("Diagnostic-Code", "smtp; "+w.clean(reply(r.Text)))
	} else {
		w.put("Diagnostic-Code", w.own+"; "+w.clean(r.Text))
	}
	if !r.Tried.IsZero() {
		w.put("Last-Attempt-Date", header.FormatDate(r.Tried))
	}
}

// clean is foreign text as it may stand in a field.
func (w *statusWriter) clean(s string) string {
	if s = bound(s); w.global {
		return s
	}
	return ascii(s)
}

// address returns the typed form of an address: rfc822, or utf-8 for one that is
// not ASCII.
func (w *statusWriter) address(addr string) string {
	s := smtp.Quote(addr)
	if smtp.ASCII(s) {
		return "rfc822; " + s
	}
	return smtp.UTF8Address + "; " + w.utf8(s)
}

// utf8 is an address of type utf-8: as it is, or in the encoding for 7-bit reports
// (RFC 6533, 3).
func (w *statusWriter) utf8(s string) string {
	if w.global {
		return bound(s)
	}
	return smtp.UTF8Xtext(s)
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
