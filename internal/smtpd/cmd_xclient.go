package smtpd

import (
	"context"
	"slices"
	"strings"

	"yubin/internal/maillog"
	"yubin/internal/match"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// A trust is which of the two commands a client may give. It is that of who
// has connected, whomever he has spoken for since.
type trust struct{ xclient, xforward bool }

func (s *session) trust() trust {
	if s.trusted == nil {
		s.trusted = &trust{s.isOf(s.srv.xclients), s.isOf(s.srv.xforwards)}
	}
	return *s.trusted
}

// isOf tells whether the client is in a list, which one that cannot be read has
// nobody in.
func (s *session) isOf(l *match.List) bool {
	in, err := s.listed(l)
	if err != nil {
		s.srv.log.Warn("%v", err)
	}
	return in && err == nil
}

// trustKeywords are the lines of EHLO for clients that are trusted.
func (s *session) trustKeywords() []string {
	var words []string
	if s.trust().xclient {
		words = append(words, "XCLIENT "+strings.Join(xclientNames, " "))
	}
	if s.trust().xforward {
		words = append(words, "XFORWARD "+strings.Join(xforwardNames, " "))
	}
	return words
}

var notTrusted = smtp.Reply{Code: 550, Detail: smtp.SecurityOther, Text: "Error: insufficient authorization"}

// cmdXclient has the session begin anew as that of another client: for log,
// restrictions, limits and letters it is the client's own.
func (s *session) cmdXclient(_ context.Context, args string) smtp.Reply {
	if !s.trust().xclient {
		s.errors++
		return notTrusted
	}
	all, err := parseClaims(args, xclientNames)
	c := claims{peer: s.client(), dest: s.dest, destPort: s.destPort}
	if err == nil {
		err = c.take(all)
	}
	if err != nil {
		return s.faultOf(err)
	}
	s.become(&c)
	return s.greet()
}

// become makes the session that of the client c.
func (s *session) become(c *claims) {
	if c.given["ADDR"] && !c.given["NAME"] {
		// The name at hand is another host's.
		c.name, c.noName, c.reverse, c.noReverse = nobody.name, nobody.noName, nobody.reverse, nobody.noReverse
	}
	s.peer, s.dest, s.destPort = c.peer, c.dest, c.destPort
	if c.given["ADDR"] && !c.given["NAME"] {
		s.search(func(peer) {})
	}
	s.helo, s.esmtp = c.helo, c.proto == "ESMTP"
	s.who = identity{}
	if c.login != "" {
		s.who = identity{method: "XCLIENT", user: c.login}
	}
	s.reset()
}

// cmdXforward says where the next letter comes from: for the log, and for the
// programs behind the queue. Nothing is decided by it, but whether the letter is
// one of ours to complete.
func (s *session) cmdXforward(_ context.Context, args string) smtp.Reply {
	if !s.trust().xforward {
		s.errors++
		return notTrusted
	}
	all, err := parseClaims(args, xforwardNames)
	f := claims{peer: nobody}
	if s.forward != nil {
		f = *s.forward
	}
	if err == nil {
		err = f.take(all)
	}
	if err != nil {
		return s.faultOf(err)
	}
	s.forward = &f
	return ok
}

// speaksOf tells whether there is anything of a client among the claims.
func (c *claims) speaksOf() bool {
	return c != nil && slices.ContainsFunc([]string{"NAME", "ADDR", "PORT", "PROTO", "HELO"}, func(name string) bool { return c.given[name] })
}

// forwardFields are the parts of a log line that say where a letter was before.
func (s *session) forwardFields(t *maillog.Text) {
	if s.forward != nil && s.forward.ident != "" {
		t.Pair(", ", "orig_queue_id", s.forward.ident)
	}
	if s.forward.speaksOf() {
		t.Pair(", ", "orig_client", s.forward.String())
	}
}

// forwardAttrs puts what has been forwarded in the place of the session's own
// attributes.
func (s *session) forwardAttrs(attrs map[string]string) {
	f := s.forward
	if f == nil {
		return
	}
	if f.ident != "" {
		attrs[queue.AttrIdent] = f.ident
	}
	if !f.speaksOf() {
		return
	}
	setClient(attrs, f.peer)
	attrs[queue.AttrProtocol] = f.proto
	delete(attrs, queue.AttrHelo)
	if f.helo != "" {
		attrs[queue.AttrHelo] = f.helo
	}
}
