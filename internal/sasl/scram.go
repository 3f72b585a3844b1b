package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
)

// Bounds of what a server may ask of a client (RFC 7677, 4 asks for at least
// 4096 rounds). A weak count would make the proof easy to guess from, a huge one
// would keep the client busy.
const (
	minRounds = 4096
	maxRounds = 2_000_000
)

// A scramHash is the hash of a SCRAM mechanism.
type scramHash struct {
	name string
	make func() hash.Hash
	size int
}

var (
	scramSHA256 = &scramHash{"SHA-256", sha256.New, sha256.Size}
	scramSHA1   = &scramHash{"SHA-1", sha1.New, sha1.Size}
)

func (s *scramHash) mac(key, b []byte) []byte {
	h := hmac.New(s.make, key)
	h.Write(b)
	return h.Sum(nil)
}

func (s *scramHash) sum(b []byte) []byte {
	h := s.make()
	h.Write(b)
	return h.Sum(nil)
}

// scram is the client's side of SCRAM (RFC 5802, 3):
//
//	C: n,,n=user,r=NONCE
//	S: r=NONCE...,s=SALT,i=ROUNDS
//	C: c=biws,r=NONCE...,p=PROOF
//	S: v=SIGNATURE
//
// With a channel binding the header is p=tls-exporter in place of n, and c= has
// the binding behind it.
type scram struct {
	Credentials
	hash    *scramHash
	binding []byte
	nonce   string
	step    int

	bare   string // client-first-message-bare
	expect []byte // the server's signature
}

func newScram(c Credentials, h *scramHash, binding []byte) *scram {
	return &scram{Credentials: c, hash: h, binding: binding, nonce: rand.Text()}
}

func (s *scram) Next(m []byte) ([]byte, bool, error) {
	s.step++
	if len(m) > MaxMessage {
		return nil, false, ErrMalformed
	}
	switch s.step {
	case 1:
		s.bare = "n=" + saslname(prepare(s.User)) + ",r=" + s.nonce
		return []byte(s.header() + s.bare), false, nil
	case 2:
		return s.prove(string(m))
	case 3:
		return s.check(string(m))
	}
	return nil, false, ErrUnexpected
}

// header is the GS2 header.
func (s *scram) header() string {
	if s.binding != nil {
		return "p=tls-exporter,,"
	}
	// Not "y", which ends the exchange with a server that offers -PLUS where
	// smtp_sasl_mechanism_filter has ruled that out.
	return "n,,"
}

// prove answers server-first-message.
func (s *scram) prove(first string) ([]byte, bool, error) {
	fields := strings.Split(first, ",")
	if len(fields) < 3 {
		return nil, false, ErrMalformed
	}
	// RFC 5802, 5.1: an extension that is mandatory ("m=") comes first, and
	// ends the exchange where it is not known; those behind i= are passed over.
	nonce, ok1 := strings.CutPrefix(fields[0], "r=")
	salt64, ok2 := strings.CutPrefix(fields[1], "s=")
	count, ok3 := strings.CutPrefix(fields[2], "i=")
	salt, err := base64.StdEncoding.DecodeString(salt64)
	rounds, err2 := strconv.Atoi(count)
	if !ok1 || !ok2 || !ok3 || err != nil || err2 != nil || len(salt) == 0 {
		return nil, false, ErrMalformed
	}
	// The nonce must be ours with something of the server's behind it.
	if !strings.HasPrefix(nonce, s.nonce) || len(nonce) == len(s.nonce) || rounds < minRounds || rounds > maxRounds {
		return nil, false, ErrMalformed
	}
	salted, err := pbkdf2.Key(s.hash.make, prepare(s.Secret), salt, rounds, s.hash.size)
	if err != nil {
		return nil, false, err
	}
	final := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.header()), s.binding...)) + ",r=" + nonce
	auth := []byte(s.bare + "," + first + "," + final)
	clientKey := s.hash.mac(salted, []byte("Client Key"))
	proof := s.hash.mac(s.hash.sum(clientKey), auth)
	subtle.XORBytes(proof, proof, clientKey)
	s.expect = s.hash.mac(s.hash.mac(salted, []byte("Server Key")), auth)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), false, nil
}

// check looks at server-final-message: e= is a refusal, v= the server's proof.
func (s *scram) check(final string) ([]byte, bool, error) {
	if strings.HasPrefix(final, "e=") {
		return []byte{}, false, nil
	}
	v, ok := strings.CutPrefix(final, "v=")
	v, _, _ = strings.Cut(v, ",")
	signature, err := base64.StdEncoding.DecodeString(v)
	if !ok || err != nil {
		return nil, false, ErrMalformed
	}
	if !hmac.Equal(signature, s.expect) {
		return nil, false, ErrServer
	}
	return []byte{}, true, nil
}
