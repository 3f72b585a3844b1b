//go:build interop

package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
	scripted "yubin/test/peer"
)

// Who may send mail through the relay.
const (
	relayUser     = "ann@far.test"
	relayPassword = "Kännchen, 'voll' \\ $HOME: #7"
	refreshToken  = "once-and-again" // that the endpoint wants
)

// tokenKey is what the relay's tokens are signed with.
var tokenKey = []byte("a key that signs the tokens of the test")

// relay runs a Postfix that wants TLS and a login, and returns the parameter
// that makes it trusted.
func relay(t *testing.T, addr string) (s *server, trust string) {
	t.Helper()
	host, _, _ := net.SplitHostPort(addr)
	files, ca := certificate(t, host)
	files["passwords"] = relayPasswords()
	files["keys/default/HS256/default"] = base64.StdEncoding.EncodeToString(tokenKey)
	return serve(t, "submission", addr, files), "smtp_tls_CAfile = " + ca
}

// relayPasswords is a passwd-file with the relay's user.
func relayPasswords() string {
	return relayUser + ":{PLAIN.b64}" + base64.StdEncoding.EncodeToString([]byte(relayPassword)) + "::::::\n"
}

// relaySet is the command that makes a server the relay; the system is started
// anew, after which every program knows of it.
func relaySet(t *testing.T, i *instance.Instance, s *server, password string, flags ...string) instance.Result {
	t.Helper()
	args := append([]string{"-c", i.Etc(), "relay", "set", "--user", relayUser}, flags...)
	r := i.Run(password+"\n", "mailctl", append(args, "["+s.host()+"]:"+s.port())...)
	if r.Code != 0 {
		t.Fatalf("relay set: %+v", r)
	}
	i.Stop()
	i.Start()
	return r
}

// wantArrived waits for the letter with this body, and looks at how it has come.
func wantArrived(t *testing.T, i *instance.Instance, s *server, body string) {
	t.Helper()
	var letter string
	i.Until("the letter is in the Maildir", func() bool {
		for _, m := range s.mail(t) {
			if _, got, _ := strings.Cut(m, "\n\n"); got == body {
				letter = m
			}
		}
		return letter != ""
	})
	wantText(t, letter, "Return-Path: <"+alice+">\n", "with ESMTPSA id ", "(Authenticated sender: "+relayUser+")")
}

// What an administrator does to send mail through a Postfix of somebody else:
// with a wrong password mail waits, with the right one it arrives.
func TestRelay(t *testing.T) {
	t.Parallel()
	s, trust := relay(t, freePort(t))
	i := instance.New(t, instance.Options{Main: []string{trust, "smtp_tls_loglevel = 2"}})

	wrong := relaySet(t, i, s, "wrong-"+relayPassword)
	i.Sendmail("Subject: relayed\n\nby way of Postfix\n", "-f", alice, "dave@far.test")
	refused := "SASL authentication failed; server 127.0.7.1[127.0.7.1] said: 535 5.7.8 Error: authentication failed"
	i.WaitLog("to=<dave@far.test>, relay=127.0.7.1[127.0.7.1]:"+s.port(), "dsn=4.7.8, status=deferred ("+refused)
	if q := i.Mailq(); !strings.Contains(q, refused) {
		t.Errorf("mailq lacks %q:\n%s", refused, q)
	}
	failed := i.Mailctl("relay", "test")
	if failed.Code == 0 || !strings.Contains(failed.Stdout, "S: 535 5.7.8 ") || !strings.Contains(failed.Stderr, refused) {
		t.Errorf("relay test with a wrong password: %+v", failed)
	}

	set := relaySet(t, i, s, relayPassword)
	try := i.Mailctl("relay", "test", "dave@far.test")
	for _, want := range []string{"C: STARTTLS\n", "-- TLS 1.3 with a server that is verified\n",
		"C: AUTH SCRAM-SHA-256 ***\nS: 334 ", "C: ***\nS: 235 2.7.0 ", "C: RCPT TO:<dave@far.test>\nS: 250 ", "-- all is well\n"} {
		if !strings.Contains(try.Stdout, want) {
			t.Errorf("relay test lacks %q: %+v", want, try)
		}
	}
	if n := len(s.mail(t)); n != 0 {
		t.Errorf("%d letters have arrived before the queue was flushed", n)
	}
	i.Mailctl("queue", "flush")
	wantArrived(t, i, s, "by way of Postfix\n")
	i.WaitLog("to=<dave@far.test>", "status=sent (250 2.0.0 Ok: queued as ")
	i.Until("the queue is empty", i.Drained)
	i.KeepsSecret(relayUser, "wrong-"+relayPassword, wrong, failed, set, try)
	i.KeepsSecret(relayUser, relayPassword, wrong, failed, set, try)
}

