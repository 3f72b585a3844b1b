package sasl

import (
	"crypto/pbkdf2"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

// book is a Keeper for tests: users and their passwords.
type book struct {
	users    map[string]string
	salt     string // base64
	admitted []Claim
	down     error
}

func (b *book) Verifier(user, hash string) (*Verifier, error) {
	h := scramSHA256
	if hash == "SHA-1" {
		h = scramSHA1
	}
	salt, err := base64.StdEncoding.DecodeString(b.salt)
	if err != nil {
		return nil, err
	}
	password, ok := b.users[user]
	if !ok {
		password = "nobody knows"
	}
	salted, err := pbkdf2.Key(h.make, password, salt, 4096, h.size)
	if err != nil {
		return nil, err
	}
	return &Verifier{salt, 4096, h.sum(h.mac(salted, []byte("Client Key"))), h.mac(salted, []byte("Server Key"))}, b.down
}

func (b *book) Plaintext(user string) (string, error) {
	if p, ok := b.users[user]; ok {
		return p, b.down
	}
	return "nobody knows", b.down
}

func (b *book) Admit(c *Claim) error {
	switch {
	case b.down != nil:
		return b.down
	case c.By == ByPassword && (c.Secret == "" || b.users[c.User] != c.Secret), c.By == ByToken && c.Secret != "good",
		c.Authz != "" && c.Authz != c.User:
		return ErrRefused
	}
	b.admitted = append(b.admitted, *c)
	return nil
}

func newBook() *book {
	return &book{users: map[string]string{"user": "pencil", "tim": "tanstaaftanstaaf", "a,b=c": "x"}, salt: "W22ZaJ0SNY7soEsUEjb6gQ=="}
}

const every = Passwords | Verifiers256 | Verifiers1 | Plaintexts | Tokens | Certificates

// A turn is one message of the client and what the server makes of it.
type turn struct {
	hear, say string // nothing: nil
	content   bool
	err       error
}

func play(t *testing.T, p Party, turns []turn) {
	t.Helper()
	for i, s := range turns {
		var hear []byte
		if s.hear != nothing {
			hear = []byte(s.hear)
		}
		say, content, err := p.Next(hear)
		got := string(say)
		if say == nil {
			got = nothing
		}
		if s.err != nil && s.say == "" {
			s.say = nothing
		}
		if got != s.say || content != s.content || !errors.Is(err, s.err) {
			t.Fatalf("turn %d: got %q %t %v, want %q %t %v", i+1, got, content, err, s.say, s.content, s.err)
		}
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for _, c := range []struct {
		name, mechanism string
		turns           []turn
		user            string // admitted
	}{
		{"PLAIN of RFC 4616, 4", "PLAIN", []turn{{"\x00tim\x00tanstaaftanstaaf", nothing, true, nil}, {"", "", false, ErrUnexpected}}, "tim"},
		{"PLAIN, asked", "PLAIN", []turn{{nothing, "", false, nil}, {"tim\x00tim\x00tanstaaftanstaaf", nothing, true, nil}}, "tim"},
		{"PLAIN, wrong", "PLAIN", []turn{{"\x00tim\x00x", "", false, ErrRefused}}, ""},
		{"PLAIN as somebody else", "PLAIN", []turn{{"Kurt\x00tim\x00tanstaaftanstaaf", "", false, ErrRefused}}, ""},
		{"PLAIN of two parts", "PLAIN", []turn{{"tim\x00tanstaaftanstaaf", "", false, ErrResponse}}, ""},
		{"PLAIN of four parts", "PLAIN", []turn{{"\x00tim\x00tan\x00staaftanstaaf", "", false, ErrResponse}}, ""},
		{"PLAIN with a line end", "PLAIN", []turn{{"\x00ti\nm\x00x", "", false, ErrResponse}}, ""},
		{"PLAIN, not UTF-8", "PLAIN", []turn{{"\x00ti\xffm\x00x", "", false, ErrResponse}}, ""},
		{"PLAIN, a long name", "PLAIN", []turn{{"\x00" + strings.Repeat("x", 256) + "\x00x", "", false, ErrResponse}}, ""},
		{"PLAIN, long", "PLAIN", []turn{{"\x00tim\x00" + strings.Repeat("x", MaxMessage), "", false, ErrResponse}}, ""},
		{"PLAIN of nothing", "PLAIN", []turn{{"", "", false, ErrResponse}}, ""},

		{"LOGIN", "LOGIN", []turn{{nothing, "Username:", false, nil}, {"tim", "Password:", false, nil}, {"tanstaaftanstaaf", nothing, true, nil}, {"x", "", false, ErrUnexpected}}, "tim"},
		{"LOGIN with the name", "LOGIN", []turn{{"tim", "Password:", false, nil}, {"tanstaaftanstaaf", nothing, true, nil}}, "tim"},
		{"LOGIN, wrong", "LOGIN", []turn{{"tim", "Password:", false, nil}, {"", "", false, ErrRefused}}, ""},
		{"LOGIN with NUL", "LOGIN", []turn{{"tim", "Password:", false, nil}, {"tim\x00", "", false, ErrResponse}}, ""},
		{"LOGIN of nobody", "LOGIN", []turn{{"", "", false, ErrResponse}}, ""},

		{"EXTERNAL", "EXTERNAL", []turn{{"", nothing, true, nil}}, "cert@example.com"},
		{"EXTERNAL, asked", "EXTERNAL", []turn{{nothing, "", false, nil}, {"cert@example.com", nothing, true, nil}, {"", "", false, ErrUnexpected}}, "cert@example.com"},
		{"EXTERNAL as another", "EXTERNAL", []turn{{"root", "", false, ErrRefused}}, ""},

		{"OAUTHBEARER of RFC 7628, 4.1", "OAUTHBEARER", []turn{{"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer good\x01\x01", nothing, true, nil}}, "user@example.com"},
		{"OAUTHBEARER without a name", "OAUTHBEARER", []turn{{"n,,\x01auth=bearer good\x01\x01", nothing, true, nil}}, ""},
		{"OAUTHBEARER, refused", "OAUTHBEARER", []turn{{"n,a=u,\x01auth=Bearer bad\x01\x01", `{"status":"invalid_token"}`, false, nil}, {"\x01", "", false, ErrRefused}, {"", "", false, ErrUnexpected}}, ""},
		{"OAUTHBEARER with binding", "OAUTHBEARER", []turn{{"p=tls-exporter,a=u,\x01auth=Bearer good\x01\x01", "", false, ErrResponse}}, ""},
		{"OAUTHBEARER without token", "OAUTHBEARER", []turn{{"n,a=u,\x01host=x\x01\x01", "", false, ErrResponse}}, ""},
		{"OAUTHBEARER with two tokens", "OAUTHBEARER", []turn{{"n,a=u,\x01auth=Bearer good\x01auth=Bearer bad\x01\x01", "", false, ErrResponse}}, ""},
		{"OAUTHBEARER with a token in parts", "OAUTHBEARER", []turn{{"n,a=u,\x01auth=Bearer go od\x01\x01", "", false, ErrResponse}}, ""},
		{"OAUTHBEARER without end", "OAUTHBEARER", []turn{{"n,a=u,\x01auth=Bearer good\x01", "", false, ErrResponse}}, ""},
		{"XOAUTH2", "XOAUTH2", []turn{{nothing, "", false, nil}, {"user=someuser@example.com\x01auth=Bearer good\x01\x01", nothing, true, nil}}, "someuser@example.com"},
		{"XOAUTH2, refused", "XOAUTH2", []turn{{"user=u\x01auth=Bearer bad\x01\x01", `{"status":"401","schemes":"bearer","scope":"mail"}`, false, nil}, {"", "", false, ErrRefused}}, ""},
		{"XOAUTH2 of nothing", "XOAUTH2", []turn{{"", "", false, ErrResponse}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook()
			ch := Channel{CertName: "cert@example.com"}
			play(t, Server(c.mechanism, b, every, ch), c.turns)
			switch last := c.turns[0]; {
			case last.content != (len(b.admitted) == 1) && len(c.turns) == 1:
				t.Errorf("admitted %+v", b.admitted)
			case c.user != "" && (len(b.admitted) != 1 || b.admitted[0].User != c.user):
				t.Errorf("admitted %+v, want %s", b.admitted, c.user)
			}
			// Not knowing is not refusing.
			b.down = down
			p := Server(c.mechanism, b, every, ch)
			for i, s := range c.turns {
				var hear []byte
				if s.hear != nothing {
					hear = []byte(s.hear)
				}
				if _, content, err := p.Next(hear); content || errors.Is(err, ErrRefused) || errors.Is(err, down) && i >= len(c.turns) {
					t.Errorf("keeper down: %t, %v", content, err)
				} else if err != nil {
					return
				}
			}
		})
	}
}

// The examples of RFC 5802, 5 and RFC 7677, 3.
func TestScramServers(t *testing.T) {
	t.Parallel()
	const (
		nonce1, server1 = "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j"
		first1          = "r=" + nonce1 + server1 + ",s=QSXCR+Q6sek8bf92,i=4096"
		proof1          = "c=biws,r=" + nonce1 + server1 + ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
		server256       = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
		hello           = "n,,n=user,r=" + rfc7677Nonce
	)
	refuse := func(final string, err error) []turn {
		return []turn{{hello, rfc7677First, false, nil}, {final, "", false, err}}
	}
	for _, c := range []struct {
		name  string
		hash  *scramHash
		turns []turn
	}{
		{"RFC 5802, 5", scramSHA1, []turn{{"n,,n=user,r=" + nonce1, first1, false, nil}, {proof1, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", false, nil}, {"", nothing, true, nil}, {"", "", false, ErrUnexpected}}},
		{"RFC 7677, 3", scramSHA256, []turn{{nothing, "", false, nil}, {hello, rfc7677First, false, nil}, {rfc7677Proof, rfc7677Final, false, nil}, {"", nothing, true, nil}}},
		{"more behind the proof", scramSHA256, []turn{{hello, rfc7677First, false, nil}, {rfc7677Proof, rfc7677Final, false, nil}, {"x", "", false, ErrResponse}}},
		{"another proof", scramSHA256, refuse(strings.Replace(rfc7677Proof, "p=d", "p=e", 1), ErrRefused)},
		{"a short proof", scramSHA256, refuse("c=biws,r="+rfc7677Nonce+server256+",p=AAAA", ErrResponse)},
		{"no proof", scramSHA256, refuse("c=biws,r="+rfc7677Nonce+server256, ErrResponse)},
		{"an old nonce", scramSHA256, refuse(strings.Replace(rfc7677Proof, "%hv", "%hw", 1), ErrResponse)},
		{"another header", scramSHA256, refuse(strings.Replace(rfc7677Proof, "biws", "eSws", 1), ErrRefused)},
		{"user unknown", scramSHA256, []turn{{"n,,n=nobody,r=" + rfc7677Nonce, rfc7677First, false, nil}, {rfc7677Proof, "", false, ErrRefused}}},
		{"as somebody else", scramSHA256, []turn{{"n,a=root,n=user,r=" + rfc7677Nonce, rfc7677First, false, nil}, {rfc7677Proof, "", false, ErrRefused}}},
		{"bound", scramSHA256, []turn{{"p=tls-exporter,,n=user,r=x", "", false, ErrResponse}}},
		{"an extension that must be known", scramSHA256, []turn{{"n,,m=x,n=user,r=x", "", false, ErrResponse}}},
		{"no nonce", scramSHA256, []turn{{"n,,n=user", "", false, ErrResponse}}},
		{"an empty nonce", scramSHA256, []turn{{"n,,n=user,r=", "", false, ErrResponse}}},
		{"no name", scramSHA256, []turn{{"n,,n=,r=x", "", false, ErrResponse}}},
		{"a bad escape", scramSHA256, []turn{{"n,,n=us=3der,r=x", "", false, ErrResponse}}},
		{"nothing", scramSHA256, []turn{{"", "", false, ErrResponse}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook()
			s := newScramServer(b, c.hash, false, nil)
			s.nonce = server256
			if c.hash == scramSHA1 {
				b.salt, s.nonce = "QSXCR+Q6sek8bf92", server1
			}
			play(t, s, c.turns)
		})
	}
}

// Each mechanism's client and server understand each other, and the server lets
// nobody in with another password, nor over another channel.
func TestBothSides(t *testing.T) {
	t.Parallel()
	here := Channel{Host: "mx.test", Exporter: []byte("here"), CertName: "tim"}
	for i := range mechanisms {
		m := &mechanisms[i]
		if m.client == nil {
			continue
		}
		for _, c := range []struct {
			name string
			user string
			pass string
			ch   Channel
			want bool
		}{
			{"right", "a,b=c", "x", here, true},
			{"wrong", "a,b=c", "y", here, false},
			{"somebody between", "a,b=c", "x", Channel{Exporter: []byte("there")}, !m.binding},
			{"nobody", "nobody", "x", here, false},
		} {
			secret := c.pass
			if m.token {
				secret = map[string]string{"x": "good", "y": "bad"}[c.pass]
				c.want = c.pass == "x"
			}
			client := m.Client(Credentials{User: c.user, Secret: secret, Token: m.token}, c.ch)
			server := Server(m.Name, newBook(), every, here)
			say, happy, err := client.Next(nil)
			var ok bool
			for range 5 {
				var answer []byte
				if answer, ok, err = server.Next(say); ok || err != nil {
					break
				}
				if say, happy, err = client.Next(answer); err != nil {
					t.Fatalf("%s, %s: client: %v", m.Name, c.name, err)
				}
			}
			if ok != c.want || ok && !happy || !ok && !errors.Is(err, ErrRefused) {
				t.Errorf("%s, %s: got %t, %v, client %t; want %t", m.Name, c.name, ok, err, happy, c.want)
			}
		}
	}
}

func TestOffer(t *testing.T) {
	t.Parallel()
	bound := Channel{Exporter: []byte("x"), CertName: "tim"}
	for _, c := range []struct {
		can  Abilities
		ch   Channel
		want string
	}{
		{every, bound, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 EXTERNAL CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2"},
		{every, Channel{}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2"},
		{Passwords, bound, "PLAIN LOGIN"},
		{Passwords | Verifiers256, Channel{}, "SCRAM-SHA-256 PLAIN LOGIN"},
		{0, bound, ""},
	} {
		if got := strings.Join(Offer(c.can, c.ch), " "); got != c.want {
			t.Errorf("%b: got %s, want %s", c.can, got, c.want)
		}
		for i := range mechanisms {
			name := mechanisms[i].Name
			if got := Server(name, newBook(), c.can, c.ch) != nil; got != slices.Contains(strings.Fields(c.want), name) {
				t.Errorf("%b: server of %s: got %t", c.can, name, got)
			}
		}
	}
	if Server("plain", newBook(), every, bound) != nil || Server("GSSAPI", newBook(), every, bound) != nil {
		t.Error("served what is not offered")
	}
	// "y" says that the server could not bind: not where it can.
	for _, c := range []struct {
		ch  Channel
		err error
	}{{bound, ErrResponse}, {Channel{}, nil}} {
		if _, _, err := Server("SCRAM-SHA-256", newBook(), every, c.ch).Next([]byte("y,,n=user,r=x")); !errors.Is(err, c.err) {
			t.Errorf("y: got %v, want %v", err, c.err)
		}
	}
}

// A client may say anything: a server's side answers or ends the exchange, never
// panics, is content only with whom the keeper has admitted, and in that case
// says nothing more; no admitted name is one that could break a line.
func FuzzResponses(f *testing.F) {
	for i, one := range []string{
		"n,,n=user,r=" + rfc7677Nonce, "n,,n=user,r=x", "p=tls-exporter,a=b,n=us=2Cer,r=x", "y,,n=user,r=x", "user", "",
		"\x00tim\x00tanstaaftanstaaf", "tim", "n,a=u,\x01auth=Bearer good\x01\x01", "user=u\x01auth=Bearer good\x01\x01",
	} {
		f.Add(uint8(i), []byte(one), []byte(rfc7677Proof), true)
		f.Add(uint8(i), []byte(one), []byte("tim b913a602c7eda7a495b4e6e7334d3890"), false)
	}
	f.Fuzz(func(t *testing.T, which uint8, one, two []byte, ask bool) {
		m := &mechanisms[int(which)%len(mechanisms)]
		b := newBook()
		b.users["u"] = "p"
		p := Server(m.Name, b, every, Channel{Host: "mx.test", Exporter: []byte("x"), CertName: "cert"})
		messages := [][]byte{one, two, {}}
		if ask {
			messages = [][]byte{nil, one, two, {}}
		}
		for _, hear := range messages {
			answer, content, err := p.Next(hear)
			switch {
			case content && (len(b.admitted) != 1 || answer != nil):
				t.Fatalf("%s: content with %+v, says %q", m.Name, b.admitted, answer)
			case content && b.admitted[0].User != "" && !isName(b.admitted[0].User):
				t.Fatalf("%s: admitted %q", m.Name, b.admitted[0].User)
			case err == nil && !content && answer == nil:
				t.Fatalf("%s: neither answer nor end", m.Name)
			case len(answer) > 2*maxNonce:
				t.Fatalf("%s: an answer of %d octets", m.Name, len(answer))
			case content && m.Has&NoPlaintext != 0 && m.wants&(Verifiers1|Verifiers256) != 0:
				t.Fatalf("%s: content with a client that cannot know", m.Name)
			}
			if err != nil || content {
				return
			}
		}
	})
}
