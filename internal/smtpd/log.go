package smtpd

import (
	"fmt"
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
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s from %v: %v;", s.queueID(), action, where, s.client(), r)
	if s.inTransaction() {
		fmt.Fprintf(&b, " from=<%s>", s.msg.original)
	}
	if rcpt != "" {
		fmt.Fprintf(&b, " to=<%s>", rcpt)
	}
	fmt.Fprintf(&b, " proto=%s", s.proto())
	if s.helo != "" {
		fmt.Fprintf(&b, " helo=<%s>", s.helo)
	}
	b.WriteString(s.saslFields(" "))
	s.srv.log.Info("%s", maillog.Clean(b.String()))
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
	var b strings.Builder
	fmt.Fprintf(&b, "disconnect from %v", s.client())
	var sum tally
	for i, t := range s.tally {
		if t.all == 0 {
			continue
		}
		name := "unknown"
		if i < len(verbs) {
			name = strings.ToLower(verbs[i])
		}
		fmt.Fprintf(&b, " %s=%v", name, t)
		sum.ok += t.ok
		sum.all += t.all
	}
	fmt.Fprintf(&b, " commands=%v", sum)
	if s.bareLF && s.srv.p().bareNewline == "note" {
		b.WriteString(" notes=bare_lf")
	}
	s.srv.log.Info("%s", b.String())
}

// String is "OK" or "OK/ALL", as in Postfix's log.
func (t tally) String() string {
	if t.ok == t.all {
		return fmt.Sprint(t.all)
	}
	return fmt.Sprintf("%d/%d", t.ok, t.all)
}
