package dsn

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// A Notice is what Write needs to know. Addresses are in internal form.
type Notice struct {
	ID       string // queue ID of the notice itself
	Hostname string // myhostname: who reports
	MailName string // mail_name
	Time     time.Time
	To       string // the sender of the message

	Original   string    // queue ID of the message
	Arrival    time.Time // of the message
	EnvID      string    // RFC 3461 ENVID, decoded; "" for none
	Postmaster bool      // To is the postmaster: the message has no sender, or he gets a copy
	Sender     string    // with Postmaster: who has sent the message, and is told by another notice
	Delayed    bool      // Recipients wait for it, until Until at most
	Until      time.Time // set with Delayed
	Arrived    bool      // Recipients have the message, as far as can be known; else it did not reach them
	Trace      bool      // with Arrived: he asked for a report whatever the servers beyond do
	Probe      bool      // with Arrived: nothing was delivered, only looked for
	Recipients []Recipient
	Words      *Words // nil: ours

	// Message is the content as accepted, LF line ends. It is returned whole
	// unless it has arrived or is delayed, is larger than SizeLimit, or HeaderOnly is set (RFC
	// 3461, 4.3).
	Message    io.ReaderAt
	Size       int64
	SizeLimit  int64
	HeaderOnly bool
	UTF8       bool // the sender asked for SMTPUTF8: he may be shown the message as RFC 6533 has it
}

// What became of a recipient, in RFC 3464's words (2.3.3).
const (
	Failed    = "failed"
	Delayed   = "delayed"
	Delivered = "delivered"
	Relayed   = "relayed" // to a host that sends no reports
	Expanded  = "expanded"

	// Of a probe, in Postfix's words.
	Deliverable   = "deliverable"
	Undeliverable = "undeliverable"
)

// A Recipient is one address that the message was for.
type Recipient struct {
	Address  string
	Original string // what the sender asked for, when it differs
	Orcpt    string // RFC 3461 ORCPT, "type;address", decoded; "" for none
	Action   string // Failed; when the message has arrived, Delivered, Relayed or Expanded
	Code     string // enhanced status code, 5.1.1
	Was      string // the code of what has gone on for too long, where Code says that; ""
	Text     string // why, as the log has it; from another host when Host is set
	Host     string // remote host that said Text; "" when it was this one
	Tried    time.Time
}

// Limits of what a notice holds.
const (
	maxText   = 2000    // octets of one reason
	maxHeader = 1 << 20 // octets of the message that are searched for its header's end
)

