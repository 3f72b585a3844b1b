package system

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yubin/internal/sasl"
	"yubin/test/instance"
)

// A door is a service that people log in to, at an address that begins with TLS.
type door struct {
	name, addr      string
	hello           string // what to say first
	more, in, wrong string // how replies begin
}

// enter logs in and returns the last reply. Each attempt comes from an address
// of its own: who has failed waits.
func (d *door) enter(t *testing.T, from, mechanism string, c sasl.Credentials, certificates []tls.Certificate) string {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: instance.Wait}
	inside, err := tls.DialWithDialer(&dialer, "tcp", d.addr, &tls.Config{InsecureSkipVerify: true, Certificates: certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	inside.SetDeadline(time.Now().Add(instance.Wait))
	in := bufio.NewReader(inside)
	hear := func() string {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("%s, %s: %v", d.name, mechanism, err)
			}
			if len(line) < 4 || line[3] != '-' { // the last of a reply
				return strings.TrimRight(line, "\r\n")
			}
		}
	}
	say := func(line string) string {
		fmt.Fprintf(inside, "%s\r\n", line)
		return hear()
	}
	hear()
	if d.hello != "" {
		say(d.hello)
	}
	if mechanism == "EXTERNAL" {
		as := "="
		if c.User != "" {
			as = base64.StdEncoding.EncodeToString([]byte(c.User))
		}
		return say("AUTH EXTERNAL " + as)
	}
	state := inside.ConnectionState()
	exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	ch := sasl.Channel{Host: "mx.example.test", Port: 465, Exporter: exporter}
	m, err := sasl.Choose([]string{mechanism}, 0, c, ch, func(string) (bool, error) { return true, nil })
	if err != nil {
		t.Fatalf("%s: %v", mechanism, err)
	}
	party := m.Client(c, ch)
	line := "AUTH " + mechanism
	first, _, err := party.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	if first != nil {
		line += " " + base64.StdEncoding.EncodeToString(first)
	}
	for {
		reply := say(line)
		text, more := strings.CutPrefix(reply, d.more)
		if !more {
			return reply
		}
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatalf("%s, %s: challenge %q", d.name, mechanism, text)
		}
		answer, _, err := party.Next(challenge)
		if err != nil {
			t.Fatalf("%s, %s: %v", d.name, mechanism, err)
		}
		line = base64.StdEncoding.EncodeToString(answer)
	}
}

// Every mechanism that there is, over every service that there is: it lets in
// who has the secret, the token or the certificate, and nobody else; and no
// secret is seen anywhere.
func TestEveryMechanism(t *testing.T) {
	t.Parallel()
	const user = "ann@users.test"
	mine, other := newPair(t, user), newPair(t, user)
	key := []byte("a key of two hundred and fifty-six bits, and then some more")
	token := func(key []byte) string {
		s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"email": user, "exp": time.Now().Add(time.Hour).Unix()}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	i, _, pop3s := readers(t, instance.Options{})
	host, _, _ := net.SplitHostPort(pop3s)
	i.Stop()
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString(key)}}})
	if err != nil {
		t.Fatal(err)
	}
	users, err := os.ReadFile(i.Path("etc", "users"))
	if err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`(?m)^`+user+`:[^:\n]*`).ReplaceAllLiteralString(string(users), user+":{PLAIN}"+userSecret)
	for name, text := range map[string]string{"users": plain, "tokens": string(set), "authority.pem": mine.cert} {
		if err := os.WriteFile(i.Path("etc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authority := i.Path("etc", "authority.pem")
	i.AppendMain("oauth2_local_validation_keys = "+i.Path("etc", "tokens"),
		"auth_mechanisms = "+strings.Join(append(mechanisms, "EXTERNAL", "OAUTHBEARER", "XOAUTH2"), " "),
		"pop3d_tls_ask_ccert = yes", "pop3d_tls_CAfile = "+authority, "smtpd_tls_ask_ccert = yes", "smtpd_tls_CAfile = "+authority)
	f, err := os.OpenFile(i.Path("etc", "master.cf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "%s:4650 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes\n", host)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	i.Start()

	address := 0
	from := func() string { address++; return fmt.Sprintf("127.77.%d.1", address) }
	for _, d := range []*door{
		{name: "pop3", addr: pop3s, more: "+ ", in: "+OK ", wrong: "-ERR [AUTH] "},
		{name: "smtp", addr: host + ":4650", hello: "EHLO client.test", more: "334 ", in: "235 2.7.0 ", wrong: "535 5.7.8 "},
	} {
		for _, m := range mechanisms {
			for secret, want := range map[string]string{userSecret: d.in, "wrong": d.wrong} {
				if got := d.enter(t, from(), m, sasl.Credentials{User: user, Secret: secret}, nil); !strings.HasPrefix(got, want) {
					t.Errorf("%s, %s with %q: %s", d.name, m, secret, got)
				}
			}
			if got := d.enter(t, from(), m, sasl.Credentials{User: "zoe@users.test", Secret: userSecret}, nil); !strings.HasPrefix(got, d.wrong) {
				t.Errorf("%s, %s as nobody: %s", d.name, m, got)
			}
		}
		for _, m := range []string{"OAUTHBEARER", "XOAUTH2"} {
			for n, c := range []struct{ user, token, want string }{
				{user, token(key), d.in}, {user, token(append(key, 'x')), d.wrong}, {"ben@users.test", token(key), d.wrong},
			} {
				if got := d.enter(t, from(), m, sasl.Credentials{User: c.user, Secret: c.token, Token: true}, nil); !strings.HasPrefix(got, c.want) {
					t.Errorf("%s, %s, %d: %s", d.name, m, n, got)
				}
			}
		}
		for n, c := range []struct {
			user string
			pair pair
			want string
		}{
			{"", mine, d.in}, {user, mine, d.in}, {"ben@users.test", mine, d.wrong},
		} {
			if got := d.enter(t, from(), "EXTERNAL", sasl.Credentials{User: c.user}, keyPair(t, c.pair)); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s, EXTERNAL, %d: %s", d.name, n, got)
			}
		}
		// Nobody vouches for this one, and there is none: the mechanism is not there.
		for n, certificates := range [][]tls.Certificate{keyPair(t, other), nil} {
			got := d.enter(t, from(), "EXTERNAL", sasl.Credentials{User: user}, certificates)
			if strings.HasPrefix(got, d.in) {
				t.Errorf("%s, EXTERNAL with a certificate of nobody's (%d): %s", d.name, n, got)
			}
		}
	}
	i.KeepsSecret(user, userSecret)
	if strings.Contains(i.Log(), "eyJ") {
		t.Error("the log has a token")
	}
}

func keyPair(t *testing.T, p pair) []tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair([]byte(p.cert), []byte(p.key))
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{c}
}
