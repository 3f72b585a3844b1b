package authd

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/sasl"
)

// An issuer signs tokens.
type issuer struct {
	t      *testing.T
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	ed     ed25519.PrivateKey
	secret []byte
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, secret: bytes.Repeat([]byte("s"), 32)}
	var err error
	if i.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err == nil {
		i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err == nil {
		_, i.ed, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// set is the issuer's keys as a JSON Web Key Set.
func (i *issuer) set() string {
	n := base64.RawURLEncoding.EncodeToString
	point, err := i.ec.PublicKey.Bytes()
	if err != nil {
		i.t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": n(i.rsa.N.Bytes()), "e": n(big.NewInt(int64(i.rsa.E)).Bytes())},
		{"kty": "EC", "kid": "ec", "crv": "P-256", "x": n(point[1:33]), "y": n(point[33:])},
		{"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": n(i.ed.Public().(ed25519.PublicKey))},
		{"kty": "oct", "kid": "oct", "k": n(i.secret)},
		{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"},
	}})
	if err != nil {
		i.t.Fatal(err)
	}
	return string(b)
}

// pem is a public key as a file has it.
func (i *issuer) pem(k crypto.PublicKey) string {
	b, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		i.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

func (i *issuer) sign(m jwt.SigningMethod, key any, id string, changes ...string) string {
	i.t.Helper()
	claims := jwt.MapClaims{
		"iss": "https://issuer.example.com", "aud": []string{"mail"}, "scope": "openid mail", "email": "Ann@Example.com",
		"exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(-time.Hour).Unix(),
	}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		if claims[name] = any(value); value == "" {
			delete(claims, name)
		}
		if name == "exp" || name == "nbf" {
			d, err := time.ParseDuration(value)
			if err != nil {
				delete(claims, name)
				continue
			}
			claims[name] = time.Now().Add(d).Unix()
		}
	}
	t := jwt.NewWithClaims(m, claims)
	if id != "" {
		t.Header["kid"] = id
	}
	s, err := t.SignedString(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return s
}

var tokenMain = []string{
	"oauth2_local_validation_keys = DIR/keys", "oauth2_issuers = https://issuer.example.com", "oauth2_audience = mail imap",
	"oauth2_scope = mail", "auth_failure_delay = 0",
}

func TestTokensOfClients(t *testing.T) {
	t.Parallel()
	i, other := newIssuer(t), newIssuer(t)
	d := newDesk(t, accounts, tokenMain...)
	d.write("keys", i.set())
	if got := strings.Join(d.l.mechanisms(&d.facts), " "); !strings.HasSuffix(got, "OAUTHBEARER XOAUTH2") {
		t.Errorf("offered: %s", got)
	}
	public, err := x509.MarshalPKIXPublicKey(&i.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, token, user string
		ok                bool
	}{
		{"RS256", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa"), "ann@example.com", true},
		{"ES256", i.sign(jwt.SigningMethodES256, i.ec, "ec"), "ann@example.com", true},
		{"EdDSA", i.sign(jwt.SigningMethodEdDSA, i.ed, "ed"), "ann@example.com", true},
		{"HS256", i.sign(jwt.SigningMethodHS256, i.secret, "oct"), "ann@example.com", true},
		{"no kid", i.sign(jwt.SigningMethodRS256, i.rsa, ""), "ANN@example.com", true},
		{"the token names the user", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa"), "", true},
		{"within the leeway", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "exp=-30s"), "", true},
		{"an audience that is no list", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "aud=imap"), "", true},

		{"another user", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa"), "bob", false},
		{"nobody", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "email=nobody@example.com"), "", false},
		{"an account that is closed", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "email=off"), "", false},
		{"no name", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "email="), "ann@example.com", false},
		{"over", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "exp=-2m"), "", false},
		{"without end", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "exp="), "", false},
		{"not yet", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "nbf=5m"), "", false},
		{"another issuer", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "iss=https://evil.example.com"), "", false},
		{"no issuer", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "iss="), "", false},
		{"another audience", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "aud=web"), "", false},
		{"no audience", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "aud="), "", false},
		{"another scope", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa", "scope=openid mailbox"), "", false},
		{"another key", i.sign(jwt.SigningMethodRS256, other.rsa, "rsa"), "", false},
		{"the key of another algorithm", i.sign(jwt.SigningMethodPS256, i.rsa, "rsa"), "", false},
		{"a kid that is not there", i.sign(jwt.SigningMethodRS256, i.rsa, "x"), "", false},
		{"a public key as a secret", i.sign(jwt.SigningMethodHS256, public, ""), "", false},
		{"not signed", i.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ""), "", false},
		{"no token", "abc", "ann@example.com", false},
	} {
		for n, m := range []string{"OAUTHBEARER", "XOAUTH2"} {
			if c.user == "" && m == "OAUTHBEARER" {
				continue // the client of this test names somebody always
			}
			d.facts.Client = fmt.Sprintf("192.0.2.%d", n)
			d.l.guard = newGuard()
			r, _, _ := d.login(m, c.user, c.token, sasl.Channel{})
			if c.user == "" {
				r = d.ask(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: 1, Mechanism: "OAUTHBEARER", Facts: &d.facts, Initial: true, Response: []byte("n,,\x01auth=Bearer " + c.token + "\x01\x01")})
				if r.State == ipc.AuthGoOn {
					r = d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 1, Response: []byte("\x01")})
				}
			}
			if (r.State == ipc.AuthOK) != c.ok || c.ok && r.User != "ann@example.com" || !c.ok && r.State != ipc.AuthFailed {
				t.Errorf("%s, %s: got %+v, want %t", c.name, m, r, c.ok)
			}
		}
	}
	log := d.log()
	if !strings.Contains(log, "oauth(bob,192.0.2.0,<s1>): invalid credentials") || strings.Contains(log, "eyJ") {
		t.Errorf("got\n%s", log)
	}
}

