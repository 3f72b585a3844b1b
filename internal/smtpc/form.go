package smtpc

import (
	"io"
	"strings"
	"time"

	"yubin/internal/downgrade"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// A form is how a message goes to one server.
type form struct {
	body     string          // of MAIL's BODY; "": not said
	utf8     bool            // SMTPUTF8 is said
	tls      bool            // REQUIRETLS is said
	size     int64           // octets on the wire, before dots
	chunked  bool            // BDAT
	verbatim bool            // octet by octet, CRLF and all
	convert  bool            // to seven bits
	text     *downgrade.Text // what a binary message becomes; nil: it is none, or stays one
	limit    int             // of a line
	by       string          // BY; "": not said
}

// formFor decides how m goes to the server of s for rs. A failure is one for all
// of them.
func formFor(s *session, m *letter, rs []*recipient) (*form, error) {
	e := &s.ext
	t, err := m.traits()
	if err != nil {
		return nil, err
	}
	f := &form{limit: s.o.lineLimit, size: m.size() + t.lines}
	if t.partial {
		f.size += 2
	}
	long := f.limit > 0 && t.longest > f.limit
	switch {
	case m.binary() && !e.binary:
		if err := f.asText(s, m); err != nil {
			return nil, err
		}
	case m.binary():
		f.body, f.chunked, f.verbatim, f.size = "BINARYMIME", true, true, m.size()
	case long && e.binary:
		// Lines stay whole, and signatures over them good.
		f.body, f.chunked, f.limit = "BINARYMIME", true, 0
	case t.eight && e.eightBit:
		f.body = "8BITMIME"
	case t.eight:
		f.convert = true
	}
	if f.by, err = deliverBy(s, m, time.Now()); err != nil {
		return nil, err
	}
	asked := m.req.Attrs[queue.AttrUTF8] != "" || t.headUTF8 && s.o.utf8.looksAt(m.req)
	f.utf8 = needsUTF8(m.sender, rs) || asked && t.head8
	if f.utf8 && !e.utf8 {
		return nil, fails(5, noUTF8, "SMTPUTF8 is required, but was not offered by host %s", s.name)
	}
	f.utf8 = f.utf8 || asked && e.utf8
	if m.wish == wishTLS {
		if f.tls = s.keepsWish(); !f.tls && !m.private {
			return nil, fails(5, noRequireTLS, "REQUIRETLS is wanted, but was not offered by host %s", s.name).orElsewhere()
		}
	}
	if e.maxSize > 0 && f.size > e.maxSize {
		return nil, fails(5, smtp.TooBig, "message size %d exceeds size limit %d of server %s", f.size, e.maxSize, s.name)
	}
	return f, nil
}

// asText has a binary message sent as text: parts that are none become base64
// (RFC 3030, 3). It fails for a message of which that would lose something.
func (f *form) asText(s *session, m *letter) error {
	t, err := downgrade.NewText(m.reader, downgrade.Shape{Eight: s.ext.eightBit, Line: f.limit})
	if err != nil {
		return err
	}
	if t.Loses() {
		return fails(5, noConversion, "the message is binary (BINARYMIME) in places that no text can hold, and host %s takes text only", s.name)
	}
	var in inspector
	if _, err := io.Copy(&in, t.Reader()); err != nil {
		return err
	}
	found := in.end()
	f.text, f.size = t, t.Size()+found.lines
	if found.partial {
		f.size += 2
	}
	if found.eight && s.ext.eightBit {
		f.body = "8BITMIME"
	}
	return nil
}

// needsUTF8 tells whether an address of the transaction is not ASCII (RFC 6531,
// 3.1).
func needsUTF8(sender string, rs []*recipient) bool {
	if eightBit([]byte(sender)) {
		return true
	}
	for _, r := range rs {
		if eightBit([]byte(r.to)) {
			return true
		}
	}
	return false
}

// write writes the content to w, which is buffered.
func (f *form) write(w io.Writer, m *letter) error {
	if f.verbatim {
		return m.copyTo(w)
	}
	out := newWire(w, f.limit, !f.chunked)
	var err error
	if f.text != nil {
		_, err = io.Copy(out, f.text.Reader())
	} else if f.convert {
		err = downgrade.Convert(out, m.reader)
	} else {
		err = m.copyTo(out)
	}
	if err != nil {
		return err
	}
	return out.finish()
}

// mailCommand is MAIL for m.
func (f *form) mailCommand(s *session, m *letter) string {
	var b strings.Builder
	b.WriteString("MAIL FROM:<" + smtp.Quote(m.sender) + ">")
	if s.ext.size {
		b.WriteString(" SIZE=" + itoa(f.size))
	}
	if f.body != "" {
		b.WriteString(" BODY=" + f.body)
	}
	if f.utf8 {
		b.WriteString(" SMTPUTF8")
	}
	if f.by != "" {
		b.WriteString(" BY=" + f.by)
	}
	if f.tls {
		b.WriteString(" REQUIRETLS")
	}
	if s.ext.dsn {
		if v := m.req.Attrs[queue.AttrRet]; v == "FULL" || v == "HDRS" {
			b.WriteString(" RET=" + v)
		}
		if v := m.req.Attrs[queue.AttrEnvID]; v != "" {
			b.WriteString(" ENVID=" + smtp.Xtext(v))
		}
	}
	return b.String()
}

// rcptCommand is RCPT for r.
func (f *form) rcptCommand(s *session, r *recipient) string {
	line := "RCPT TO:<" + smtp.Quote(r.to) + ">"
	if !s.ext.dsn {
		return line
	}
	if n, err := smtp.ParseNotify(r.Attrs[queue.AttrNotify]); err == nil {
		line += " NOTIFY=" + n.String()
	}
	kind, addr, ok := strings.Cut(r.Attrs[queue.AttrOrcpt], ";")
	switch {
	case ok && kind != "" && addr != "":
	case r.Original != "" && r.Original != r.Address:
		// RFC 3461, 5.2.1: where the address was changed here.
		kind, addr = "rfc822", smtp.Quote(r.Original)
		if !smtp.ASCII(addr) {
			kind = smtp.UTF8Address
		}
	default:
		return line
	}
	return line + " ORCPT=" + smtp.Orcpt(kind, addr, f.utf8)
}
