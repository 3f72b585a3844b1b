package smtpc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/match"
	"yubin/internal/queue"
	"yubin/internal/sasl"
	"yubin/internal/smtp"
)

// authSettings are what main.cf says of logging in (RFC 4954). They do not
// change.
type authSettings struct {
	inClear, inTLS, verified sasl.Properties // that a mechanism must have
	filter                   *match.List     // nil: every mechanism may be used
	soft                     bool            // a refused login leaves mail waiting
	bySender                 bool
	ask                      func(ipc.RelayRequest) (ipc.RelayReply, error)
}

// A client is who logs in: mail of one sender, where that matters, to one next
// hop.
type client struct{ nexthop, sender string }

// askTime is how long authd may take, which may have to ask others.
const askTime = time.Minute

func newAuthSettings(c *config.Config, lmtp bool, queueDir string) (*authSettings, error) {
	if !config.SmtpSASLAuthEnable.In(lmtp).Of(c) {
		return nil, nil
	}
	maps := config.SmtpSASLPasswordMaps.In(lmtp)
	if len(maps.Of(c)) == 0 {
		return nil, c.Fault(maps.Def, "it is empty, but "+config.SmtpSASLAuthEnable.In(lmtp).Name+" wants passwords")
	}
	a := &authSettings{
		soft: config.SmtpSASLAuthSoftBounce.In(lmtp).Of(c), bySender: config.SmtpSenderDependentAuth.In(lmtp).Of(c),
		ask: func(q ipc.RelayRequest) (ipc.RelayReply, error) {
			q.LMTP = lmtp
			return askAuthd(filepath.Join(queueDir, queue.DirPublic, "authd"), q)
		},
	}
	for _, o := range []struct {
		param config.List
		to    *sasl.Properties
	}{
		{config.SmtpSASLSecurityOptions.In(lmtp), &a.inClear},
		{config.SmtpSASLTLSSecurityOptions.In(lmtp), &a.inTLS},
		{config.SmtpSASLTLSVerifiedSecurityOptions.In(lmtp), &a.verified},
	} {
		var err error
		if *o.to, err = sasl.ParseProperties(o.param.Of(c)); err != nil {
			return nil, c.Fault(o.param.Def, err.Error())
		}
	}
	filter := config.SmtpSASLMechanismFilter.In(lmtp)
	if len(filter.Of(c)) == 0 {
		return a, nil
	}
	var err error
	a.filter, err = match.Of(c, filter)
	return a, err
}

// client is who logs in for a message to a next hop.
func (a *authSettings) client(nexthop, sender string) client {
	switch {
	case a == nil:
		return client{}
	case a.bySender:
		return client{nexthop, sender}
	}
	return client{nexthop: nexthop}
}

// key tells clients apart that must not share a connection.
func (c client) key() string {
	if c == (client{}) {
		return ""
	}
	return " as " + c.nexthop + " " + c.sender
}

// askAuthd asks authd one question.
func askAuthd(path string, q ipc.RelayRequest) (a ipc.RelayReply, err error) {
	c, err := fdpass.Dial(path)
	if err != nil {
		return a, err
	}
	defer c.Close()
	c.Unix().SetDeadline(time.Now().Add(askTime))
	if err := c.Send(ipc.Hello{Version: ipc.RelayVersion, Role: ipc.RoleRelay, Program: "smtp"}); err != nil {
		return a, err
	}
	if err := c.Send(q); err != nil {
		return a, err
	}
	if _, err := c.Recv(&a); err != nil {
		return a, fmt.Errorf("authd does not answer: %w", err)
	}
	if a.Error != "" {
		return a, errors.New("authd: " + a.Error)
	}
	return a, nil
}

// question is what authd is asked about a site.
func (s *site) question() ipc.RelayRequest {
	return ipc.RelayRequest{Nexthop: s.client.nexthop, Host: s.host, Sender: s.client.sender}
}

// logsIn tells whether there is, or may be, a password for a site.
func (a *authSettings) logsIn(at *site) bool {
	if a == nil {
		return false
	}
	answer, err := a.ask(at.question())
	return err != nil || answer.User != ""
}