// A refused token has its delay at the challenge that says so, and only there.
func TestDelayOfTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts, tokenMain[0])
		d.write("keys", newIssuer(t).set())
		for range 4 {
			_, _, took := d.login("OAUTHBEARER", "ann@example.com", "bad", sasl.Channel{})
			if len(took) != 2 || took[0] != 2*time.Second || took[1] != took[0] {
				t.Errorf("steps at %v", took)
			}
		}
	})
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	weak := `{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}`
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		err           string
	}{
		{"a set", i.set(), 0o600, ""},
		{"a set that others read", i.set(), 0o644, "chmod 600"},
		{"PEM", i.pem(&i.rsa.PublicKey) + i.pem(&i.ec.PublicKey), 0o644, ""},
		{"nothing", "", 0o600, "want a JSON Web Key Set"},
		{"half a set", `{"keys":[`, 0o600, "want a JSON Web Key Set"},
		{"an empty set", `{"keys":[]}`, 0o600, "want a JSON Web Key Set"},
		{"a short secret", weak, 0o600, "key 1: a key of type oct has less than 256 bits"},
		{"a point beside the curve", strings.Replace(i.set(), `"x":"`, `"x":"AA`, 1), 0o600, "do not make a key"},
		{"another kind", `{"keys":[{"kty":"DH"}]}`, 0o600, "do not make a key"},
		{"a small RSA key", `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, 0o600, "less than 2048 bits"},
		{"a private key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})), 0o600, "private keys belong to the issuer"},
		{"broken PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("secret")})), 0o600, "cannot be read"},
	} {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		k, err := parseKeys(file, []byte(c.content))
		if got := fmt.Sprint(err); c.err == "" && (err != nil || len(k) == 0) || c.err != "" && (!strings.Contains(got, c.err) || strings.Contains(got, "secret")) {
			t.Errorf("%s: got %d keys, %v, want %q", c.name, len(k), err, c.err)
		}
	}
	// A file that cannot be read is no verdict on a token.
	d := newDesk(t, accounts, tokenMain...)
	if r, _, _ := d.login("XOAUTH2", "ann@example.com", i.sign(jwt.SigningMethodRS256, i.rsa, "rsa"), sasl.Channel{}); r.State != ipc.AuthTempFail {
		t.Errorf("no file: got %+v", r)
	}
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	var asked []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		asked = append(asked, r)
		switch r.PostForm.Get("token") {
		case "good":
			fmt.Fprintf(w, `{"active":true,"email":"ann@example.com","aud":"mail","scope":"mail","iss":"i","exp":%d}`, time.Now().Add(time.Hour).Unix())
		case "old":
			fmt.Fprintf(w, `{"active":true,"email":"ann@example.com","aud":"mail","scope":"mail","iss":"i","exp":%d}`, time.Now().Add(-time.Hour).Unix())
		case "broken":
			http.Error(w, "down", http.StatusInternalServerError)
		case "moved":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		default:
			fmt.Fprint(w, `{"active":false}`)
		}
	}))
	defer server.Close()
	d := newDesk(t, accounts, "oauth2_introspection_url = "+server.URL+"/introspect", "oauth2_client_id = me", "oauth2_client_secret_file = DIR/secret",
		"oauth2_audience = mail", "auth_failure_delay = 0")
	d.write("secret", "sesame:x\n")
	for token, want := range map[string]string{
		"good": ipc.AuthOK, "old": ipc.AuthFailed, "bad": ipc.AuthFailed, "broken": ipc.AuthTempFail, "moved": ipc.AuthTempFail,
	} {
		if r, _, _ := d.login("XOAUTH2", "ann@example.com", token, sasl.Channel{}); r.State != want {
			t.Errorf("%s: got %+v, want %s", token, r, want)
		}
	}
	if user, password, _ := asked[0].BasicAuth(); user != "me" || password != "sesame%3Ax" || len(asked) != 5 {
		t.Errorf("asked %d times, as %s", len(asked), user)
	}
	if err := os.Chmod(filepath.Join(d.dir, "secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, _, _ := d.login("XOAUTH2", "ann@example.com", "good", sasl.Channel{}); r.State != ipc.AuthTempFail {
		t.Errorf("a secret that others read: got %+v", r)
	}
	if log := d.log(); strings.Contains(log, "sesame") || !strings.Contains(log, "chmod 600") {
		t.Errorf("got\n%s", log)
	}
	for url, ok := range map[string]bool{
		"https://issuer.example.com/x": true, "http://127.0.0.1:80/": true, "http://[::1]/": true,
		"http://issuer.example.com/": false, "http://localhost/": false, "https://u:p@issuer.example.com/": false, "ldap://x": false,
	} {
		d.write("main.cf", "oauth2_introspection_url = "+url+"\n")
		c, err := config.Load(d.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newBearers(c, d.l.log); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// FuzzKeys: a file of keys is understood or an error that has nothing of it;
// what is understood is strong enough.
func FuzzKeys(f *testing.F) {
	f.Add(`{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}`)
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}`)
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := parseKeys("/nowhere", []byte(s))
		if err == nil && len(k) == 0 {
			t.Fatal("neither keys nor an error")
		}
		for _, one := range k {
			if secret, ok := one.value.([]byte); ok && len(secret) < 32 {
				t.Fatalf("a secret of %d octets", len(secret))
			}
		}
	})
}
