package smtpd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"yubin/internal/dsn"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/servertls"
	"yubin/internal/smtp"
)

// A state is how far a session has come.
type state uint8

const (
	connected state = 1 << iota // no HELO or EHLO yet
	greeted
	inMail // a sender, no recipient yet
	inRcpt
	inChunks // behind the first BDAT
	spoiled  // behind a BDAT that was refused: no transaction, chunks are dropped
	always   = connected | greeted | inMail | inRcpt | inChunks | spoiled
)

// A session is one connection. Its goroutine owns it.
type session struct {
	srv  *server
	w    *wire
	life context.Context // of the connection
	peer peer            // its name: see client
	find *search         // nil: the name is known, or not looked for yet
	said bool            // the log has the connection, or will have it first

	trusted  *trust     // nil: not asked yet
	forward  *claims    // of XFORWARD, for the next letter; nil: none
	dest     netip.Addr // where XCLIENT says that the client has connected
	destPort uint16

	st     state
	esmtp  bool
	helo   string // clean
	where  string // the last command, for the log
	tally  [len(verbs) + 1]tally
	errors int
	junk   int // commands without mail
	bareLF bool
	over   bool             // the reply at hand is the last
	broken bool             // the connection failed within a command
	tls    *servertls.Facts // nil: in the clear
	endTLS func()
	number string // of the session, for authd; "" until it is needed
	who    identity
	// secretive: the client has tried to log in, and what it sends may be a
	// password.
	secretive bool
	trouble   trouble  // what the postmaster may want to hear of
	ruled     trouble  // of the refusal at hand, if a restriction has made it
	reason    string   // why the session ended before its time
	discarded []string // extensions that are kept from the client, upper case
	orders    orders   // of all its messages
	doubts    doubts   // of the restrictions before MAIL
	msg       transaction
}

// A tally counts the commands of one kind.
type tally struct{ ok, all int }

// A transaction is one message (RFC 5321, 3.3).
type transaction struct {
	id         string // queue ID, "" until DATA
	sender     string
	original   string // the sender as it was given, for replies
	body       string
	utf8       bool              // the client has said SMTPUTF8
	attrs      map[string]string // of the message, from parameters of MAIL
	size       int64
	release    time.Time       // not before; zero: at once
	deliverBy  *smtp.DeliverBy // nil: whenever
	recipients []queue.Recipient
	instance   string // for policy servers; "" until they are asked
	orders     orders
	doubts     doubts // of the restrictions before RCPT
	refused    int    // recipients
	overshoot  int    // recipients beyond the limit
	received   int64
	chunks     *message // on its way in by BDAT; nil: none
}

func newSession(s *server, c net.Conn, who peer) *session {
	limit := s.p().lineLimit
	if s.login != nil {
		limit = max(limit, s.login.limit)
	}
	n := &session{
		srv: s, peer: who, st: connected, where: "CONNECT", endTLS: func() {}, discarded: s.discard.of(who),
		w: newWire(c, s.pace, limit),
	}
	if s.teller.wants != 0 {
		n.w.said = &dsn.Dialogue{}
	}
	return n
}

// proto is the name of the protocol (RFC 3848).
func (s *session) proto() string {
	if s.esmtp {
		return "ESMTP"
	}
	return "SMTP"
}

// reset forgets the message at hand.
func (s *session) reset() {
	if m := s.msg.chunks; m != nil {
		m.abandon()
	}
	s.msg, s.forward = transaction{}, nil
	if s.st = greeted; s.helo == "" {
		s.st = connected
	}
}

// inTransaction tells whether there is a sender.
func (s *session) inTransaction() bool { return s.st&(inMail|inRcpt|inChunks) != 0 }