// Write returns a notice, header and all, with LF line ends.
func Write(n Notice) ([]byte, error) {
	part, err := n.original()
	if err != nil {
		return nil, fmt.Errorf("read message %s: %w", n.Original, err)
	}
	parts := []bodyPart{
		{"text/plain", "Notification", n.text()},
		n.status(),
		part,
	}
	var out output
	w, err := message.CreateWriter(&out, n.header(part.body))
	if err != nil {
		return nil, fmt.Errorf("write notice on %s: %w", n.Original, err)
	}
	if slices.ContainsFunc(parts, bodyPart.eight) {
		// As of a part, so of the whole (RFC 2045, 6.4). go-message, which has written
		// the header and the empty line, lets no multipart have the field.
		out.b = append(out.b[:len(out.b)-1], "Content-Transfer-Encoding: 8bit\n\n"...)
	}
	for _, p := range parts {
		if err := writePart(w, &out, p); err != nil {
			return nil, fmt.Errorf("write notice on %s: %w", n.Original, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write notice on %s: %w", n.Original, err)
	}
	return out.b, nil
}

// header returns the notice's own header.
func (n *Notice) header(returned []byte) message.Header {
	var h message.Header
	fields := ownFields(n.ID, n.Hostname, n.MailName, n.Time, n.subject(), n.To)
	if from := n.from(); from != "" {
		fields[slices.IndexFunc(fields, func(f [2]string) bool { return f[0] == "From" })][1] = from
	}
	var look header.Inspector
	look.Write(returned)
	look.Close()
	if strings.EqualFold(look.TLSRequired, "no") {
		fields = append(fields, [2]string{"TLS-Required", "No"}) // RFC 8689, 5
	}
	if id := messageID(look.MessageID); id != "" {
		fields = append(fields, [2]string{"In-Reply-To", id}, [2]string{"References", id}) // RFC 3834, 3.1.5
	}
	h.SetContentType("multipart/report", map[string]string{
		"report-type": "delivery-status", "boundary": n.boundary(returned),
	})
	addFields(&h, fields)
	return h
}

// ownFields are what every letter of ours begins with.
func ownFields(id, hostname, mailName string, at time.Time, subject, to string) [][2]string {
	return [][2]string{
		{"Received", "by " + hostname + " (" + mailName + ") id " + id + "; " + header.FormatDate(at)},
		{"Date", header.FormatDate(at)},
		{"From", "MAILER-DAEMON@" + hostname + " (Mail Delivery System)"},
		{"Subject", subject},
		{"To", smtp.Quote(to)},
		{"Auto-Submitted", "auto-replied"}, // RFC 3834, 5
		{"MIME-Version", "1.0"},
		{"Message-ID", "<" + at.UTC().Format("20060102150405") + "." + id + "@" + hostname + ">"},
	}
}

// addFields puts fields on top of a header.
func addFields(h *message.Header, fields [][2]string) {
	for _, f := range slices.Backward(fields) {
		h.Add(f[0], f[1]) // on top
	}
}

func (n *Notice) subject() string {
	if own := n.wordedSubject(); own != "" {
		return own
	}
	switch {
	case n.Trace:
		return "Mail Delivery Status Report"
	case n.Arrived:
		return "Successful Mail Delivery Report"
	case n.Delayed && n.Postmaster:
		return "Postmaster Warning: Delayed Mail"
	case n.Delayed:
		return "Delayed Mail (still being retried)"
	}
	if n.Postmaster {
		return "Postmaster Copy: Undelivered Mail"
	}
	return "Undelivered Mail Returned to Sender"
}

// messageID returns a Message-ID when it is safe to repeat.
func messageID(id string) string {
	if len(id) < 3 || len(id) > 250 || id[0] != '<' || strings.IndexByte(id, '>') != len(id)-1 {
		return ""
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return ""
		}
	}
	return id
}

// boundary returns one that does not occur in the returned message, whoever
// wrote that.
func (n *Notice) boundary(returned []byte) string {
	const enough = 40 // RFC 2046, 5.1.1: at most 70 octets in all
	tail := n.ID[max(0, len(n.ID)-enough):]
	for i := 0; ; i++ {
		b := fmt.Sprintf("%s.%d/report", tail, i)
		if !bytes.Contains(returned, []byte("--"+b)) {
			return b
		}
	}
}

// A bodyPart is one part of the report.
type bodyPart struct {
	kind, description string
	body              []byte
}

// whole tells whether the message is returned whole.
func (n *Notice) whole() bool {
	return !n.Arrived && !n.Delayed && !n.HeaderOnly && n.Size <= n.SizeLimit
}

// original returns the message, or its header.
func (n *Notice) original() (bodyPart, error) {
	whole, size := n.whole(), n.Size
	if !whole {
		size = min(size, maxHeader)
	}
	b := make([]byte, size)
	if got, err := n.Message.ReadAt(b, 0); int64(got) < size {
		return bodyPart{}, err
	}
	if whole {
		return bodyPart{n.kind("message/rfc822", "message/global", b), "Undelivered Message", b}, nil
	}
	end := header.Each(b, func(string, []byte) {})
	what := "Undelivered Message Headers"
	if n.Arrived || n.Delayed {
		what = "Message Headers"
	}
	return bodyPart{n.kind("text/rfc822-headers", "message/global-headers", b[:end]), what, b[:end]}, nil
}

// kind is the type of the returned message b: ascii unless it needs the other
// one (RFC 6533, 4).
func (n *Notice) kind(ascii, international string, b []byte) string {
	if n.UTF8 && !smtp.ASCII(string(b[:header.Each(b, func(string, []byte) {})])) {
		return international
	}
	return ascii
}

// eight tells whether p is not plain ASCII.
func (p bodyPart) eight() bool { return !smtp.ASCII(string(p.body)) }

func writePart(w *message.Writer, out *output, p bodyPart) error {
	var h message.Header
	if p.eight() {
		h.Add("Content-Transfer-Encoding", "8bit")
	}
	if p.kind == "text/plain" {
		h.SetContentType(p.kind, map[string]string{"charset": "utf-8"})
	} else {
		h.SetContentType(p.kind, nil)
	}
	h.Add("Content-Description", p.description)
	pw, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	// Content is sacred, CR and long lines too: go-message's writer for 8bit,
	// which has written the part's header by now, would mend them.
	out.b = append(out.b, p.body...)
	return pw.Close()
}

// output collects what go-message writes, with CRLF turned into LF.
type output struct{ b []byte }

func (o *output) Write(p []byte) (int, error) {
	for _, c := range p {
		// In what it generates CR stands only before LF.
		if c != '\r' {
			o.b = append(o.b, c)
		}
	}
	return len(p), nil
}
