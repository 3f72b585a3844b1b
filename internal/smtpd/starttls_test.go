package smtpd

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/servertls"
	"yubin/internal/tlswords"
	certs "yubin/test/peer"
)

// newTLSRig is newRig with a certificate in a keeper. ANN in a line stands for
// a file with the certificate of ann.
func newTLSRig(t *testing.T, lines ...string) (*rig, *certs.Keeper, *tls.Config) {
	t.Helper()
	server, _ := certs.Certificate(t, "mx.example")
	ann, file := certs.Certificate(t, "ann")
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "ANN", file)
	}
	r := newRig(t, append(lines, "tls_profile =")...)
	k := certs.NewKeeper(t, server.Certificates...)
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtpd", File: r.open()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	if r.srv.tls.Server, err = servertls.New(r.c, servertls.Options{Set: "smtpd", Dial: k.Dial, Log: log}); err != nil {
		t.Fatal(err)
	}
	return r, k, ann
}

func (r *rig) open() *os.File {
	r.t.Helper()
	f, err := os.OpenFile(r.log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// dial is connect over TCP: what TLS sends needs room on its way.
func (r *rig) dial(who peer) *client {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	near.SetDeadline(time.Now().Add(time.Minute))
	ctx, cancel := context.WithCancel(context.Background())
	c := clientOf(r.t, near, make(chan struct{}))
	c.stop = cancel
	go func() {
		defer close(c.done)
		defer far.Close()
		r.srv.session(ctx, far, who)
	}()
	return c
}

// secure makes the handshake.
func (c *client) secure(o *tls.Config) *tls.Conn {
	c.t.Helper()
	o = o.Clone()
	o.InsecureSkipVerify = true
	inside := tls.Client(c.c, o)
	if err := inside.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.c, c.in = inside, bufio.NewReader(inside)
	return inside
}

const (
	offered = `
		S: 220 mx.example ESMTP Yubin
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-STARTTLS
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000`
	begin = `
		C: STARTTLS
		S: 220 2.0.0 Ready to start TLS`
	inside = `
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-REQUIRETLS
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000`
	letter = `
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: Subject: x
		C:
		C: y
		C: .
		S: 250 2.0.0 Ok...
		C: QUIT
		S: 221 2.0.0 Bye`
)

// TLS is offered, begun, and the session begins anew; log and trace say so.
func TestStartTLS(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = may", "smtpd_tls_loglevel = 1", "smtpd_tls_received_header = yes")
	c := r.dial(stranger)
	c.play(offered + begin)
	conn := c.secure(&tls.Config{ServerName: "mx.example"})
	c.play(`
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: STARTTLS
		S: 503 5.5.1 Error: MAIL transaction in progress
		C: RSET
		S: 250 2.0.0 Ok` + inside + `
		C: STARTTLS
		S: 554 5.5.1 Error: TLS already active` + letter)
	// The end is told inside TLS (RFC 8446, 6.1): nobody has cut the session.
	if _, err := conn.Read(make([]byte, 1)); err == nil || err.Error() != "EOF" {
		t.Errorf("the end: %v, want a close_notify", err)
	}
	c.close()
	got := r.taken()[0].content
	for _, want := range []string{"with ESMTPS id", "\n\t(using TLSv1.3 with cipher TLS_", " bits)\n\t key-exchange ", " server-signature ECDSA (prime256v1) server-digest SHA256)\n\t(No client certificate requested)\n\tby "} {
		if !strings.Contains(got, want) {
			t.Errorf("the trace lacks %q:\n%s", want, got)
		}
	}
	if log := strings.Join(r.logged(), "\n"); !strings.Contains(log, "Anonymous TLS connection established from unknown[192.0.2.1] to mx.example: TLSv1.3 with cipher TLS_") {
		t.Errorf("no word of the handshake:\n%s", log)
	}
	wantLog(t, r, []string{
		"disconnect from unknown[192.0.2.1] ehlo=2 starttls=1/3 mail=2 rcpt=1 data=1 rset=1 quit=1 commands=9/11",
	})
}

// What was sent behind STARTTLS in the clear is not obeyed inside (RFC 3207, 6;
// CVE-2011-0411), whether the client is hung up on or not.
func TestInjected(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = may")
	c := r.dial(stranger)
	c.play(offered + `
		C~ STARTTLS\r\nMAIL FROM:<eve@elsewhere.example>\r\n
		S: 554 5.5.0 Error: SMTP protocol synchronization`)
	c.close()

	r, _, _ = newTLSRig(t, "smtpd_tls_security_level = may", "smtpd_forbid_unauth_pipelining = no")
	c = r.dial(stranger)
	c.play(offered + `
		C~ STARTTLS\r\nEHLO injected\r\nMAIL FROM:<eve@elsewhere.example>\r\n
		S: 220 2.0.0 Ready to start TLS`)
	c.secure(&tls.Config{})
	// Neither the name nor the sender of before counts.
	c.play(`
		C: RCPT TO:<ann@example.org>
		S: 503 5.5.1 Error: need MAIL command` + inside + letter)
	c.close()
	if m := r.taken(); len(m) != 1 || m[0].env.Attrs["helo_name"] != "h" {
		t.Errorf("messages: %+v", m)
	}
}

// What was said before TLS is forgotten.
func TestForgotten(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = may", "smtpd_helo_required = yes")
	c := r.dial(stranger)
	c.play(offered + begin)
	c.secure(&tls.Config{})
	c.play(`
		C: MAIL FROM:<eve@elsewhere.example>
		S: 503 5.5.1 Error: send HELO/EHLO first
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
}

// Where TLS is insisted on, nothing of worth is done without it.
func TestMustStartTLS(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = encrypt")
	c := r.dial(stranger)
	c.play(offered + `
		C: MAIL FROM:<eve@elsewhere.example>
		S: 530 5.7.0 Must issue a STARTTLS command first
		C: VRFY ann
		S: 530 5.7.0 Must issue a STARTTLS command first
		C: NOOP
		S: 250 2.0.0 Ok
		C: STARTTLS now
		S: 501 5.5.4 Syntax: STARTTLS` + begin)
	c.secure(&tls.Config{})
	c.play(inside + letter)
	c.close()
	r.taken()
}

func TestNoTLS(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t)
	c := r.dial(stranger)
	c.play(`
		S: 220 mx.example ESMTP Yubin` + strings.ReplaceAll(inside, "S: 250-REQUIRETLS", "") + `
		C: STARTTLS
		S: 502 5.5.1 Error: command not implemented` + letter)
	c.close()
	if got := r.taken()[0].content; strings.Contains(got, "ESMTPS") {
		t.Errorf("the trace:\n%s", got)
	}
}

// Without a certificate the client hears so, and may go on in the clear.
func TestNoCertificate(t *testing.T) {
	t.Parallel()
	r, k, _ := newTLSRig(t, "smtpd_tls_security_level = may")
	k.Fail("no certificate is configured")
	c := r.dial(stranger)
	c.play(offered + `
		C: STARTTLS
		S: 454 4.7.0 TLS not available due to local problem` + letter)
	c.close()
	r.taken()
	wantLog(t, r, []string{"warning: no TLS for unknown[192.0.2.1]: authd: no certificate is configured"})

	// From then on it is known, and not offered: others would defer their mail.
	c = r.dial(stranger)
	c.play(strings.ReplaceAll(offered, "S: 250-STARTTLS\n", "") + `
		C: STARTTLS
		S: 454 4.7.0 TLS not available due to local problem`)
	c.close()
}

// Where TLS is insisted on it is offered all the same: a client shall hear 454,
// and try again, not 530.
func TestNoCertificateEncrypt(t *testing.T) {
	t.Parallel()
	r, k, _ := newTLSRig(t, "smtpd_tls_security_level = encrypt")
	k.Fail("no certificate is configured")
	for range 2 {
		c := r.dial(stranger)
		c.play(offered + `
		C: STARTTLS
		S: 454 4.7.0 TLS not available due to local problem
		C: MAIL FROM:<a@b.example>
		S: 530 5.7.0 Must issue a STARTTLS command first`)
		c.close()
	}
}

// A handshake that fails ends the session.
func TestHandshakeFails(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = may")
	c := r.dial(stranger)
	c.play(offered + begin)
	c.send("EHLO still in the clear\r\n")
	<-c.done
	c.close()
	wantLog(t, r, []string{
		"SSL_accept error from unknown[192.0.2.1]: tls: first record does not look like a TLS handshake",
		"lost connection after STARTTLS from unknown[192.0.2.1]",
		"disconnect from unknown[192.0.2.1] ehlo=1 starttls=1 commands=2",
	})
}

func TestWrapper(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_wrappermode = yes")
	c := r.dial(stranger)
	c.secure(&tls.Config{})
	c.play(`
		S: 220 mx.example ESMTP Yubin` + inside + `
		C: STARTTLS
		S: 554 5.5.1 Error: TLS already active` + letter)
	c.close()
	r.taken()
	c = r.dial(stranger)
	c.send("EHLO in the clear\r\n")
	<-c.done
	c.close()
	wantLog(t, r, []string{"lost connection after CONNECT from unknown[192.0.2.1]"})
}

// Client certificates permit what restrictions say; some must have one.
func TestCertificatePermits(t *testing.T) {
	t.Parallel()
	const relay = `
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<far@elsewhere.example>
		S: `
	for _, c := range []struct {
		name     string
		main     []string
		has      bool
		want     string
		received string
	}{
		{"known", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = permit_tls_clientcerts, reject", "relay_clientcerts = hash:FILE"}, true, "250 2.1.5 Ok", `(Client CN "ann", Issuer "ann" (not verified))`},
		{"unknown", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = permit_tls_clientcerts, reject"}, true, "554 5.7.1 <far@elsewhere.example>: Recipient address rejected: Access denied", ""},
		{"none", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = permit_tls_clientcerts, reject", "relay_clientcerts = hash:FILE"}, false, "554 ...", ""},
		{"table", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = check_ccert_access hash:FILE, reject"}, true, "250 2.1.5 Ok", ""},
		{"broken table", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = permit_tls_clientcerts, reject", "relay_clientcerts = fail:x"}, true, "451 ...", ""},
		{"verified", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = permit_tls_all_clientcerts, reject", "smtpd_tls_CAfile = ANN"}, true, "250 2.1.5 Ok", `(Client CN "ann", Issuer "ann" (verified OK))`},
		{"not verified", []string{"smtpd_tls_ask_ccert = yes", "smtpd_relay_restrictions = permit_tls_all_clientcerts, reject"}, true, "554 ...", ""},
	} {
		dir := t.TempDir()
		for i := range c.main {
			c.main[i] = strings.ReplaceAll(c.main[i], "FILE", filepath.Join(dir, "certs"))
		}
		t.Log(c.name)
		r, _, ann := newTLSRig(t, append(c.main, "smtpd_tls_security_level = may", "smtpd_tls_received_header = yes")...)
		fingerprint := fingerprintOf(ann)
		if err := os.WriteFile(filepath.Join(dir, "certs"), []byte(fingerprint+" OK\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		client := &tls.Config{}
		if c.has {
			// Whatever authorities the server names.
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &ann.Certificates[0], nil }
		}
		s := r.dial(stranger)
		s.play(offered + begin)
		s.secure(client)
		s.play(inside + relay + c.want)
		if strings.HasPrefix(c.want, "250") {
			s.play("C: DATA\nS: 354 ...\nC: .\nS: 250 ...")
			if got := r.taken()[0].content; !strings.Contains(got, c.received) {
				t.Errorf("%s: the trace lacks %s:\n%s", c.name, c.received, got)
			}
		}
		s.play("C: QUIT\nS: 221 2.0.0 Bye")
		s.close()
	}
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = encrypt", "smtpd_tls_req_ccert = yes")
	s := r.dial(stranger)
	s.play(offered + begin)
	s.secure(&tls.Config{})
	s.play("S: 421 4.7.1 mx.example Error: No client certificate presented")
	s.close()
	wantLog(t, r, []string{"NOQUEUE: abort: TLS from unknown[192.0.2.1]: No client certificate presented"})
}

// Handshakes are dear: a client makes so many in a minute.
func TestTooManyHandshakes(t *testing.T) {
	t.Parallel()
	for main, script := range map[string]string{
		"smtpd_tls_security_level = may": offered + `
			C: STARTTLS
			S: 421 4.7.0 mx.example Error: too many new TLS sessions from 192.0.2.1`,
		"smtpd_tls_wrappermode = yes": `
			S: 421 4.7.0 mx.example Error: too many new TLS sessions from 192.0.2.1`,
	} {
		r, _, _ := newTLSRig(t, main, "smtpd_client_new_tls_session_rate_limit = 1")
		c := r.dial(stranger)
		if strings.Contains(main, "may") {
			c.play(offered + begin)
		}
		c.secure(&tls.Config{})
		c.close()
		c = r.dial(stranger)
		c.play(script)
		c.close()
		if log := strings.Join(r.logged(), "\n"); !strings.Contains(log, "New TLS session rate limit exceeded: 2 from unknown[192.0.2.1]") {
			t.Errorf("log:\n%s", log)
		}
	}
}

// fingerprintOf is the fingerprint of a certificate as tables have it.
func fingerprintOf(c *tls.Config) string {
	return tlswords.Colons(tlswords.Fingerprint("sha256", c.Certificates[0].Certificate[0]))
}

// A panic's last word goes where the client reads it.
func TestLastWordInside(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = may")
	near, far := net.Pipe()
	defer near.Close()
	inside, reader := net.Pipe()
	r.srv.tls.inside.Store(far, inside)
	go r.srv.lastWord(far)
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "421 ") {
		t.Errorf("%q, %v", line, err)
	}
}

// REQUIRETLS is there within TLS only (RFC 8689, 2), and goes with the letter.
func TestRequireTLS(t *testing.T) {
	t.Parallel()
	r, _, _ := newTLSRig(t, "smtpd_tls_security_level = may")
	c := r.dial(stranger)
	c.play(offered + `
		C: MAIL FROM:<eve@elsewhere.example> REQUIRETLS
		S: 555 5.5.4 Unsupported option: REQUIRETLS` + begin)
	c.secure(&tls.Config{})
	c.play(inside + `
		C: MAIL FROM:<eve@elsewhere.example> REQUIRETLS=yes
		S: 501 5.5.4 Bad REQUIRETLS parameter syntax
		C: MAIL FROM:<eve@elsewhere.example> REQUIRETLS REQUIRETLS
		S: 501 5.5.4 A parameter is given twice
		C: MAIL FROM:<eve@elsewhere.example> REQUIRETLS
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok...
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	if m := r.taken(); len(m) != 1 || m[0].env.Attrs[queue.AttrRequireTLS] != "yes" {
		t.Errorf("messages: %+v", m)
	}
}
