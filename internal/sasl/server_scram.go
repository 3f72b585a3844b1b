package sasl

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
)

// maxNonce is the longest nonce of a client, octets. Nothing keeps clients from
// long ones, but nothing wants them.
const maxNonce = 512

// scramServer is the server's side of SCRAM; see scram for what is said.
type scramServer struct {
	k       Keeper
	hash    *scramHash
	bound   bool // the mechanism is -PLUS
	binding []byte
	nonce   string // the server's
	step    int

	user, authz string
	header      string // GS2's
	auth        string // AuthMessage as far as it is known
	whole       string // both nonces
	verifier    *Verifier
}

func newScramServer(k Keeper, h *scramHash, bound bool, binding []byte) *scramServer {
	return &scramServer{k: k, hash: h, bound: bound, binding: binding, nonce: rand.Text()}
}

func (s *scramServer) Next(m []byte) ([]byte, bool, error) {
	if s.step == 0 && m == nil {
		s.step = 1
		return []byte{}, false, nil
	}
	s.step = max(s.step, 1) + 1
	if len(m) > MaxMessage {
		return nil, false, ErrResponse
	}
	switch s.step {
	case 2:
		return s.challenge(string(m))
	case 3:
		return s.check(string(m))
	case 4:
		// The client has seen the server's proof.
		if len(m) > 0 {
			return nil, false, ErrResponse
		}
		return nil, true, nil
	}
	return nil, false, ErrUnexpected
}

// challenge answers client-first-message.
func (s *scramServer) challenge(first string) ([]byte, bool, error) {
	f := strings.SplitN(first, ",", 3)
	if len(f) != 3 || !s.flag(f[0]) {
		return nil, false, ErrResponse
	}
	if f[1] != "" {
		name, found := strings.CutPrefix(f[1], "a=")
		authz, ok := readSaslname(name)
		if !found || !ok || !isName(authz) {
			return nil, false, ErrResponse
		}
		s.authz = authz
	}
	bare := f[2]
	s.header = first[:len(first)-len(bare)]
	fields := strings.Split(bare, ",")
	// An extension that is mandatory ("m=") would come first (RFC 5802, 5.1).
	name, ok1 := strings.CutPrefix(fields[0], "n=")
	user, ok2 := readSaslname(name)
	if !ok1 || !ok2 || !isName(user) || len(fields) < 2 {
		return nil, false, ErrResponse
	}
	nonce, ok := strings.CutPrefix(fields[1], "r=")
	if !ok || !isNonce(nonce) {
		return nil, false, ErrResponse
	}
	v, err := s.k.Verifier(user, s.hash.name)
	if err != nil {
		return nil, false, err
	}
	s.user, s.verifier, s.whole = user, v, nonce+s.nonce
	answer := "r=" + s.whole + ",s=" + base64.StdEncoding.EncodeToString(v.Salt) + ",i=" + strconv.Itoa(v.Rounds)
	s.auth = bare + "," + answer + ","
	return []byte(answer), false, nil
}

// flag looks at the channel binding flag (RFC 5802, 6). "y" is a client that
// could bind and thinks that the server cannot: somebody may have hidden it.
func (s *scramServer) flag(f string) bool {
	if s.bound {
		return f == "p=tls-exporter"
	}
	return f == "n" || f == "y" && s.binding == nil
}

// check looks at client-final-message. The proof is ClientKey XOR HMAC(StoredKey,
// AuthMessage), and StoredKey the hash of ClientKey.
func (s *scramServer) check(final string) ([]byte, bool, error) {
	without, proof64, ok := cutLast(final, ",p=")
	proof, err := base64.StdEncoding.DecodeString(proof64)
	if !ok || err != nil || len(proof) != s.hash.size {
		return nil, false, ErrResponse
	}
	f := strings.Split(without, ",")
	channel, ok := strings.CutPrefix(f[0], "c=")
	if !ok || len(f) < 2 || f[1] != "r="+s.whole {
		return nil, false, ErrResponse
	}
	want := []byte(s.header)
	if s.bound {
		want = append(want, s.binding...)
	}
	if got, err := base64.StdEncoding.DecodeString(channel); err != nil || !hmac.Equal(got, want) {
		// Another channel than ours: somebody sits between.
		return nil, false, ErrRefused
	}
	auth := []byte(s.auth + without)
	key := s.hash.mac(s.verifier.StoredKey, auth)
	subtle.XORBytes(key, key, proof)
	if !hmac.Equal(s.hash.sum(key), s.verifier.StoredKey) {
		return nil, false, ErrRefused
	}
	if err := s.k.Admit(&Claim{By: BySecret, User: s.user, Authz: s.authz}); err != nil {
		return nil, false, err
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(s.hash.mac(s.verifier.ServerKey, auth))), false, nil
}

// isNonce tells whether s is printable ASCII without commas.
func isNonce(s string) bool {
	return s != "" && len(s) <= maxNonce && !strings.ContainsFunc(s, func(c rune) bool { return c < '!' || c > '~' || c == ',' })
}

// cutLast is strings.Cut at the last place.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
