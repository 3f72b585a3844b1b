package smtpc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/test/peer"
)

// A keeper is authd for tests.
type keeper struct {
	mu     sync.Mutex // guards what follows
	asked  []ipc.RelayRequest
	answer func(ipc.RelayRequest) (ipc.RelayReply, error)
}

func (k *keeper) ask(q ipc.RelayRequest) (ipc.RelayReply, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, q)
	return k.answer(q)
}

// questions are those that have been asked.
func (k *keeper) questions() []ipc.RelayRequest {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.asked)
}

func knows(user, password string) *keeper {
	return &keeper{answer: func(ipc.RelayRequest) (ipc.RelayReply, error) {
		return ipc.RelayReply{User: user, Secret: password}, nil
	}}
}

// authRig has an agent that logs in.
func authRig(t *testing.T, k *keeper, main ...string) *rig {
	t.Helper()
	return newRig(t, rigOptions{main: append([]string{
		"smtp_sasl_auth_enable = yes", "smtp_sasl_password_maps = hash:/nowhere", "smtp_sasl_security_options = noanonymous",
	}, main...), setup: func(d *deliverer) { d.o.auth.ask = k.ask }})
}

const secret = "correct horse"

// Who has a password for a server sends it, and the letter, by TLS or not at all
// where the handshake fails, as under Postfix: somebody may have spoilt it.
func TestAuthFallback(t *testing.T) {
	t.Parallel()
	cert := newAuthority(t).issue(time.Now().Add(time.Hour), "a.test")
	nobody := &keeper{answer: func(ipc.RelayRequest) (ipc.RelayReply, error) { return ipc.RelayReply{}, nil }}
	unknown := &keeper{answer: func(ipc.RelayRequest) (ipc.RelayReply, error) { return ipc.RelayReply{}, errors.New("no answer") }}
	for _, c := range []struct {
		name   string
		keeper *keeper
		want   string
		conns  int
	}{
		{"a password", knows("ann", secret), "deferred 4.7.5 Cannot start TLS: handshake failure", 1},
		{"perhaps a password", unknown, "deferred 4.7.5 Cannot start TLS: handshake failure", 1},
		{"none", nobody, "sent 2.0.0 250 2.0.0 Ok: queued as 4711", 2},
	} {
		p := peer.Start(t, peer.Options{TLS: serverTLS(cert), Script: peer.Script{"TLS": peer.Drop}, Ehlo: []string{"AUTH PLAIN"}})
		r := authRig(t, c.keeper)
		if got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test")[0]); got != c.want || p.Conns() != c.conns {
			t.Errorf("%s: %s by %d connections, want %s by %d", c.name, got, p.Conns(), c.want, c.conns)
		}
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	const sent = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
	ann := knows("ann", secret)
	none := &keeper{answer: func(ipc.RelayRequest) (ipc.RelayReply, error) { return ipc.RelayReply{}, nil }}
	broken := &keeper{answer: func(ipc.RelayRequest) (ipc.RelayReply, error) {
		return ipc.RelayReply{}, errors.New("open /etc/yubin/sasl_passwd: permission denied")
	}}
	for _, c := range []struct {
		name   string
		offer  string // of AUTH
		auth   peer.Auth
		keeper *keeper
		main   []string
		script peer.Script
		want   string
		said   string // the command
	}{
		{name: "PLAIN", offer: "AUTH PLAIN LOGIN", want: sent, said: "AUTH PLAIN "},
		{name: "LOGIN", offer: "AUTH LOGIN", want: sent, said: "AUTH LOGIN"},
		{name: "CRAM-MD5", offer: "AUTH LOGIN PLAIN CRAM-MD5", want: sent, said: "AUTH CRAM-MD5"},
		{name: "as before the standard", offer: "AUTH=LOGIN", want: sent, said: "AUTH LOGIN"},
		{name: "filter", offer: "AUTH LOGIN PLAIN CRAM-MD5", main: []string{"smtp_sasl_mechanism_filter = !cram-md5, !plain, static:all"}, want: sent, said: "AUTH LOGIN"},
		{name: "wrong password", offer: "AUTH PLAIN", keeper: knows("ann", "wrong"),
			want: "deferred 4.7.8 SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 Error: authentication failed"},
		{name: "wrong password, hard", offer: "AUTH PLAIN", keeper: knows("ann", "wrong"), main: []string{"smtp_sasl_auth_soft_bounce = no"},
			want: "bounced 5.7.8 SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 Error: authentication failed"},
		{name: "not now", offer: "AUTH PLAIN", script: peer.Script{"AUTH": "454 4.7.0 later"}, main: []string{"smtp_sasl_auth_soft_bounce = no"},
			want: "deferred 4.7.0 SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 454 4.7.0 later"},
		{name: "in the clear", offer: "AUTH PLAIN LOGIN", main: []string{"smtp_sasl_security_options = noplaintext, noanonymous"},
			want: "deferred 4.7.0 SASL authentication failed: server 127.0.0.1[127.0.0.1] offered no compatible authentication mechanisms for this type of connection security level"},
		{name: "nothing that we know", offer: "AUTH GSSAPI NTLM",
			want: "deferred 4.7.0 SASL authentication failed: server 127.0.0.1[127.0.0.1] offered no compatible authentication mechanisms for this type of connection security level"},
		{name: "not offered", offer: "DSN", want: "bounced 5.7.0 host 127.0.0.1[127.0.0.1] said: 530 5.7.0 Authentication required (in reply to MAIL FROM command)"},
		{name: "no password for it", offer: "AUTH PLAIN", keeper: none, want: "bounced 5.7.0 host 127.0.0.1[127.0.0.1] said: 530 5.7.0 Authentication required (in reply to MAIL FROM command)"},
		{name: "the table cannot be read", offer: "AUTH PLAIN", keeper: broken,
			want: "deferred 4.3.0 SASL authentication failed; the password for server 127.0.0.1[127.0.0.1] cannot be had now"},
		{name: "lost", offer: "AUTH PLAIN", script: peer.Script{"AUTH": peer.Drop},
			want: "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while performing the AUTH handshake"},
		{name: "a server that only claims to know", offer: "AUTH SCRAM-SHA-256", auth: func(string, func(string) string) string { return peer.Welcome },
			want: "deferred 4.7.0 SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: the server cannot prove that it knows the password"},
		{name: "rubbish", offer: "AUTH SCRAM-SHA-256", auth: func(_ string, ask func(string) string) string { return "501 " + ask("AAAA") },
			want: "deferred 4.7.0 SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: malformed challenge"},
		{name: "questions without end", offer: "AUTH PLAIN", auth: func(_ string, ask func(string) string) string {
			for range 50 {
				if ask("AAAA") == "*" {
					break
				}
			}
			return "501 5.7.0 well"
		}, want: "deferred 4.7.0 SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: a challenge more than the mechanism has"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.auth == nil {
				c.auth = peer.Password("ann", secret)
			}
			if c.keeper == nil {
				c.keeper = ann
			}
			p := peer.Start(t, peer.Options{Ehlo: []string{"ENHANCEDSTATUSCODES", c.offer}, Auth: c.auth, Script: c.script})
			r := authRig(t, c.keeper, c.main...)
			got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "x\n", "bob@far.test")[0])
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.said != "" && !slices.ContainsFunc(p.Said(), func(l string) bool { return strings.HasPrefix(l, c.said) }) {
				t.Errorf("said %q, want %q", p.Said(), c.said)
			}
			leak(t, got+r.log())
		})
	}
}

