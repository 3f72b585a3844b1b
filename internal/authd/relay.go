package authd

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/table"
)

// relayParams are the parameters that say how smtp logs in.
func relayParams() []*config.Def {
	var defs []*config.Def
	for _, p := range []interface{ Rows() []*config.Def }{config.SmtpSASLPasswordMaps, config.SmtpSenderDependentAuth} {
		defs = append(defs, p.Rows()...)
	}
	return defs
}

// A relay answers how to log in to servers. Its fields do not change.
type relay struct {
	log    *maillog.Logger
	smtp   *directory
	lmtp   *directory
	tokens *tokens
}

func newRelay(c *config.Config, log *maillog.Logger) (*relay, error) {
	r := &relay{log: log}
	r.tokens = newTokens(log, roots(config.SmtpTLSCAfile.SMTP.Of(c)))
	for _, d := range []struct {
		to   **directory
		lmtp bool
	}{{&r.smtp, false}, {&r.lmtp, true}} {
		param := config.SmtpSASLPasswordMaps.In(d.lmtp)
		maps, err := table.OpenMaps(param.Of(c), table.Report(func(p config.Problem) {
			// What is wrong with the line may be that it is a password.
			log.Warn("%s:%d: not of the form \"server user:password\"", p.File, p.Line)
		}))
		if err != nil {
			return nil, c.Fault(param.Def, "a table in it cannot be used: want type:name, with a type of "+fmt.Sprint(table.Types()))
		}
		*d.to = &directory{
			name: param.Name, maps: maps,
			bySender: config.SmtpSenderDependentAuth.In(d.lmtp).Of(c), delimiter: config.RecipientDelimiter.Of(c),
		}
	}
	return r, nil
}

// roots are the authorities that are trusted with the certificates of token
// endpoints: the system's, and those in file.
func roots(file string) func() (*x509.CertPool, error) {
	return func() (*x509.CertPool, error) {
		pool, err := x509.SystemCertPool()
		if err != nil || file == "" {
			return pool, err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pool.AppendCertsFromPEM(b)
		return pool, nil
	}
}

// serve answers one client's requests.
func (r *relay) serve(ctx context.Context, c *fdpass.Conn) {
	for {
		var q ipc.RelayRequest
		if !receive(r.log, c, &q) {
			return
		}
		a, err := r.answer(ctx, &q)
		if err != nil {
			r.log.Warn("how to log in to %s: %v", maillog.Clean(q.Nexthop), err)
			a = ipc.RelayReply{Error: err.Error()}
		}
		if err := c.Send(a); err != nil {
			r.log.Warn("answer to process: %v", err)
			return
		}
	}
}

// answer looks one server up.
func (r *relay) answer(ctx context.Context, q *ipc.RelayRequest) (ipc.RelayReply, error) {
	d := r.smtp
	if q.LMTP {
		d = r.lmtp
	}
	l, err := d.find(q)
	if err != nil || l == nil {
		return ipc.RelayReply{}, err
	}
	a := ipc.RelayReply{User: l.user, Secret: l.password}
	if l.tokenFile != "" {
		a.Token = true
		a.Secret, err = r.tokens.get(ctx, l.tokenFile, q.Refused)
	}
	return a, err
}
