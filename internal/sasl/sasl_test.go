package sasl

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
)

func anyMechanism(string) (bool, error) { return true, nil }

// client begins an exchange in the mechanism of that name.
func client(t testing.TB, name string, c Credentials, ch Channel) Party {
	t.Helper()
	m, err := Choose([]string{name}, 0, c, ch, anyMechanism)
	if err != nil {
		t.Fatal(err)
	}
	return m.Client(c, ch)
}

// A step of an exchange, as the client sees it.
type step struct {
	hear    string
	say     string
	content bool
	err     error
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	tim := Credentials{User: "tim", Secret: "tanstaaftanstaaf"}
	token := Credentials{User: "user@example.com", Secret: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", Token: true}
	for _, c := range []struct {
		name, mechanism string
		c               Credentials
		ch              Channel
		steps           []step
	}{
		{"PLAIN of RFC 4616, 4", "PLAIN", tim, Channel{}, []step{
			{say: "\x00tim\x00tanstaaftanstaaf", content: true},
			{hear: "more", err: ErrUnexpected},
		}},
		{"CRAM-MD5 of RFC 2195, 2", "CRAM-MD5", tim, Channel{}, []step{
			{say: nothing},
			{hear: "<1896.697170952@postoffice.reston.mci.net>", say: "tim b913a602c7eda7a495b4e6e7334d3890", content: true},
			{hear: "more", err: ErrUnexpected},
		}},
		{"CRAM-MD5 of nothing", "CRAM-MD5", tim, Channel{}, []step{{say: nothing}, {hear: "", err: ErrMalformed}}},
		{"LOGIN", "LOGIN", tim, Channel{}, []step{
			{say: nothing},
			{hear: "Username:", say: "tim"},
			{hear: "Password:", say: "tanstaaftanstaaf", content: true},
			{hear: "Mother's maiden name:", err: ErrUnexpected},
		}},
		{"OAUTHBEARER of RFC 7628, 4.1", "OAUTHBEARER", token, Channel{Host: "server.example.com", Port: 143}, []step{
			{say: "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01", content: true},
			{hear: `{"status":"invalid_token"}`, say: "\x01"},
		}},
		{"XOAUTH2", "XOAUTH2", Credentials{User: "someuser@example.com", Secret: "ya29.x", Token: true}, Channel{}, []step{
			{say: "user=someuser@example.com\x01auth=Bearer ya29.x\x01\x01", content: true},
			{hear: `{"status":"401"}`, say: ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, client(t, c.mechanism, c.c, c.ch), c.steps)
		})
	}
}

// nothing is a nil answer.
const nothing = "(nothing)"

func run(t *testing.T, p Party, steps []step) {
	t.Helper()
	for i, s := range steps {
		var hear []byte
		if i > 0 {
			hear = []byte(s.hear)
		}
		say, content, err := p.Next(hear)
		got := string(say)
		if say == nil && err == nil {
			got = nothing
		}
		if got != s.say || content != s.content || !errors.Is(err, s.err) {
			t.Fatalf("step %d: got %q %t %v, want %q %t %v", i+1, got, content, err, s.say, s.content, s.err)
		}
	}
}

// The example of RFC 7677, 3.
const (
	rfc7677Nonce = "rOprNGfwEbeRWgbNEkqO"
	rfc7677First = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfc7677Proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfc7677Final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func rfc7677() *scram {
	s := newScram(Credentials{User: "user", Secret: "pencil"}, scramSHA256, nil)
	s.nonce = rfc7677Nonce
	return s
}

func TestSCRAM(t *testing.T) {
	t.Parallel()
	hello := step{say: "n,,n=user,r=" + rfc7677Nonce}
	proof := step{hear: rfc7677First, say: rfc7677Proof}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"RFC 7677, 3", []step{hello, proof, {hear: rfc7677Final, content: true}}},
		{"the server does not know the password", []step{hello, proof, {hear: "v=" + strings.Repeat("A", 43) + "=", err: ErrServer}}},
		{"the server refuses", []step{hello, proof, {hear: "e=invalid-proof"}}},
		{"no signature", []step{hello, proof, {hear: "", err: ErrMalformed}}},
		{"a foreign nonce", []step{hello, {hear: "r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", err: ErrMalformed}}},
		{"a nonce without the server's part", []step{hello, {hear: "r=" + rfc7677Nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", err: ErrMalformed}}},
		{"few rounds", []step{hello, {hear: strings.Replace(rfc7677First, "4096", "1", 1), err: ErrMalformed}}},
		{"rounds without end", []step{hello, {hear: strings.Replace(rfc7677First, "4096", "2000000000", 1), err: ErrMalformed}}},
		{"an extension that must be known", []step{hello, {hear: "m=x," + rfc7677First, err: ErrMalformed}}},
		{"an extension that need not", []step{hello, {hear: rfc7677First + ",x=y",
			say: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=" + proofWithExtension}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, rfc7677(), c.steps)
		})
	}
}

// proofWithExtension differs from the RFC's, since the server's message is
// signed as a whole.
var proofWithExtension = func() string {
	s := rfc7677()
	s.Next(nil)
	m, _, _ := s.Next([]byte(rfc7677First + ",x=y"))
	_, p, _ := strings.Cut(string(m), ",p=")
	return p
}()

// The binding is named in the header and is part of what is signed.
func TestChannelBinding(t *testing.T) {
	t.Parallel()
	exporter := []byte("0123456789abcdef0123456789abcdef")
	p := client(t, "SCRAM-SHA-256-PLUS", Credentials{User: "a,b=c", Secret: "pencil"}, Channel{Exporter: exporter}).(*scram)
	first, _, _ := p.Next(nil)
	if want := "p=tls-exporter,,n=a=2Cb=3Dc,r=" + p.nonce; string(first) != want {
		t.Errorf("got %q, want %q", first, want)
	}
	final, _, err := p.Next([]byte("r=" + p.nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	want := "c=" + base64.StdEncoding.EncodeToString(append([]byte("p=tls-exporter,,"), exporter...)) + ",r="
	if err != nil || !strings.HasPrefix(string(final), want) {
		t.Errorf("got %q, %v, want %q...", final, err, want)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	password, token := Credentials{User: "u", Secret: "p"}, Credentials{User: "u", Secret: "t", Token: true}
	bound := Channel{Exporter: []byte("x")}
	all := "login PLAIN cram-md5 SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER GSSAPI"
	for _, c := range []struct {
		offered string
		want    Properties
		c       Credentials
		ch      Channel
		not     string
		chosen  string
	}{
		{all, 0, password, bound, "", "SCRAM-SHA-256-PLUS"},
		{all, 0, password, Channel{}, "", "SCRAM-SHA-256"},
		{all, 0, password, Channel{}, "SCRAM-SHA-256", "CRAM-MD5"},
		{"LOGIN PLAIN", NoAnonymous, password, Channel{}, "", "PLAIN"},
		{"login", NoAnonymous, password, Channel{}, "", "LOGIN"},
		{"LOGIN PLAIN", NoPlaintext | NoAnonymous, password, Channel{}, "", ""},
		{"LOGIN PLAIN CRAM-MD5", NoPlaintext, password, Channel{}, "", "CRAM-MD5"},
		{"CRAM-MD5", MutualAuth, password, Channel{}, "", ""},
		{all, NoDictionary, password, bound, "", ""},
		{all, 0, token, Channel{}, "", "OAUTHBEARER"},
		{"XOAUTH2 PLAIN", NoAnonymous, token, Channel{}, "", "XOAUTH2"},
		{"PLAIN LOGIN", 0, token, Channel{}, "", ""},
		{all, NoPlaintext, token, Channel{}, "", ""},
		{"", 0, password, Channel{}, "", ""},
	} {
		m, err := Choose(strings.Fields(c.offered), c.want, c.c, c.ch, func(n string) (bool, error) { return n != c.not, nil })
		got := ""
		if err == nil {
			got = m.Name
		}
		if got != c.chosen || (err != nil) != (c.chosen == "") {
			t.Errorf("of %q with %b: got %q, %v, want %q", c.offered, c.want, got, err, c.chosen)
		}
	}
	if _, err := ParseProperties([]string{"noplaintext", "nofun"}); err == nil {
		t.Error("nofun is a property")
	}
}

// The examples of RFC 4013, 3, as far as they change something.
func TestPrepare(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"user": "user", "USER": "USER", "I\u00adX": "IX", "\u00aa": "a", "\u2168": "IX", "a\u00a0b": "a b",
	} {
		if got := prepare(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

var manyRounds = regexp.MustCompile(`,i=[+0-9]{6}`)

// A server may say anything: a client answers or gives up, never panics, never
// sends the password in a mechanism that does not, and is never content with a
// SCRAM server that has not proven itself.
func FuzzChallenges(f *testing.F) {
	f.Add(uint8(1), []byte(rfc7677First), []byte(rfc7677Final))
	f.Add(uint8(2), []byte("<1896.697170952@postoffice.reston.mci.net>"), []byte(""))
	f.Add(uint8(5), []byte(`{"status":"401"}`), []byte("x"))
	f.Fuzz(func(t *testing.T, which uint8, one, two []byte) {
		m := &mechanisms[int(which)%len(mechanisms)]
		if m.client == nil {
			return
		}
		const secret = "correct horse battery staple"
		p := m.Client(Credentials{User: "u", Secret: secret, Token: m.token}, Channel{Exporter: []byte("x")})
		if s, ok := p.(*scram); ok {
			s.nonce = rfc7677Nonce
			if manyRounds.Match(one) || manyRounds.Match(two) {
				return // they are slow, and allowed
			}
		}
		for _, challenge := range [][]byte{nil, one, two, one} {
			answer, content, err := p.Next(challenge)
			if m.Has&NoPlaintext != 0 && strings.Contains(string(answer), secret) {
				t.Fatalf("%s gave the password away", m.Name)
			}
			if content && m.Has&MutualAuth != 0 {
				t.Fatalf("%s is content with a server that does not know the password", m.Name)
			}
			if err != nil {
				return
			}
		}
	})
}
