package smtpd

import (
	"strings"

	"yubin/internal/match"
	"yubin/internal/smtp"
)

// foreign ends the session of a client whose command is none of SMTP's but of another
// protocol (smtpd_forbidden_commands), or looks like a field of a header: a browser that
// was made to post a letter, or content that is sent without DATA. Each
// line of such a thing would be one more try.
func (s *session) foreign(verb string, line []byte) (r smtp.Reply, is bool) {
	if strings.IndexByte(verb, ':') <= 0 && !s.inCommands(s.srv.forbidden, verb) {
		return r, false
	}
	if s.secretive {
		line = []byte("***") // it may be a password
	}
	s.srv.log.Warn("non-SMTP command from %v: %.100s", s.client(), line)
	s.over = true
	return smtp.Reply{Code: 221, Detail: smtp.SecurityOther, Text: "Error: I can break rules, too. Goodbye."}, true
}

// inCommands tells whether a list of commands has a verb. Where that cannot be known it
// has not.
func (s *session) inCommands(l *match.List, verb string) bool {
	is, err := l.Domain(verb)
	if err != nil {
		s.srv.log.Warn("%v", err)
	}
	return is && err == nil
}
