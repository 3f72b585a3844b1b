package smtpd

import "yubin/internal/smtp"

var mustDeclare = smtp.Refuse(553, smtp.Detail{Subject: 6, Detail: 7}, "Must declare SMTPUTF8 to send unicode address")

// international refuses an address with letters beyond ASCII where they are not
// taken (RFC 6531, 3.2). bad is what a server without SMTPUTF8 says.
func (s *session) international(addr string, declared bool, bad smtp.Detail) error {
	switch {
	case smtp.ASCII(addr):
		return nil
	case !s.srv.p().utf8 || s.discards("SMTPUTF8"):
		return smtp.Refuse(501, bad, "Bad address syntax: SMTPUTF8 is not offered")
	case s.srv.p().strictUTF8 && !declared:
		return mustDeclare
	}
	return nil
}