// run is the life of a session.
func (s *session) run(ctx context.Context) {
	defer s.logDisconnect()
	defer func() { s.endTLS() }()
	defer s.reset() // others need the blank
	r, ok := s.begin(ctx)
	if !ok {
		return
	}
	for {
		if err := s.answer(ctx, r); err != nil {
			s.lost(err)
			return
		}
		if s.over {
			if err := s.w.flush(); err != nil {
				s.lost(err)
			}
			return
		}
		s.w.trim()
		before := s.errors
		line, bare, err := s.w.line(ctx)
		switch {
		case errors.Is(err, errLong):
			s.where = "UNKNOWN"
			r = s.fault(500, smtp.BadSyntax, "Error: line too long")
			s.count(unknown, r)
		case err != nil:
			s.lost(err)
			return
		default:
			r = s.execute(ctx, line, bare)
		}
		if s.broken {
			return
		}
		if s.errors > before && s.errors >= s.srv.p().hardErrors && !s.over {
			s.srv.log.On(maillog.TooManyErrors).Info("too many errors after %s from %v", s.where, s.client())
			s.w.reply(r)
			s.noteTrouble(r)
			s.reason = "too many errors after " + s.where
			r = s.hangUp(421, smtp.SecurityOther, "too many errors")
		}
	}
}

// begin is what comes before the first command: TLS in wrapper mode, and the
// greeting.
func (s *session) begin(ctx context.Context) (r smtp.Reply, ok bool) {
	if s.srv.tls.Wrapper() {
		if s.tooOften(eventTLS) {
			return s.tooManyTLS(), true
		}
		if !s.startTLS(ctx) {
			s.srv.log.On(maillog.LostConnection).Info("lost connection after CONNECT from %v", s.client())
			return r, false
		}
		if why := s.srv.tls.Refusal(s.tls); why != "" {
			return s.abort(why), true
		}
	}
	return s.greet(), true
}

// greet is the reply to the connection itself.
func (s *session) greet() smtp.Reply {
	s.orders, s.doubts = orders{}, doubts{} // of whom XCLIENT has replaced
	if !s.srv.p().delayReject {
		if r, refused := s.check("", stageClient); refused {
			return r
		}
	}
	return smtp.Reply{Code: 220, Text: s.srv.p().banner, Plain: true}
}

