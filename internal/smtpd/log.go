package smtpd

import (
	"fmt"
	"strconv"
	"strings"

	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// queueID names the message at hand in a log line.
func (s *session) queueID() string {
	if s.msg.id == "" {
		return "NOQUEUE"
	}
	return s.msg.id
}

// place is the last command, with how much of a message came.
func (s *session) place() string {
	if (s.where == "DATA" || s.where == "BDAT") && s.msg.id != "" {
		return fmt.Sprintf("%s (%d bytes)", s.where, s.msg.received)
	}
	return s.where
}

// logRefusal writes the line that spam statistics and intrusion filters look
// for. Recipients are logged by logRecipient.
func (s *session) logRefusal(action, where string, r smtp.Reply) {
	s.logRecipient(action, where, r, "")
}

func (s *session) logRecipient(action, where string, r smtp.Reply, rcpt string) {
	s.logAction(action, where, r.String(), rcpt, r.Code)
}

// logAction logs what a restriction does. code is that of a refusal, or 0.
func (s *session) logAction(action, where, text, rcpt string, code int) {
	t := s.srv.log.Text(256)
	t.ID(s.queueID())
	t.Field("action", action)
	t.Say(": ")
	t.Field("stage", where)
	t.Say(" from ")
	t.Field("client", s.client().String())
	t.Say(": ")
	t.Field("reply", text)
	t.Say(";")
	if s.inTransaction() {
		t.Address(" ", "from", s.msg.original)
	}
	if rcpt != "" {
		t.Address(" ", "to", rcpt)
	}
	t.Pair(" ", "proto", s.proto())
	if s.helo != "" {
		t.Address(" ", "helo", s.helo)
	}
	s.saslFields(&t, " ")
	s.peer.LogFields(t.Note)
	if code != 0 {
		t.Note("code", strconv.Itoa(code))
	}
	s.srv.log.On(maillog.Reject).Write(&t)
}

// logClient writes the line that a message begins with.
func (s *session) logClient() {
	t := s.srv.log.Text(128)
	t.ID(s.msg.id)
	t.Pair("", "client", s.client().String())
	s.saslFields(&t, ", ")
	s.forwardFields(&t)
	s.peer.LogFields(t.Note)
	s.srv.log.On(maillog.Accept).Write(&t)
}

// count adds a command to the tally of the session.
func (s *session) count(i int, r smtp.Reply) {
	t := &s.tally[len(verbs)]
	if i != unknown {
		t = &s.tally[i]
	}
	t.all++
	if r.Code < 400 {
		t.ok++
	}
}

// logDisconnect writes the last line of a session, with the tally.
func (s *session) logDisconnect() {
	t := s.srv.log.Text(160)
	t.Say("disconnect from ")
	t.Field("client", s.client().String())
	s.peer.LogFields(t.Note)
	var sum tally
	for i, n := range s.tally {
		if n.all == 0 {
			continue
		}
		name := "unknown"
		if i < len(verbs) {
			name = strings.ToLower(verbs[i])
		}
		t.Pair(" ", name, n.String())
		sum.ok += n.ok
		sum.all += n.all
	}
	t.Pair(" ", "commands", sum.String())
	if s.bareLF && s.srv.p().bareNewline == "note" {
		t.Pair(" ", "notes", "bare_lf")
	}
	s.srv.log.On(maillog.Disconnect).Write(&t)
}

// String is "OK" or "OK/ALL", as in Postfix's log.
func (t tally) String() string {
	if t.ok == t.all {
		return fmt.Sprint(t.all)
	}
	return fmt.Sprintf("%d/%d", t.ok, t.all)
}
