package smtpd

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"yubin/internal/auth"
	"yubin/internal/config"
	"yubin/internal/dovecotauth"
	"yubin/internal/fdpass"
	"yubin/internal/maillog"
	"yubin/internal/match"
	"yubin/internal/queue"
	"yubin/internal/sasl"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A login is how clients of this service log in; nil: they do not.
type login struct {
	server          auth.Server
	inClear, inTLS  sasl.Properties // what a mechanism must have
	tlsOnly, broken bool
	domain          string      // of names without one
	refused         *match.List // smtpd_sasl_exceptions_networks
	filter          *match.List // of mechanisms; nil: all
	limit           int         // octets of a response
}

// newLogin returns what c says of logging in.
func newLogin(c *config.Config, log *maillog.Logger) (*login, error) {
	if !config.SmtpdSASLAuthEnable.Of(c) {
		return nil, nil
	}
	l := &login{
		tlsOnly: config.SmtpdTLSAuthOnly.Of(c), broken: config.BrokenSASLAuthClients.Of(c),
		domain: config.SmtpdSASLLocalDomain.Of(c), limit: config.SmtpdSASLResponseLimit.Of(c),
	}
	for _, o := range []struct {
		param config.List
		to    *sasl.Properties
	}{{config.SmtpdSASLSecurityOptions, &l.inClear}, {config.SmtpdSASLTLSSecurityOptions, &l.inTLS}} {
		var err error
		if *o.to, err = sasl.ParseProperties(o.param.Of(c)); err != nil {
			return nil, c.Fault(o.param.Def, err.Error())
		}
	}
	var err error
	if l.server, err = newAuthServer(c, log); err != nil {
		return nil, err
	}
	report := table.Report(func(p config.Problem) { log.Warn("%v", p) })
	if l.refused, err = match.Of(c, config.SmtpdSASLExceptionsNetworks, report); err != nil {
		return nil, c.Fault(config.SmtpdSASLExceptionsNetworks.Def, err.Error())
	}
	if len(config.SmtpdSASLMechanismFilter.Of(c)) > 0 {
		if l.filter, err = match.Of(c, config.SmtpdSASLMechanismFilter, report); err != nil {
			return nil, c.Fault(config.SmtpdSASLMechanismFilter.Def, err.Error())
		}
	}
	return l, nil
}

// newAuthServer returns who knows the users: authd, or a Dovecot auth service.
func newAuthServer(c *config.Config, log *maillog.Logger) (auth.Server, error) {
	dir := config.QueueDirectory.Of(c)
	if config.SmtpdSASLType.Of(c) != "dovecot" {
		socket := filepath.Join(dir, queue.DirPublic, "authd")
		return auth.New(func() (*fdpass.Conn, error) { return fdpass.Dial(socket) }, "smtpd", log), nil
	}
	network, address, err := dovecotauth.ParsePlace(config.SmtpdSASLPath.Of(c), dir)
	if err != nil {
		return nil, c.Fault(config.SmtpdSASLPath.Def, err.Error())
	}
	return dovecotauth.New(network, address, log), nil
}

// An identity is who has logged in, and how.
type identity struct{ method, user string }

// user is who has logged in, "" when nobody has.
func (s *session) user() string { return s.who.user }

// mayLogin tells whether this client may log in at all, TLS or not.
func (s *session) mayLogin() bool {
	l := s.srv.login
	if l == nil || s.discards("AUTH") {
		return false
	}
	refused, err := s.listed(l.refused)
	if err != nil {
		s.srv.log.Warn("%v", err)
	}
	return !refused && err == nil
}

// mechanisms are those that this client may use now. others are those that it
// could use within TLS.
func (s *session) mechanisms(ctx context.Context) (now, others []string, err error) {
	l := s.srv.login
	all, err := l.server.Mechanisms(ctx, s.facts())
	if err != nil {
		return nil, nil, err
	}
	for _, m := range all {
		if l.filter != nil {
			allowed, err := l.filter.Domain(m)
			if err != nil {
				return nil, nil, err
			}
			if !allowed {
				continue
			}
		}
		has := sasl.PropertiesOf(m)
		want, plain := l.inTLS, !s.encrypted()
		switch {
		case has&want != want:
		case plain && (l.tlsOnly || has&l.inClear != l.inClear):
			others = append(others, m)
		default:
			now = append(now, m)
		}
	}
	return now, others, nil
}

// authKeywords are the lines of EHLO that offer AUTH.
func (s *session) authKeywords(ctx context.Context) []string {
	if !s.mayLogin() || s.srv.login.tlsOnly && !s.encrypted() {
		return nil
	}
	offered, _, err := s.mechanisms(ctx)
	if err != nil {
		s.srv.log.Warn("AUTH is not offered to %v: %v", s.client(), err)
	}
	if len(offered) == 0 {
		return nil
	}
	list := strings.Join(offered, " ")
	if s.srv.login.broken {
		return []string{"AUTH " + list, "AUTH=" + list}
	}
	return []string{"AUTH " + list}
}

// facts are what authd is told of the client.
func (s *session) facts() *auth.Facts {
	if s.number == "" {
		s.number = rand.Text()[:16]
	}
	f := &auth.Facts{Service: "smtp", Client: s.peer.address(), Port: s.peer.port, Session: s.number, TLS: s.tlsFacts()}
	if ap := s.local(); ap.IsValid() {
		f.Local, f.LPort = ap.Addr().String(), ap.Port()
	}
	return f
}

// local is the address that the client has connected to, if it is known.
func (s *session) local() netip.AddrPort {
	if s.dest.IsValid() {
		return netip.AddrPortFrom(s.dest, s.destPort)
	}
	if a, ok := s.w.c.LocalAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	return netip.AddrPort{}
}

// encrypted tells whether the client speaks TLS.
func (s *session) encrypted() bool { return s.tlsFacts() != nil }

// saslFields are the parts of log lines that say who has logged in, each with
// sep in front.
func (s *session) saslFields(t *maillog.Text, sep string) {
	if s.user() == "" {
		return
	}
	t.Pair(sep, "sasl_method", s.who.method)
	t.Pair(sep, "sasl_username", s.user())
	if sender := s.msg.attrs[queue.AttrSASLSender]; sender != "" {
		t.Pair(sep, "sasl_sender", sender)
	}
}

// saslAttrs adds to an envelope who has logged in.
func (s *session) saslAttrs(attrs map[string]string) {
	if s.user() != "" {
		attrs[queue.AttrSASLMethod], attrs[queue.AttrSASLUser] = s.who.method, s.user()
	}
}

// mailAuth reads the AUTH parameter of MAIL: whom the client thinks the letter
// comes from (RFC 4954, 5). From a client that has not logged in it counts for
// nothing.
func (s *session) mailAuth(m *transaction, value string) error {
	return setAttr(&m.attrs, queue.AttrSASLSender, value, func(value string) (string, error) {
		addr, ok := smtp.ParseXtext(value)
		if ok && addr == "<>" {
			return "", nil
		}
		if !ok || smtp.Check(addr) != nil {
			return "", smtp.Refuse(501, smtp.BadArguments, "Bad AUTH parameter syntax")
		}
		if s.user() == "" {
			return "", nil
		}
		return addr, nil
	})
}

// completeUser is the name of a user as policy and log have it.
func (l *login) completeUser(user string) string {
	if l.domain == "" || strings.Contains(user, "@") {
		return user
	}
	return user + "@" + l.domain
}

// contains tells whether a list of mechanisms has one.
func contains(list []string, mechanism string) bool {
	return slices.ContainsFunc(list, func(m string) bool { return strings.EqualFold(m, mechanism) })
}
