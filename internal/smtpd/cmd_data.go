package smtpd

import (
	"context"
	"errors"
	"syscall"
	"time"

	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/rewrite"
	"yubin/internal/smtp"
)

const (
	// blankPatience is how long DATA waits for a blank; a client waits two
	// minutes for 354 (RFC 5321, 4.5.3.2.4).
	blankPatience = time.Minute
	// commitPatience is how long the end of a message waits for the disk; a
	// client waits ten minutes (RFC 5321, 4.5.3.2.6).
	commitPatience = 9 * time.Minute
)

var (
	full       = smtp.Reply{Code: 452, Detail: smtp.SystemFull, Text: "Insufficient system storage"}
	writeError = smtp.Reply{Code: 451, Detail: smtp.LocalProcessing, Text: "Error: queue file write error"}
)

func (s *session) cmdData(ctx context.Context, args string) smtp.Reply {
	switch {
	case args != "":
		return s.fault(501, smtp.BadArguments, "Syntax: DATA")
	case s.msg.binary(): // RFC 3030, 3
		return s.fault(503, smtp.BadCommand, "Error: BODY=BINARYMIME needs BDAT")
	case len(s.msg.recipients) == 0 && s.msg.refused > 0:
		return s.fault(554, smtp.BadCommand, "Error: no valid recipients")
	case len(s.msg.recipients) == 0:
		return s.fault(503, smtp.BadCommand, "Error: need RCPT command")
	}
	if r, refused := s.check(s.onlyRecipient(), stageData); refused {
		return r
	}
	m, err := s.newMessage(ctx)
	if err != nil {
		return s.noMessage(err)
	}
	defer s.reset()
	defer m.abandon() // even when something panics: others need the blank
	s.w.reply(smtp.Reply{Code: 354, Text: "End data with <CR><LF>.<CR><LF>", Plain: true})
	if err := s.receive(m); err != nil {
		return s.broke(err)
	}
	s.where = "END-OF-MESSAGE"
	return s.finish(ctx, m, "Ok: queued as ")
}

// onlyRecipient is the recipient that restrictions see where there may be
// several, as in Postfix: the one, or none.
func (s *session) onlyRecipient() string {
	if len(s.msg.recipients) != 1 {
		return ""
	}
	return s.msg.recipients[0].Original
}

// noMessage is the reply to DATA or BDAT when there is nothing to write on.
func (s *session) noMessage(err error) smtp.Reply {
	r := writeError
	var address *rewrite.Error
	if errors.As(err, &address) {
		r = smtp.Reply{Code: 451, Detail: address.Detail(), Text: address.Text()}
	}
	if errors.Is(err, intake.ErrFull) {
		r = full
	} else {
		s.srv.log.Warn("no queue file for a message from %v: %v", s.client(), err)
	}
	if r != writeError { // that is no fault of the client's
		s.logRefusal("reject", s.where, r)
	}
	return r
}

// receive reads the message up to its end.
func (s *session) receive(m *message) error {
	if err := s.w.flush(); err != nil {
		return err
	}
	s.w.enlarge()
	defer s.w.shrink()
	b := budget{left: s.w.pace().timeout}
	for {
		n, done := m.data.feed(s.w.buffered(), m.take)
		s.w.r += n
		s.msg.received += int64(n)
		if done {
			return nil
		}
		if err := s.w.more(&b); err != nil {
			return err
		}
	}
}

// finish answers the end of the message. 250 is said, with text and the queue
// ID, when qmgr has said that the message is safe.
func (s *session) finish(ctx context.Context, m *message, text string) smtp.Reply {
	if r, refused := s.judge(m); refused {
		return r
	}
	if !s.srv.local {
		s.srv.cleanup.On(maillog.MessageID).Info("%s: message-id=%s", s.msg.id, m.messageID())
	}
	if s.msg.orders.discard {
		return smtp.Reply{Code: 250, Text: text + s.msg.id} // and m is abandoned
	}
	m.settled = true
	if err := m.out.Close(); err != nil {
		s.srv.depot.Return(m.blank)
		return s.notWritten(err)
	}
	// The end of the service does not end a commit: its outcome is the client's.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	id, err := s.srv.depot.Commit(ctx, m.blank, "")
	if err != nil {
		return s.notWritten(err)
	}
	s.errors, s.junk = 0, 0
	if s.w.said != nil && s.trouble&s.srv.teller.wants == 0 {
		s.w.said.Reset()
	}
	if id == "" {
		return smtp.Reply{Code: 250, Text: "Ok: queued"} // the ID is pickup's
	}
	return smtp.Reply{Code: 250, Text: text + id}
}

// judge asks whether the complete message may come in.
func (s *session) judge(m *message) (r smtp.Reply, refused bool) {
	m.end()
	if m.data.bare || m.text.bare {
		if r, refused := s.bareNewline(); refused {
			return r, true
		}
	}
	if m.refusal == nil {
		return s.check(s.onlyRecipient(), stageEndOfData)
	}
	if m.cause != nil {
		return s.notWritten(m.cause), true
	}
	s.errors++
	s.logRefusal("reject", s.where, *m.refusal)
	return *m.refusal, true
}

// notWritten is the reply to a message that is not known to be safe.
func (s *session) notWritten(err error) smtp.Reply {
	r := writeError
	if isFull(err) {
		r = full
	}
	s.srv.log.Warn("%s: message from %v not taken: %v", s.msg.id, s.client(), err)
	return r
}

// isFull tells a file system without room from one that is broken.
func isFull(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
