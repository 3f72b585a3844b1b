package smtpd

import (
	"context"
	"slices"

	"yubin/internal/smtp"
)

// A command is a row of the protocol.
type command struct {
	run   func(s *session, ctx context.Context, args string) smtp.Reply
	in    state  // in which it is legal
	wrong string // the reply in other states
	last  bool   // must end a pipelined group (RFC 2920, 3.1)
	junk  bool   // brings no mail: only so many are free
	clear bool   // legal in the clear where TLS is insisted on (RFC 3207, 4)
	// octets: content follows, which run has to read even if it refuses the command
	octets bool
}

// verbs are the names of commands, in the order of commands and of the log.
var verbs = [...]string{"HELO", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "ETRN", "HELP", "QUIT", "XCLIENT", "XFORWARD"}

var commands = [len(verbs)]command{
	{run: (*session).cmdHelo, in: always, last: true, junk: true, clear: true},                                                    // RFC 5321, 4.1.1.1
	{run: (*session).cmdEhlo, in: always, last: true, junk: true, clear: true},                                                    // RFC 5321, 4.1.1.1
	{run: (*session).cmdStarttls, in: connected | greeted, wrong: "Error: MAIL transaction in progress", last: true, clear: true}, // RFC 3207, 4
	{run: (*session).cmdAuth, in: connected | greeted, wrong: "Error: MAIL transaction in progress", last: true},                  // RFC 4954, 4
	{run: (*session).cmdMail, in: connected | greeted, wrong: "Error: nested MAIL command"},                                       // RFC 5321, 4.1.1.2
	{run: (*session).cmdRcpt, in: inMail | inRcpt, wrong: "Error: need MAIL command"},                                             // RFC 5321, 4.1.1.3
	{run: (*session).cmdData, in: inMail | inRcpt, wrong: "Error: need RCPT command", last: true},                                 // RFC 5321, 4.1.1.4
	{run: (*session).cmdBdat, in: always, octets: true},                                                                           // RFC 3030, 2
	{run: (*session).cmdRset, in: always, junk: true},                                                                             // RFC 5321, 4.1.1.5
	{run: (*session).cmdNoop, in: always, last: true, junk: true, clear: true},                                                    // RFC 5321, 4.1.1.9
	{run: (*session).cmdVrfy, in: always, last: true, junk: true},                                                                 // RFC 5321, 4.1.1.6
	{run: (*session).cmdEtrn, in: connected | greeted, wrong: "Error: MAIL transaction in progress", junk: true},                  // RFC 1985
	{run: (*session).cmdHelp, in: always, last: true, junk: true, clear: true},                                                    // RFC 5321, 4.1.1.8
	{run: (*session).cmdQuit, in: always, last: true, clear: true},                                                                // RFC 5321, 4.1.1.10
	{run: (*session).cmdXclient, in: connected | greeted, wrong: "Error: MAIL transaction in progress", last: true},
	{run: (*session).cmdXforward, in: connected | greeted, wrong: "Error: MAIL transaction in progress"},
}

const unknown = -1

// find returns the index of a verb in upper case, or unknown.
func find(verb string) int { return slices.Index(verbs[:], verb) }