// leak finds the password, as it is and as mechanisms send it.
func leak(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("\x00ann\x00" + secret))} {
		if strings.Contains(text, form) {
			t.Errorf("the password is in what everybody can read: %q", text)
		}
	}
}

// Within TLS other properties are wanted, and other ones again of a server whose
// certificate is right; TLS from the first byte is TLS too.
func TestAuthWithinTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.issue(time.Now().Add(time.Hour), "127.0.0.1", "a.far.test")
	for _, c := range []struct {
		name    string
		wrapper bool
		main    []string
		want    string
	}{
		{"STARTTLS", false, []string{"smtp_sasl_tls_security_options = noanonymous"}, "sent"},
		{"wrapper", true, []string{"smtp_sasl_tls_security_options = noanonymous", "smtp_tls_wrappermode = yes", "smtp_tls_security_level = encrypt"}, "sent"},
		{"the default", false, nil, "deferred"},
		{"verified alone, and it is not", false, []string{"smtp_sasl_tls_verified_security_options = noanonymous"}, "deferred"},
		{"verified alone, and it is", false, []string{"smtp_sasl_tls_verified_security_options = noanonymous",
			"smtp_tls_security_level = verify", "smtp_tls_verify_cert_match = a.far.test", "smtp_tls_CAfile = " + ca.file()}, "sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{
				Ehlo: []string{"AUTH PLAIN"}, Auth: peer.Password("ann", secret), TLS: serverTLS(cert), Wrapper: c.wrapper,
			})
			r := authRig(t, knows("ann", secret), append([]string{"smtp_sasl_security_options = noplaintext"}, c.main...)...)
			if got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "x\n", "bob@far.test")[0]); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %s", got, c.want)
			}
			leak(t, r.log())
		})
	}
}