// authenticate logs in (RFC 4954) to a server that offers it and that there is
// a password for.
func (s *session) authenticate(at *site) error {
	a := s.o.auth
	if a == nil || !s.ext.auth {
		return nil
	}
	q := at.question()
	answer, err := a.ask(q)
	switch {
	case err != nil:
		// The queue's listing is for everybody's eyes, the log is not.
		s.log.Warn("cannot find out how to log in to %s: %v", s.name, err)
		return fails(4, smtp.LocalProcessing, "SASL authentication failed; the password for server %s cannot be had now", s.name)
	case answer.User == "":
		return nil
	}
	r, err := s.logIn(&answer)
	if err == nil && r.class() == 5 && answer.Token && !s.ended {
		// It may have been withdrawn before its time.
		q.Refused = true
		if again, bad := a.ask(q); bad == nil && again.Secret != answer.Secret {
			r, err = s.logIn(&again)
		}
	}
	if err != nil || r.class() == 2 {
		return err
	}
	f := said(s, r, "SASL authentication failed; server %s said: %s", s.name, r.text)
	if a.soft {
		f = f.temporary()
	}
	return f
}

// required are the properties that a mechanism must have in this session.
func (a *authSettings) required(s *session) sasl.Properties {
	switch {
	case s.tls == nil:
		return a.inClear
	case s.tls.trust == trustVerified:
		return a.verified
	}
	return a.inTLS
}

// allowed tells whether a mechanism may be used at all.
func (a *authSettings) allowed(mechanism string) (bool, error) {
	if a.filter == nil {
		return true, nil
	}
	return a.filter.Domain(mechanism)
}

// channel is what the session runs in, for mechanisms that bind to it.
func (s *session) channel() sasl.Channel {
	ch := sasl.Channel{Host: s.peer.host, Port: int(s.peer.addr.Port())}
	if s.tls != nil {
		// RFC 9266, 2. TLS 1.2 has none where the master secret is not bound to
		// the handshake.
		if b, err := s.tls.cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32); err == nil {
			ch.Exporter = b
		}
	}
	return ch
}

// logIn chooses a mechanism and carries it out. The reply is the last one.
func (s *session) logIn(a *ipc.RelayReply) (*reply, error) {
	c, ch := sasl.Credentials{User: a.User, Secret: a.Secret, Token: a.Token}, s.channel()
	m, err := sasl.Choose(s.ext.mechanisms, s.o.auth.required(s), c, ch, s.o.auth.allowed)
	switch {
	case errors.Is(err, sasl.ErrNoMechanism):
		return nil, fails(4, noAuth, "SASL authentication failed: server %s offered no compatible authentication mechanisms for this type of connection security level", s.name)
	case err != nil:
		return nil, err
	}
	r, content, err := s.exchange(m.Name, m.Client(c, ch))
	if err == nil && r.class() == 2 && !content {
		err = sasl.ErrServer
		s.ended = true
	}
	var l *lost
	if err != nil && !errors.As(err, &l) {
		err = fails(4, noAuth, "SASL authentication failed; cannot authenticate to server %s: %v", s.name, err)
	}
	return r, err
}

const (
	maxCommand   = 512 // RFC 5321, 4.5.3.1.4: octets of a command line with its end
	maxExchanges = 10  // challenges that a server may give
)

// exchange speaks for one party of a mechanism (RFC 4954, 4). It tells whether
// that was content in the end.
func (s *session) exchange(mechanism string, p sasl.Party) (r *reply, content bool, err error) {
	const phase = "performing the AUTH handshake"
	s.secret = true
	defer func() { s.secret = false }()
	say, content, err := p.Next(nil)
	if err != nil {
		return nil, false, err
	}
	line := "AUTH " + mechanism
	// An initial response that makes the line too long waits for an empty
	// challenge.
	if initial := line + " " + encode(say, "="); say != nil && len(initial) <= maxCommand-2 {
		line, say = initial, nil
	}
	r, err = s.command(phase, s.o.wait.helo, line)
	for n := 0; err == nil && r.code == 334; n++ {
		if say == nil {
			challenge, bad := base64.StdEncoding.DecodeString(strings.TrimSpace(r.lines[0]))
			if say, content, err = p.Next(challenge); err == nil && (bad != nil || n == maxExchanges) {
				err = sasl.ErrMalformed
			}
			if err != nil {
				s.command(phase, s.o.wait.helo, "*") // RFC 4954, 4: never mind
				return nil, false, err
			}
		}
		r, err = s.command(phase, s.o.wait.helo, encode(say, ""))
		say = nil
	}
	return r, content, err
}

// encode writes a message as the protocol carries it; empty stands for one
// without content.
func encode(m []byte, empty string) string {
	if len(m) == 0 {
		return empty
	}
	return base64.StdEncoding.EncodeToString(m)
}
