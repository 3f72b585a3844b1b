package smtpc

import (
	"fmt"
	"time"

	"yubin/internal/smtp"
)

// maxBatch is how many octets of commands go out before their replies are
// read: no more than any server takes while it writes (RFC 2920, 3.1).
const maxBatch = 8 << 10

// Steps of a transaction, as results name them.
const (
	mailStep = "MAIL FROM command"
	rcptStep = "RCPT TO command"
	dataStep = "DATA command"
	bodyStep = "message body"
	endStep  = "end of DATA command"
)

const dataPhase = "sending DATA command"

// A judge takes what becomes of recipients.
type judge interface {
	sent(r *recipient, answer *reply)
	// refused is for recipients who were not delivered to, for sure.
	refused(rs []*recipient, f *failure)
	// unknown is for recipients of whom it cannot be known: they must not be
	// tried elsewhere at once.
	unknown(rs []*recipient, f *failure)
}

// A transaction is one message on its way to some recipients over a session.
type transaction struct {
	s     *session
	m     *letter
	form  *form
	judge judge

	rs       []*recipient
	accepted []*recipient
	refusal  *failure // of MAIL: all that follows means nothing
	again    []*recipient
	started  bool // the server waits for the message
	ended    bool // it has had it
	done     bool // and has taken it, for somebody at least
}

// transact carries out one transaction. Each recipient gets an outcome, or is
// in again: the server takes no more of them at once. The error is for a session
// that broke; recipients without an outcome have then surely not got the
// message.
func transact(s *session, m *letter, rs []*recipient, j judge) (again []*recipient, err error) {
	f, err := formFor(s, m, rs)
	if err != nil {
		j.refused(rs, asFailure(err))
		return nil, nil
	}
	t := &transaction{s: s, m: m, form: f, judge: j, rs: rs}
	s.sent++
	s.doubt = true
	if err := t.envelope(); err != nil {
		return nil, t.broken(err)
	}
	switch {
	case t.refusal != nil:
	case t.m.probe():
		for _, to := range t.accepted {
			t.judge.sent(to, to.welcome)
		}
		return t.again, nil // the session is in doubt, and begins anew with RSET
	case len(t.accepted) > 0:
		if err := t.message(); err != nil {
			return nil, t.broken(err)
		}
		if t.done {
			return t.again, nil
		}
		t.rs = t.again // a server that takes none now takes no more later
	default:
		t.rs = nil
	}
	if len(t.rs) > 0 {
		t.judge.refused(t.rs, t.refusal)
	}
	if t.started && !t.ended {
		return nil, t.broken(t.abandon())
	}
	return nil, nil
}

// broken is the error for a session that broke. When the server has said
// farewell, that is why.
func (t *transaction) broken(err error) error {
	if s := t.s; err != nil && s.goodbye != nil {
		return said(s, s.goodbye, "host %s said: %s", s.name, s.goodbye.text)
	}
	return err
}

// A command is one of a transaction's envelope.
type command struct {
	step, text string
	r          *recipient // of RCPT
}

// commands are XFORWARD, MAIL, RCPT for each recipient, and DATA.
func (t *transaction) commands() []command {
	cs := make([]command, 0, len(t.rs)+2)
	cs = append(cs, t.forwards()...)
	cs = append(cs, command{step: mailStep, text: t.form.mailCommand(t.s, t.m)})
	for _, r := range t.rs {
		cs = append(cs, command{rcptStep, t.form.rcptCommand(t.s, r), r})
	}
	if !t.form.chunked && !t.m.probe() {
		cs = append(cs, command{step: dataStep, text: "DATA"})
	}
	return cs
}

// envelope sends the commands, as many at once as the server allows, and sorts
// the replies.
func (t *transaction) envelope() error {
	cs := t.commands()
	for phase := "sending MAIL FROM"; len(cs) > 0; phase = "sending RCPT TO" {
		if t.refusal != nil || cs[0].step == dataStep && len(t.accepted) == 0 {
			return nil
		}
		if err := t.s.unasked(phase); err != nil {
			return err
		}
		n := t.batch(cs)
		for _, c := range cs[:n] {
			t.s.line(c.text)
		}
		for i := range cs[:n] {
			if err := t.answer(&cs[i]); err != nil {
				return err
			}
		}
		cs = cs[n:]
	}
	return nil
}

// batch is how many of cs go out together.
func (t *transaction) batch(cs []command) int {
	if !t.s.ext.pipelining {
		return 1
	}
	size := 0
	for i, c := range cs {
		if size += len(c.text) + 2; size > maxBatch && i > 0 {
			return i
		}
	}
	return len(cs)
}

