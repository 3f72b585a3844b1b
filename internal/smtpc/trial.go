package smtpc

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/maillog"
	"yubin/internal/service"
	"yubin/internal/smtp"
)

// A trial is one session for a person to look at, without a message.
type trial struct {
	nexthop   string
	sender    string
	recipient string // "": none
	out       io.Writer
}

// run shows what is said, up to the first server that agrees to everything. The
// log goes to standard error.
func (t *trial) run(ctx context.Context, env *cli.Env, lmtp bool) error {
	for _, addr := range []string{t.sender, t.recipient} {
		if err := smtp.Check(addr); err != nil {
			return cli.Fail(cli.ExUsage, "address %q: %v", addr, err)
		}
	}
	log, err := maillog.Open(maillog.Options{Tag: env.Program, File: os.Stderr})
	if err != nil {
		return err
	}
	d, err := newDeliverer(&service.Service{Config: env.Config, Log: log}, lmtp)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	return t.with(ctx, d)
}

// with is run, by what is configured.
func (t *trial) with(ctx context.Context, d *deliverer) error {
	d.o.tls.loglevel = max(d.o.tls.loglevel, 1) // so that certificates are looked at
	d.o.trace = func(line string) { fmt.Fprintln(t.out, line) }
	targets, err := d.o.targets(t.nexthop, t.sender)
	for _, target := range targets {
		var sites []*site
		if sites, err = d.finder.sites(ctx, target); err != nil {
			t.say("%v", asFailure(err))
			continue
		}
		for _, at := range sites {
			t.say("connecting to %s", at.relay())
			if err = t.visit(ctx, d, at); err == nil {
				return nil
			}
			t.say("%v", asFailure(err))
		}
	}
	if err != nil {
		return &cli.Status{Code: cli.ExUnavailable, Err: asFailure(err)}
	}
	return nil
}

func (t *trial) say(format string, args ...any) { fmt.Fprintf(t.out, "-- "+format+"\n", args...) }

// visit makes the session with one server.
func (t *trial) visit(ctx context.Context, d *deliverer, at *site) error {
	s, err := connect(ctx, d.o, d.log, at)
	if err != nil {
		return err
	}
	defer s.quit()
	if t.recipient == "" {
		return nil
	}
	for _, c := range []struct{ phase, text string }{
		{"sending MAIL FROM", "MAIL FROM:<" + smtp.Quote(t.sender) + ">"},
		{"sending RCPT TO", "RCPT TO:<" + smtp.Quote(t.recipient) + ">"},
	} {
		r, err := s.command(c.phase, d.o.wait.mail, c.text)
		if err != nil {
			return err
		}
		if r.class() != 2 {
			return said(s, r, "host %s said: %s", s.name, r.text)
		}
	}
	return nil
}

// hidden stands for a secret in what is shown.
const hidden = "***"

// showCommand shows a line that goes to the server. Of what a login says only
// the mechanism is shown.
func (s *session) showCommand(text string) {
	if s.o.trace == nil && s.said == nil {
		return
	}
	if s.secret {
		words := strings.SplitN(text, " ", 3)
		switch {
		case words[0] != "AUTH":
			text = hidden
		case len(words) == 3:
			text = words[0] + " " + words[1] + " " + hidden
		}
	}
	if s.o.trace != nil {
		s.o.trace("C: " + text)
	}
	if s.said != nil {
		s.said.Out([]byte(text))
	}
}

// showReply shows a reply of the server.
func (s *session) showReply(r *reply) {
	if s.said != nil {
		s.said.In([]byte(r.text))
	}
	if s.o.trace == nil {
		return
	}
	for i, l := range r.lines {
		mark := "-"
		if i == len(r.lines)-1 {
			mark = " "
		}
		s.o.trace(fmt.Sprintf("S: %d%s%s", r.code, mark, l))
	}
}

// showTLS shows what the handshake has come to.
func (s *session) showTLS() {
	if s.o.trace == nil {
		return
	}
	s.o.trace(fmt.Sprintf("-- %s with a server that is %s", tls.VersionName(s.tls.cs.Version), strings.ToLower(s.tls.trust)))
	if s.tls.detail != "" {
		s.o.trace("-- its certificate: " + maillog.Clean(s.tls.detail))
	}
}
