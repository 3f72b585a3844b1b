package smtpd

import (
	"context"
	"strings"

	"yubin/internal/smtp"
)

var ok = smtp.Reply{Code: 250, Text: "Ok"}

func (s *session) cmdRset(_ context.Context, args string) smtp.Reply {
	if args != "" {
		return s.fault(501, smtp.BadArguments, "Syntax: RSET")
	}
	s.reset()
	return ok
}

// cmdNoop takes any argument (RFC 5321, 4.1.1.9).
func (s *session) cmdNoop(context.Context, string) smtp.Reply { return ok }

// cmdVrfy tells nobody who exists (RFC 5321, 7.3).
func (s *session) cmdVrfy(_ context.Context, args string) smtp.Reply {
	if s.srv.p().noVrfy {
		return s.fault(502, smtp.BadCommand, "VRFY command is disabled")
	}
	addr, _, err := smtp.ParseRcpt("TO:"+args, false)
	if err != nil {
		return s.fault(501, smtp.BadArguments, "Syntax: VRFY address")
	}
	if !smtp.ASCII(addr) {
		return smtp.Reply{Code: 252, Text: "Send mail to find out"} // RFC 6531, 3.7.4: a reply is ASCII
	}
	return smtp.Reply{Code: 252, Text: smtp.Quote(addr)}
}

// cmdHelp names the commands that are for everybody.
func (s *session) cmdHelp(context.Context, string) smtp.Reply {
	return smtp.Reply{Code: 214, Text: "Commands: " + strings.Join(verbs[:find("XCLIENT")], " ")}
}

func (s *session) cmdQuit(_ context.Context, args string) smtp.Reply {
	if args != "" {
		return s.fault(501, smtp.BadArguments, "Syntax: QUIT")
	}
	s.over = true
	return smtp.Reply{Code: 221, Text: "Bye"}
}
