package smtpd

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"
)

// With TLS: what is offered where, that STARTTLS forgets who has logged in, and
// what the trace says.
func TestAuthWithTLS(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes", "smtpd_tls_security_level = encrypt"} {
		r, _, _ := newTLSRig(t, "smtpd_sasl_auth_enable = yes", level)
		f := &fakeServer{mechs: []string{"PLAIN"}}
		r.srv.login.server = f
		c := r.dial(stranger)
		c.reply()
		if got := c.say("EHLO h"); strings.Contains(got, "AUTH") || strings.Contains(got, "DELIVERBY") {
			t.Errorf("%s: AUTH in the clear:\n%s", level, got)
		}
		if got := c.say("AUTH PLAIN " + plainAnn); got[:3] != "538" && got[:3] != "530" {
			t.Errorf("%s: %s", level, got)
		}
		c.say("STARTTLS")
		c.secure(&tls.Config{})
		if got := c.say("EHLO h"); !strings.Contains(got, "250-AUTH PLAIN\n") {
			t.Errorf("%s: no AUTH within TLS:\n%s", level, got)
		}
		for _, line := range []string{"AUTH PLAIN " + plainAnn, "MAIL FROM:<ann@example.org>", "RCPT TO:<far@elsewhere.example>", "DATA", "."} {
			if got := c.say(line); got[0] > '3' {
				t.Errorf("%s: %s: %s", level, line, got)
			}
		}
		c.say("QUIT")
		c.close()
		if f.facts == nil || f.facts.TLS == nil || f.facts.TLS.Version == "" {
			t.Errorf("%s: facts %+v", level, f.facts)
		}
		if m := r.taken(); len(m) != 1 || !strings.Contains(m[0].content, " with ESMTPSA id ") {
			t.Errorf("%s: %+v", level, m)
		}
	}
}

// Where no mechanism that binds is offered, a client that could bind is right to
// say that we cannot (RFC 5802, 6): authd must not take it for a downgrade.
func TestAuthWithoutBinding(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]bool{"scram-sha-256, plain": false, "!scram-sha-1-plus, static:all": true, "": true} {
		r, _, _ := newTLSRig(t, "smtpd_sasl_auth_enable = yes", "smtpd_tls_security_level = may", "smtpd_sasl_mechanism_filter = "+filter)
		f := &fakeServer{mechs: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "PLAIN"}}
		r.srv.login.server = f
		c := r.dial(stranger)
		c.reply()
		c.say("EHLO h")
		c.say("STARTTLS")
		c.secure(&tls.Config{})
		c.say("EHLO h")
		if got := c.say("AUTH PLAIN " + plainAnn); got[:3] != "235" {
			t.Errorf("%q: %s", filter, got)
		}
		c.say("QUIT")
		c.close()
		if got := len(f.facts.TLS.Exporter) > 0; got != want || f.facts.TLS.Version == "" {
			t.Errorf("%q: facts %+v, exporter wanted: %v", filter, f.facts.TLS, want)
		}
	}
}

// Who has logged in before STARTTLS has to do so again (RFC 3207, 4.2).
func TestStartTLSForgetsLogin(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_sasl_auth_enable = yes", "smtpd_tls_security_level = may")
	r.srv.login.server = &fakeServer{mechs: []string{"PLAIN"}}
	c := r.dial(stranger)
	c.reply()
	c.say("EHLO h")
	c.say("AUTH PLAIN " + plainAnn)
	c.say("STARTTLS")
	c.secure(&tls.Config{})
	c.say("EHLO h")
	c.say("MAIL FROM:<ann@example.org>")
	if got := c.say("RCPT TO:<far@elsewhere.example>"); got != "554 5.7.1 <far@elsewhere.example>: Relay access denied" {
		t.Error(got)
	}
	c.close()
}

// A client that goes in the middle leaves no exchange behind.
func TestAuthClientGoes(t *testing.T) {
	t.Parallel()
	r, f := authRig(t)
	c := r.connect(stranger)
	c.reply()
	c.say("EHLO h")
	c.say("AUTH LOGIN")
	c.close()
	if f.cancelled != 1 || f.open != 0 {
		t.Errorf("%d cancelled, %d open", f.cancelled, f.open)
	}
	if log := r.logged(); !slices.Contains(log, "lost connection after AUTH from unknown[192.0.2.1]") {
		t.Errorf("log: %q", log)
	}
}

// What authd is told of the client.
func TestAuthFacts(t *testing.T) {
	t.Parallel()
	r, f := authRig(t)
	c := r.connect(stranger)
	c.reply()
	c.say("EHLO h")
	c.say("AUTH PLAIN " + plainAnn)
	c.close()
	if f.facts.Service != "smtp" || f.facts.Client != "192.0.2.1" || f.facts.Port != 1025 || len(f.facts.Session) != 16 || f.facts.TLS != nil {
		t.Errorf("%+v", f.facts)
	}
}

// Whatever a client sends ahead, and however it logs in, its password is in no
// log line.
func TestNoPasswordInLog(t *testing.T) {
	t.Parallel()
	secret, coded := "secret", b64("secret")
	for _, sent := range []string{
		"EHLO h\r\nAUTH PLAIN " + plainAnn + "\r\n",
		"NOOP\r\n  aUTH\tPLAIN " + plainAnn + "\r\n",
		"EHLO h\r\nNOOP\r\nAUTH PLAIN\r\n" + plainAnn + "\r\n",
		"AUTH LOGIN\r\nYW5u\r\n" + coded + "\r\n",
		"AUTH NONSENSE\r\nYW5u\r\n" + coded + "\r\nQUIT\r\n",
	} {
		for _, relaxed := range []string{"yes", "no"} {
			r, _ := authRig(t, "smtpd_forbid_unauth_pipelining = "+relaxed)
			c := r.connect(stranger)
			c.reply()
			c.say("EHLO h")
			go io.Copy(io.Discard, c.in)
			c.c.Write([]byte(sent))
			c.c.Write([]byte("*\r\nQUIT\r\n"))
			<-c.done
			c.close()
			log := strings.Join(r.logged(), "\n")
			for _, s := range []string{secret, coded, plainAnn, strings.TrimRight(plainAnn, "=")} {
				if strings.Contains(log, s) {
					t.Errorf("%q: log:\n%s", sent, log)
				}
			}
		}
	}
}

// TestReceivedOfLogin: what the trace field says of who has logged in.
func TestReceivedOfLogin(t *testing.T) {
	t.Parallel()
	for main, want := range map[string]string{
		"":                                      "Received: from h (unknown [192.0.2.1])\n\tby mx.example (Yubin) with ESMTPA id ",
		"smtpd_sasl_authenticated_header = yes": "Received: from h (unknown [192.0.2.1])\n\t(Authenticated sender: ann)\n\tby mx.example (Yubin) with ESMTPA id ",
		"smtpd_hide_client_session = yes":       "Received: by mx.example (Yubin) id ",
	} {
		r, _ := authRig(t, main)
		c := r.connect(stranger)
		c.reply()
		for _, line := range []string{"EHLO h", "AUTH PLAIN " + plainAnn, "MAIL FROM:<a@b.example>", "RCPT TO:<ann@example.org>", "DATA", "."} {
			c.say(line)
		}
		c.close()
		m := r.taken()[0]
		if !strings.HasPrefix(m.content, want) {
			t.Errorf("%q: got %q", main, m.content)
		}
		if m.env.Attrs["sasl_username"] != "ann" || m.env.Attrs["sasl_method"] != "PLAIN" {
			t.Errorf("envelope: %v", m.env.Attrs)
		}
	}
}