// A token that the server does not take is replaced once.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	for _, fresh := range []string{"new", "old"} {
		k := &keeper{answer: func(q ipc.RelayRequest) (ipc.RelayReply, error) {
			a := ipc.RelayReply{User: "ann", Secret: "old", Token: true}
			if q.Refused {
				a.Secret = fresh
			}
			return a, nil
		}}
		p := peer.Start(t, peer.Options{Ehlo: []string{"AUTH PLAIN XOAUTH2"}, Auth: func(args string, ask func(string) string) string {
			b, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(args, "XOAUTH2 "))
			if string(b) == "user=ann\x01auth=Bearer new\x01\x01" {
				return peer.Welcome
			}
			if answer := ask(base64.StdEncoding.EncodeToString([]byte(`{"status":"401"}`))); answer != "" {
				return "501 5.5.2 want an empty line"
			}
			return peer.Refused
		}})
		r := authRig(t, k)
		got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "x\n", "bob@far.test")[0])
		want := map[string]string{"new": "sent", "old": "deferred 4.7.8"}[fresh]
		if n := len(k.questions()); !strings.HasPrefix(got, want) || n != 2 {
			t.Errorf("%s: got %q after %d questions, want %s", fresh, got, n, want)
		}
	}
}

// A long initial response waits for an empty challenge.
func TestLongInitialResponse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 400)
	p := peer.Start(t, peer.Options{Ehlo: []string{"AUTH PLAIN"}, Auth: peer.Password("ann", long)})
	r := authRig(t, knows("ann", long))
	if got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "x\n", "bob@far.test")[0]); !strings.HasPrefix(got, "sent") {
		t.Errorf("got %q", got)
	}
	if !slices.Contains(p.Said(), "AUTH PLAIN") {
		t.Errorf("said %q", p.Said())
	}
}

// Mail of different senders does not share a login where they have their own.
func TestSendersApart(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Ehlo: []string{"AUTH PLAIN"}, Auth: peer.Password("ann", secret)})
	for _, apart := range []bool{false, true} {
		before := p.Conns()
		k := knows("ann", secret)
		main := []string{"smtp_connection_cache_destinations = static:all"}
		if apart {
			main = append(main, "smtp_sender_dependent_authentication = yes")
		}
		r := authRig(t, k, main...)
		for _, r.sender = range []string{"ann@own.test", "ben@own.test", "ann@own.test"} {
			r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), "x\n", "bob@far.test")
		}
		want := map[bool]int{false: 1, true: 2}[apart]
		asked := k.questions()
		if got := p.Conns() - before; got != want || len(asked) != want {
			t.Fatalf("apart %t: got %d connections, %+v, want %d", apart, got, asked, want)
		}
		if apart && asked[1].Sender != "ben@own.test" || !apart && asked[0].Sender != "" {
			t.Errorf("apart %t: asked %+v", apart, asked)
		}
	}
}