// At port 465 TLS comes first; and connections that have logged in carry several
// letters.
func TestRelayWrapper(t *testing.T) {
	t.Parallel()
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	s, trust := relay(t, host+":465")
	i := instance.New(t, instance.Options{Main: []string{trust}})
	set := relaySet(t, i, s, relayPassword)
	try := i.Mailctl("relay", "test")
	if try.Code != 0 || strings.Contains(try.Stdout, "STARTTLS") || !strings.Contains(try.Stdout, "with a server that is verified\nS: 220 ") {
		t.Errorf("relay test: %+v; want TLS before the greeting", try)
	}
	bodies := letters()
	for subject, body := range bodies {
		i.Sendmail("Subject: "+subject+"\n\n"+body, "-i", "-f", alice, "dave@far.test")
	}
	i.Until("all letters are in the Maildir", func() bool { return len(s.mail(t)) >= len(bodies) })
	wantLetters(t, s.mail(t), bodies)
	i.WaitLog("status=sent", ", conn_use=")
	i.KeepsSecret(relayUser, relayPassword, set, try)
}

// Whom nobody vouches for gets no password, unless that is wanted.
func TestRelayUntrusted(t *testing.T) {
	t.Parallel()
	s, _ := relay(t, freePort(t))
	i := instance.New(t, instance.Options{})
	relaySet(t, i, s, relayPassword)
	i.Sendmail("Subject: x\n\nin the end\n", "-f", alice, "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "dsn=4.7.5, status=deferred (Server certificate not trusted)")
	if try := i.Mailctl("relay", "test"); try.Code == 0 || strings.Contains(try.Stdout, "C: AUTH") {
		t.Errorf("relay test: %+v; want an end before AUTH", try)
	}
	relaySet(t, i, s, relayPassword, "--tls", "encrypt")
	i.Mailctl("queue", "flush")
	wantArrived(t, i, s, "in the end\n")
}

// Mail that does not log in is refused: it is the login that lets it through.
func TestRelayWithoutLogin(t *testing.T) {
	t.Parallel()
	s, trust := relay(t, freePort(t))
	i := instance.New(t, instance.Options{Main: []string{trust, "relayhost = [" + s.host() + "]:" + s.port(), "smtp_tls_security_level = secure"}})
	i.Sendmail("Subject: x\n\ny\n", "-f", alice, "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "dsn=5.7.1, status=bounced (host 127.0.7.1[127.0.7.1] said: 554 5.7.1 ")
}

// Every mechanism for passwords that Postfix and Dovecot have, each alone, and
// refused as well.
func TestRelayMechanisms(t *testing.T) {
	t.Parallel()
	s, trust := relay(t, freePort(t))
	for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"} {
		t.Run(mechanism, func(t *testing.T) {
			i := instance.New(t, instance.Options{Main: []string{trust, "smtp_sasl_mechanism_filter = " + mechanism}})
			relaySet(t, i, s, relayPassword+"x")
			refused := i.Mailctl("relay", "test")
			if refused.Code == 0 || !strings.Contains(refused.Stdout, "C: AUTH "+mechanism) || !strings.Contains(refused.Stdout, "S: 535 5.7.8 ") {
				t.Errorf("relay test with a wrong password: %+v", refused)
			}
			relaySet(t, i, s, relayPassword)
			i.Sendmail("Subject: x\n\nby "+mechanism+"\n", "-f", alice, "dave@far.test")
			wantArrived(t, i, s, "by "+mechanism+"\n")
			if log := s.read(t, "postfix.log"); !strings.Contains(log, "sasl_method="+mechanism+", sasl_username="+relayUser+"\n") {
				t.Errorf("Postfix has seen no login by %s:\n%s", mechanism, log)
			}
			i.KeepsSecret(relayUser, relayPassword, refused)
		})
	}
}

// Tokens come from an endpoint, and Dovecot takes them for what they say: one that
// has run out is refused, in a challenge that wants an answer.
func TestRelayTokens(t *testing.T) {
	t.Parallel()
	s, trust := relay(t, freePort(t))
	for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
		t.Run(mechanism, func(t *testing.T) {
			i := tokenInstance(t, s, trust, mechanism, -time.Hour)
			i.Sendmail("Subject: x\n\ny\n", "-f", alice, "dave@far.test")
			i.WaitLog("to=<dave@far.test>", "dsn=4.7.8, status=deferred (SASL authentication failed; server 127.0.7.1[127.0.7.1] said: 535 5.7.8 ")
			refused := i.Mailctl("relay", "test")
			if want := "C: AUTH " + mechanism + " ***\nS: 334 "; !strings.Contains(refused.Stdout, want) {
				t.Errorf("relay test lacks %q: %+v", want, refused)
			}
			i.KeepsSecret(relayUser, refreshToken, refused)

			i = tokenInstance(t, s, trust, mechanism, time.Hour)
			i.Sendmail("Subject: x\n\nby "+mechanism+"\n", "-f", alice, "dave@far.test")
			wantArrived(t, i, s, "by "+mechanism+"\n")
			if log := s.read(t, "postfix.log"); !strings.Contains(log, "sasl_method="+mechanism+", sasl_username="+relayUser+"\n") {
				t.Errorf("Postfix has seen no login by %s:\n%s", mechanism, log)
			}
			i.KeepsSecret(relayUser, refreshToken)
		})
	}
}

// tokenInstance starts an instance that logs in to a server by tokens that last
// so long.
func tokenInstance(t *testing.T, s *server, trust, mechanism string, life time.Duration) *instance.Instance {
	t.Helper()
	endpoint, cert := tokenEndpoint(t, life)
	i := instance.New(t, instance.Options{Main: []string{
		"smtp_tls_CAfile = " + certificates(t, strings.TrimPrefix(trust, "smtp_tls_CAfile = "), cert),
		"relayhost = [" + s.host() + "]:" + s.port(), "smtp_tls_security_level = secure",
		"smtp_sasl_auth_enable = yes", "smtp_sasl_password_maps = texthash:$config_directory/sasl_passwd",
		"smtp_sasl_tls_security_options = noanonymous", "smtp_sasl_mechanism_filter = " + mechanism,
	}})
	grant := writeFile(t, "grant", "token_endpoint = "+endpoint+"\nclient_id = yubin\nrefresh_token = "+refreshToken+"\n")
	login := fmt.Sprintf("[%s]:%s %s:oauth2:%s\n", s.host(), s.port(), relayUser, grant)
	if err := os.WriteFile(i.Path("etc", "sasl_passwd"), []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// tokenEndpoint gives tokens by HTTPS (RFC 6749, 6). cert is the file that makes
// it trusted.
func tokenEndpoint(t *testing.T, life time.Duration) (url, cert string) {
	t.Helper()
	config, cert := scripted.Certificate(t, "127.0.0.1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("refresh_token") != refreshToken {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": token(t, time.Now().Add(life)), "token_type": "Bearer", "expires_in": 3600})
	})}
	go h.ServeTLS(l, "", "")
	t.Cleanup(func() { h.Close() })
	return "https://" + l.Addr().String() + "/token", cert
}

// token is a JWT (RFC 7519) for the relay's user.
func token(t *testing.T, over time.Time) string {
	t.Helper()
	part := func(v map[string]any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{
		"sub": relayUser, "email": relayUser, "scope": "mail",
		"iat": over.Add(-2 * time.Hour).Unix(), "nbf": over.Add(-2 * time.Hour).Unix(), "exp": over.Unix(),
	})
	mac := hmac.New(sha256.New, tokenKey)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// certificates joins files of certificates.
func certificates(t *testing.T, files ...string) string {
	t.Helper()
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return writeFile(t, "ca.pem", all.String())
}
