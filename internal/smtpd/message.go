package smtpd

import (
	"bytes"
	"context"
	"io"
	"maps"
	"strconv"
	"time"

	"yubin/internal/header"
	"yubin/internal/intake"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/smtp"
)

// A message is one on its way onto a blank. Once it is refused, the rest of it
// is read and dropped: the client hears why when it has said everything.
type message struct {
	depot   depot
	blank   *intake.Blank
	out     *queue.Writer
	to      io.Writer   // out, in the form that the queue wants
	wide    *lineEnds   // of BINARYMIME; nil: content is text
	data    decoder     // behind DATA
	text    textDecoder // behind BDAT
	budget  budget      // of the client, behind BDAT
	heard   time.Time   // the last chunk, behind BDAT
	look    header.Inspector
	from    fromLines
	whole   *completion // nil: sendmail's part, as are lines "From ..."
	field   fieldMeter
	size    int64 // octets of content that the client sent
	limit   int64 // of size; 0: none
	hops    int   // limit
	refusal *smtp.Reply
	cause   error // of a refusal that is our own fault
	settled bool  // the blank is not ours any more
}

// newMessage takes a blank and writes what comes in front of the content.
func (s *session) newMessage(ctx context.Context) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, blankPatience)
	defer cancel()
	b, err := s.srv.depot.Blank(ctx)
	if err != nil {
		return nil, err
	}
	env, err := s.envelope()
	if err != nil {
		s.srv.depot.Return(b)
		return nil, err
	}
	w, err := queue.NewWriter(b.File, b.ID, b.Size, env)
	if err != nil {
		s.srv.depot.Return(b)
		return nil, err
	}
	s.msg.id = b.ID
	if s.srv.local {
		return s.messageOn(b, w), nil // log and trace are for those who take it from sendmail
	}
	s.logClient()
	m := s.messageOn(b, w)
	// An error stays with w until the end of the message.
	now := time.Now()
	m.to.Write([]byte(s.prepended() + s.received(now)))
	m.whole = s.completion(m, env.Sender, now)
	return m, nil
}

func (s *session) messageOn(b *intake.Blank, w *queue.Writer) *message {
	m := &message{
		depot: s.srv.depot, blank: b, out: w, to: w, limit: s.srv.p().messageLimit, hops: s.srv.p().hops,
		field: fieldMeter{limit: s.srv.p().fieldLimit},
	}
	if s.msg.binary() {
		w.SetFlags(queue.FlagBinary)
		m.wide = &lineEnds{w: w}
		m.to = m.wide
	}
	return m
}

// envelope is what the queue keeps of the session. Its error is a *rewrite.Error.
func (s *session) envelope() (*queue.Envelope, error) {
	env := &queue.Envelope{
		Sender:     s.msg.sender,
		Recipients: s.withCopies(),
		Attrs: map[string]string{
			queue.AttrOrigin:   "smtpd",
			queue.AttrProtocol: s.proto(),
		},
	}
	setClient(env.Attrs, s.client())
	if s.helo != "" {
		env.Attrs[queue.AttrHelo] = s.helo
	}
	s.forwardAttrs(env.Attrs)
	if !s.srv.local && !s.isOurs() {
		env.Attrs[queue.AttrSource] = "remote"
	}
	maps.Copy(env.Attrs, s.msg.attrs)
	s.saslAttrs(env.Attrs)
	s.msg.timing(env, time.Now())
	if s.msg.utf8 {
		env.Attrs[queue.AttrUTF8] = "yes"
	}
	if to := s.contentFilter(); to != "" {
		env.Attrs[queue.AttrFilter] = to
	}
	if s.msg.orders.hold {
		env.Attrs[queue.AttrHold] = "yes"
	}
	if s.msg.body != "" {
		env.Attrs[queue.AttrBody] = s.msg.body
	}
	if s.srv.local {
		return env, nil
	}
	err := s.srv.rewrite.Envelope(env, s.rewriting())
	if err == nil {
		s.redirected(env)
	}
	return env, err
}

// setClient notes where a letter comes from.
func setClient(attrs map[string]string, p peer) {
	attrs[queue.AttrClientName], attrs[queue.AttrClientAddress] = p.name, p.address()
	attrs[queue.AttrClientPort] = strconv.Itoa(int(p.port))
}

// rewriting is what is done to the addresses of mail that comes in here.
func (s *session) rewriting() rewrite.Options {
	return rewrite.Options{Copies: true, Unmapped: s.srv.p().override.Unmapped}
}

// take gets the next octets of the content.
func (m *message) take(p []byte) {
	if m.refusal != nil {
		return
	}
	if m.size += int64(len(p)); m.limit > 0 && m.size > m.limit {
		m.refuse(552, smtp.TooBig, "Message size exceeds fixed limit")
		return
	}
	if m.whole != nil {
		m.from.feed(p, m.put)
	} else {
		m.put(p)
	}
}

// put passes content on.
func (m *message) put(p []byte) {
	if m.refusal != nil {
		return
	}
	if !m.look.Ended {
		m.look.Write(p)
		if !m.field.feed(p) {
			m.refuse(552, smtp.TooBig, "Error: header field too large")
			return
		}
	}
	out := m.to
	if m.whole != nil {
		out = m.whole.filter
	}
	if _, err := out.Write(p); err != nil {
		m.refusal, m.cause = &writeError, err
	}
}

// end tells that all the content has come.
func (m *message) end() {
	m.from.end(m.put)
	m.look.Close()
	if m.whole != nil && m.refusal == nil {
		if err := m.whole.filter.Close(); err != nil {
			m.refusal, m.cause = &writeError, err
		}
	}
	// Our own Received field is one hop more (RFC 5321, 6.3).
	if m.refusal == nil && m.look.Received+1 > m.hops {
		m.refuse(554, smtp.Detail{Subject: 4}, "Error: too many hops")
	}
}

func (m *message) refuse(code int, d smtp.Detail, text string) {
	m.refusal = &smtp.Reply{Code: code, Detail: d, Text: text}
}

// messageID is what the log shows.
func (m *message) messageID() string {
	switch {
	case m.look.Count("message-id") > 0 && m.look.MessageID != "":
		return m.look.MessageID
	case m.look.Count("message-id") == 0 && m.whole != nil && m.whole.adds:
		return m.whole.MessageID()
	}
	return "<>"
}

// abandon gives the blank back, unless it was committed or given back before.
func (m *message) abandon() {
	if m.settled {
		return
	}
	m.settled = true
	m.out.Abandon()
	m.depot.Return(m.blank)
}

// A fieldMeter measures header fields. It needs not know where the header
// ends: whoever feeds it does.
type fieldMeter struct {
	limit int64
	n     int64 // octets of the field at hand
	start bool  // at the start of a line that is not the first
}

// feed takes the next octets; it is false when a field is too large.
func (f *fieldMeter) feed(p []byte) bool {
	for len(p) > 0 {
		if f.start && p[0] != ' ' && p[0] != '\t' {
			f.n = 0
		}
		line := p
		f.start = false
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line, f.start = p[:i+1], true
		}
		if f.start && len(line) == 1 && f.n == 0 {
			return true // the empty line behind the header
		}
		if f.n += int64(len(line)); f.n > f.limit {
			return false
		}
		p = p[len(line):]
	}
	return true
}