// answer reads the reply to a command.
func (t *transaction) answer(c *command) error {
	s := t.s
	switch c.step {
	case forwardStep: // refused, it is the filter's loss and not the message's
		s.within(s.o.wait.mail)
		_, err := t.reply("sending XFORWARD")
		return err
	case mailStep:
		s.within(s.o.wait.mail)
		r, err := t.reply("sending MAIL FROM")
		if err == nil && r.class() != 2 {
			t.refusal = t.said(r, c.step)
		}
		return err
	case rcptStep:
		s.within(s.o.wait.rcpt)
		r, err := t.reply("sending RCPT TO")
		if err == nil && t.refusal == nil {
			t.recipient(c.r, r)
		}
		return err
	}
	s.within(s.o.wait.dataInit)
	r, err := t.reply(dataPhase)
	if err != nil {
		return err
	}
	if r.code == 354 {
		t.started = true
	} else if t.refusal == nil && len(t.accepted) > 0 {
		t.refusal = t.said(r, c.step)
		t.rs, t.accepted = append(t.accepted, t.again...), nil
	}
	return nil
}

// reply reads a reply before the message. The server's farewell is no answer
// for one recipient, but the end for all.
func (t *transaction) reply(phase string) (*reply, error) {
	wrong := t.s.wrong
	r, err := t.s.reply(phase)
	if err == nil && (t.refusal != nil || phase == dataPhase && len(t.accepted) == 0) {
		t.s.wrong = wrong // it follows from what was refused before
	}
	if err == nil && r == t.s.goodbye {
		err = t.s.lost(phase, errEnd)
	}
	return r, err
}

func (t *transaction) said(r *reply, step string) *failure {
	return said(t.s, r, "host %s said: %s (in reply to %s)", t.s.name, r.text, step)
}

// recipient sorts the reply to RCPT.
func (t *transaction) recipient(to *recipient, r *reply) {
	switch {
	case r.class() == 2:
		to.welcome = r
		t.accepted = append(t.accepted, to)
	case full(r) && len(t.accepted) > 0:
		t.again = append(t.again, to)
	default:
		t.judge.refused([]*recipient{to}, t.said(r, rcptStep))
	}
}

// full tells whether r says that there are too many recipients for one
// transaction (RFC 5321, 4.5.3.1.10), or may say it: 552 is what RFC 821 had for
// it. Whoever is refused so in a transaction of her own has her answer.
func full(r *reply) bool {
	code, class := r.enhanced(r.class()), r.class()
	return (r.code == 452 || r.code == 552) && (code == smtp.TooManyRecipients.Code(class) || code == smtp.Undefined.Code(class))
}

// message sends the content and sorts the answer.
func (t *transaction) message() error {
	s := t.s
	if err := s.unasked(dataPhase); err != nil {
		return err
	}
	if err := t.content(); err != nil {
		return err
	}
	step := "BDAT command"
	if !t.form.chunked {
		step = endStep
		s.line(".")
	}
	t.ended = true
	// From here on the server may have taken the message, whatever is heard.
	count := 1
	if s.o.lmtp {
		count = len(t.accepted) // RFC 2033, 4.2
	}
	for i := range count {
		s.within(s.o.wait.dataDone)
		rs := t.accepted
		if s.o.lmtp {
			rs = t.accepted[i : i+1]
		}
		r, err := s.reply("sending end of data -- message may be sent more than once")
		if err != nil {
			t.judge.unknown(t.accepted[i:], asFailure(t.broken(err)))
			return err
		}
		if r.class() == 2 {
			t.done = true
			for _, to := range rs {
				t.judge.sent(to, r)
			}
			continue
		}
		t.refusal = t.said(r, step)
		t.judge.refused(rs, t.refusal)
	}
	s.doubt = !t.done
	return nil
}

// content sends the message up to, and without, what ends it.
func (t *transaction) content() error {
	s := t.s
	if t.form.chunked {
		s.line(fmt.Sprintf("BDAT %d LAST", t.form.size))
	}
	out := &blocks{s: s, start: time.Now()}
	err := t.form.write(out, t.m)
	if err == nil {
		return nil
	}
	// Half a message must never look like a whole one: the connection goes.
	defer s.close()
	if out.err == nil {
		return err
	}
	lost := s.lost("sending "+bodyStep, out.err)
	s.conn.SetReadDeadline(time.Now().Add(time.Second))
	if r, err := readReply(s.r); err == nil && r.class() > 3 {
		return t.said(r, bodyStep).temporary()
	}
	return lost
}

// abandon ends a message that no recipient is to get: the server has accepted
// DATA although it has refused them all.
func (t *transaction) abandon() error {
	s := t.s
	if s.o.lmtp {
		s.close() // no recipient, no reply (RFC 2033, 4.2)
		return nil
	}
	s.within(s.o.wait.dataDone)
	s.line(".")
	_, err := s.reply("sending end of data for no recipient")
	return err
}

// blocks writes to a session; each block has its time, and so has the whole.
type blocks struct {
	s     *session
	start time.Time
	sent  int64
	err   error
}

func (b *blocks) Write(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) > b.s.w.Available() {
		whole := time.Duration(b.sent/int64(b.s.o.minRate)) * time.Second
		b.s.within(min(b.s.o.wait.dataXfer, time.Until(b.start)+whole+b.s.o.wait.dataXfer))
	}
	n, err := b.s.w.Write(p)
	b.sent += int64(n)
	b.err = err
	return n, err
}