// answer queues a reply. Clients that make many errors wait for it.
func (s *session) answer(ctx context.Context, r smtp.Reply) error {
	if r.Code == 0 {
		return nil // the command has said all itself
	}
	s.noteTrouble(r)
	if r.Code >= 400 && s.errors > s.srv.p().softErrors && s.srv.p().errorSleep > 0 {
		if err := s.w.flush(); err != nil {
			return err
		}
		pause := time.NewTimer(s.srv.p().errorSleep)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	if r.Code == 421 || r.Code == 521 {
		s.over = true
	}
	return s.w.reply(r)
}

// execute runs one command line.
func (s *session) execute(ctx context.Context, line []byte, bare bool) smtp.Reply {
	if bare {
		if r, refused := s.bareNewline(); refused {
			verb, _ := split(line)
			s.over = s.over || verb == "BDAT" // what follows is content
			return r
		}
	}
	verb, args := split(line)
	if s.inCommands(s.srv.noops, verb) {
		verb = "NOOP"
	}
	i := find(verb)
	s.where = "UNKNOWN"
	if i != unknown {
		s.where = verbs[i]
	}
	s.secretive = s.secretive || verb == "AUTH"
	s.heard(line, verb, i != unknown)
	r, foreign := smtp.Reply{}, false
	if i == unknown {
		r, foreign = s.foreign(verb, line)
	}
	if !foreign {
		r = s.dispatch(ctx, i, args)
	}
	s.count(i, r)
	return r
}

// split parts a command line into the verb, in upper case, and its arguments.
func split(line []byte) (verb, args string) {
	verb, args = cutWord(string(line))
	return strings.ToUpper(verb), args
}

func (s *session) dispatch(ctx context.Context, i int, args string) smtp.Reply {
	var c command
	if i != unknown {
		c = commands[i]
	}
	if c.octets {
		return c.run(s, ctx, args)
	}
	if r, refused := s.synchronize(c.last || i == unknown); refused {
		return r
	}
	if i == unknown {
		return s.fault(500, smtp.BadSyntax, "Error: command not recognized")
	}
	if !c.clear && s.tls == nil && s.srv.tls.Level() == servertls.Encrypt {
		s.errors++
		return mustStartTLS
	}
	if c.junk {
		if s.junk++; s.junk > s.srv.p().junk {
			s.errors++
		}
	}
	if !utf8.ValidString(args) {
		return s.fault(500, smtp.BadSyntax, "Error: bad UTF-8 syntax")
	}
	if s.st&c.in == 0 && s.st&(inChunks|spoiled) != 0 {
		return s.fault(503, smtp.BadCommand, "Error: "+s.where+" after BDAT")
	}
	if s.st&c.in == 0 {
		return s.fault(503, smtp.BadCommand, c.wrong)
	}
	return c.run(s, ctx, args)
}

// synchronize finds clients that send ahead where they may not: behind a
// command that must be the last of a group, or when they did not say EHLO
// (RFC 2920, 3.1).
func (s *session) synchronize(last bool) (r smtp.Reply, refused bool) {
	ahead := s.w.buffered()
	if len(ahead) == 0 || s.esmtp && !last {
		return r, false
	}
	s.srv.log.On(maillog.Pipelining).Info("improper command pipelining after %s from %v: %s", s.where, s.client(), s.showAhead(ahead))
	if !s.srv.p().synchronized {
		return r, false
	}
	s.over = true
	return s.fault(554, smtp.Detail{Subject: 5}, "Error: SMTP protocol synchronization"), true
}

// showAhead is what the log shows of commands that came too early: no
// passwords.
func (s *session) showAhead(ahead []byte) string {
	const shown = 100
	text := string(ahead[:min(len(ahead), shown)])
	if i := indexAuth(text); i >= 0 {
		text = text[:i] + "AUTH ..."
	}
	if s.secretive {
		text = "(not shown)"
	}
	return maillog.Clean(text)
}

// indexAuth finds the first line that begins with AUTH; -1: there is none.
func indexAuth(text string) int {
	at := 0
	for line := range strings.Lines(text) {
		verb, _ := split([]byte(strings.TrimRight(line, "\r\n")))
		if verb == "AUTH" {
			return at
		}
		at += len(line)
	}
	return -1
}

// bareNewline looks at a line that ended in LF alone.
func (s *session) bareNewline() (r smtp.Reply, refused bool) {
	if s.srv.p().bareNewline == "no" {
		return r, false
	}
	if free, err := s.listed(s.srv.bareNoted); err == nil && free {
		return r, false
	}
	s.bareLF = true
	if s.srv.p().bareNewline != "reject" {
		return r, false
	}
	r = s.fault(s.srv.p().bareNewlineCode, smtp.BadSyntax, s.srv.p().hostname+" Error: bare <LF> received")
	s.logRefusal("reject", s.where, r)
	return r, true
}

// fault is a refusal that counts as an error of the client.
func (s *session) fault(code int, d smtp.Detail, text string) smtp.Reply {
	s.errors++
	return smtp.Reply{Code: code, Detail: d, Text: text}
}

// faultOf is fault for an error of package smtp.
func (s *session) faultOf(err error) smtp.Reply {
	s.errors++
	return smtp.ReplyTo(err)
}

// hangUp is the last reply of a session.
func (s *session) hangUp(code int, d smtp.Detail, text string) smtp.Reply {
	s.over = true
	return smtp.Reply{Code: code, Detail: d, Text: s.srv.p().hostname + " Error: " + text}
}

// lost ends a session whose client is gone, silent, or has to go because the
// service ends. fail2ban and logwatch know these lines without a queue ID before
// them, as Postfix wrote them up to 3.9.
func (s *session) lost(err error) {
	switch {
	case errors.Is(err, errShutdown):
		s.w.reply(s.hangUp(421, smtp.SystemShutdown, "server is shutting down"))
		s.w.flush()
	case errors.Is(err, errTimeout):
		s.reason = "timeout after " + s.place()
		s.srv.log.On(maillog.LostConnection).Info("timeout after %s from %v", s.place(), s.client())
		s.w.reply(s.hangUp(421, smtp.BadConnection, "timeout exceeded"))
		s.w.flush()
	default:
		s.reason = "lost connection after " + s.place()
		s.srv.log.On(maillog.LostConnection).Info("lost connection after %s from %v", s.place(), s.client())
	}
}
