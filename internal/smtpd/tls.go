package smtpd

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/proxyproto"
	"yubin/internal/queue"
	"yubin/internal/servertls"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// tlsParams are the parameters of TLS.
var tlsParams = slices.Concat(servertls.Params("smtpd"), []*config.Def{
	config.QueueDirectory.Def, config.SmtpdTLSAuthOnly.Def, config.SmtpdTLSReceivedHeader.Def, config.RequireTLSEnable.Def, config.RelayClientcerts.Def,
})

// A tlsState is the TLS of a server.
type tlsState struct {
	*servertls.Server
	received bool        // smtpd_tls_received_header
	require  bool        // requiretls_enable
	certs    *table.Maps // relay_clientcerts

	// inside is the TLS of connections that have it, for their last words.
	inside sync.Map // net.Conn: net.Conn
}

func newTLS(c *config.Config, log *maillog.Logger) (*tlsState, error) {
	t := &tlsState{received: config.SmtpdTLSReceivedHeader.Of(c), require: config.RequireTLSEnable.Of(c)}
	socket := filepath.Join(config.QueueDirectory.Of(c), queue.DirPublic, "authd")
	var err error
	if t.Server, err = servertls.New(c, servertls.Options{
		Set: "smtpd", Log: log, Dial: func() (*fdpass.Conn, error) { return fdpass.Dial(socket) },
	}); err != nil {
		return nil, err
	}
	t.certs, err = table.OpenMaps(config.RelayClientcerts.Of(c), table.Report(func(p config.Problem) { log.Warn("%v", p) }))
	if err != nil {
		return nil, c.Fault(config.RelayClientcerts.Def, err.Error())
	}
	return t, nil
}

// startTLS makes the handshake on the connection and goes on inside. Nothing
// that came before counts any more. It is false when the session is over; the
// log says why.
func (s *session) startTLS(ctx context.Context) bool {
	raw := s.w.c
	c, facts, err := s.srv.tls.Handshake(ctx, raw)
	if err != nil {
		s.srv.log.On(maillog.TLS).Info("SSL_accept error from %v: %s", s.peer, maillog.Clean(err.Error()))
		return false
	}
	outer := raw
	if p, ok := raw.(*proxyproto.Conn); ok {
		outer = p.Conn // as the service knows it
	}
	s.srv.tls.inside.Store(outer, c)
	s.endTLS = func() {
		s.srv.tls.inside.Delete(outer)
		// A client that takes nothing any more is not waited for.
		raw.SetWriteDeadline(time.Now().Add(time.Second))
		c.CloseWrite()
	}
	s.w.replace(c)
	s.tls = facts
	s.srv.tls.LogHandshake(s.client().String(), facts)
	return true
}

// outermost is where to say a last word on a connection.
func (t *tlsState) outermost(c net.Conn) net.Conn {
	if inner, ok := t.inside.Load(c); ok {
		return inner.(net.Conn)
	}
	return c
}

// tlsFacts are what is known of the client's TLS, nil when there is none.
func (s *session) tlsFacts() *ipc.TLSFacts {
	if s.tls == nil {
		return nil
	}
	return &s.tls.TLSFacts
}

// tlsTrace is what the trace field says of TLS, where it does: a line end in
// front of each comment.
func (s *session) tlsTrace() string {
	if s.tls == nil || !s.srv.tls.received {
		return ""
	}
	cipher, keys, _ := strings.Cut(s.tls.Summary, " key-exchange ")
	text := "\n\t(using " + cipher
	if keys != "" {
		text += "\n\t key-exchange " + keys
	}
	text += ")"
	switch verdict := "not verified"; {
	case !s.tls.Asked:
		return text + "\n\t(No client certificate requested)"
	case s.tls.CertFingerprint == "":
		return text + "\n\t(Client did not present a certificate)"
	default:
		if s.tls.Verified {
			verdict = "verified OK"
		}
		return text + fmt.Sprintf("\n\t(Client CN \"%s\", Issuer \"%s\" (%s))", quoted(s.tls.Subject), quoted(s.tls.Issuer), verdict)
	}
}

// quoted makes a name fit for quotes in a comment of a header field.
func quoted(name string) string {
	const most = 100
	return strings.ReplaceAll(comment(name[:min(len(name), most)]), `"`, "?")
}

// offersRequireTLS tells whether REQUIRETLS may be said (RFC 8689, 2): within TLS
// only.
func (s *session) offersRequireTLS() bool {
	return s.tls != nil && s.srv.tls.require && !s.discards("REQUIRETLS")
}

// requireTLS reads the value of REQUIRETLS, which has none.
func requireTLS(value string) (string, error) {
	if value != "" {
		return "", smtp.Refuse(501, smtp.BadArguments, "Bad REQUIRETLS parameter syntax")
	}
	return "yes", nil
}

// permitCertificates permits clients whose certificate, or its key, is in
// relay_clientcerts.
func permitCertificates(q *query) verdict {
	for _, f := range q.s.fingerprints() {
		switch _, found, err := q.s.srv.tls.certs.Lookup(f); {
		case err != nil:
			return q.unsure(aboutClient, err)
		case found:
			return verdict{action: permit}
		}
	}
	return verdict{}
}

// permitVerified permits clients with a certificate that somebody vouches for.
func permitVerified(q *query) verdict {
	if q.s.tls != nil && q.s.tls.Verified {
		return verdict{action: permit}
	}
	return verdict{}
}

// fingerprints are those of the client's certificate and of its key.
func (s *session) fingerprints() []string {
	if s.tls == nil || s.tls.CertFingerprint == "" {
		return nil
	}
	return []string{s.tls.CertFingerprint, s.tls.KeyFingerprint}
}
