package authd

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ids"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// tlsParams are the parameters that say where certificates are.
func tlsParams() []*config.Def {
	defs := []*config.Def{
		config.TLSCertFile.Def, config.TLSKeyFile.Def, config.TLSChainFiles.Def, config.TLSSelfSigned.Def, config.TLSServerSNIMaps.Def,
		config.Myhostname.Def, config.SmtpdUser.Def, config.LoginUser.Def,
	}
	defs = append(defs, config.ACME...)
	for _, k := range slices.Concat(config.ServerKeys, config.ClientKeys) {
		defs = append(defs, k.Rows()...)
	}
	return defs
}

// A signer has the conversation about TLS keys. Its fields do not change.
type signer struct {
	log  *maillog.Logger
	keys *keyring
	sets map[string]map[uint32]bool // who may use a set
}

const (
	// atOnce is how many requests of one client are worked on at a time.
	atOnce = 32
	// sendTime is how long a client may take to take an answer.
	sendTime = 10 * time.Second
)

func newSigner(c *config.Config, log *maillog.Logger, acme *subscriber) (*signer, error) {
	keys, err := newKeyring(c, log, acme)
	if err != nil {
		return nil, err
	}
	login, smtp := ids.Trusted(config.LoginUser.Of(c)), ids.Trusted(config.SmtpUser.Of(c))
	return &signer{log: log, keys: keys, sets: map[string]map[uint32]bool{
		"smtpd": ids.Trusted(config.SmtpdUser.Of(c)), "pop3d": login, "imapd": login,
		"smtp": smtp, "lmtp": smtp,
	}}, nil
}

// users are all who may use any set.
func (s *signer) users() map[uint32]bool {
	return union(slices.Collect(maps.Values(s.sets))...)
}

// union is those who are in any of some sets.
func union(sets ...map[uint32]bool) map[uint32]bool {
	all := map[uint32]bool{}
	for _, users := range sets {
		maps.Copy(all, users)
	}
	return all
}

// serve answers one client's requests, several at a time.
func (s *signer) serve(ctx context.Context, c *fdpass.Conn) {
	peer, err := c.Peer()
	if err != nil {
		s.log.Warn("who is connected: %v", err)
		return
	}
	slots := make(chan struct{}, atOnce)
	defer func() { // whoever works still writes to the connection
		for range atOnce {
			slots <- struct{}{}
		}
	}()
	for ctx.Err() == nil {
		q := new(ipc.TLSRequest)
		// A client keeps its connection while it lives.
		if !receiveBy(s.log, c, q, time.Time{}) {
			return
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			a := s.answer(q, peer.Uid)
			c.Unix().SetWriteDeadline(time.Now().Add(sendTime))
			if err := c.Send(a); err != nil && !errors.Is(err, os.ErrClosed) {
				s.log.Warn("answer to process %d: %v", peer.Pid, err)
			}
		}()
	}
}

// answer answers one request.
func (s *signer) answer(q *ipc.TLSRequest, uid uint32) (a ipc.TLSReply) {
	a.ID = q.ID
	err := func() error {
		if !s.sets[q.Set][uid] {
			return fmt.Errorf("uid %d may not use the keys of %q", uid, maillog.Clean(q.Set))
		}
		if len(q.Name) > 255 {
			return errors.New("a server name that is too long")
		}
		switch q.Op {
		case ipc.TLSChains:
			chains, revision, err := s.keys.get(q.Set, q.Name)
			for _, c := range chains {
				a.Chains = append(a.Chains, c.der)
			}
			a.Revision = revision
			return err
		case ipc.TLSSign:
			chain, err := s.keys.find(q.Set, q.Name, q.Key)
			if err != nil {
				return err
			}
			a.Revision = s.keys.current()
			a.Signature, err = sign(chain.key, q)
			return err
		}
		return fmt.Errorf("unknown request %q", maillog.Clean(q.Op))
	}()
	if err != nil {
		a = ipc.TLSReply{ID: q.ID, Error: err.Error()}
	}
	return a
}

func (k *keyring) current() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.revision
}

// hashes are those that TLS 1.2 and 1.3 sign with: whoever has taken over a
// client of this conversation gets signatures on digests and no more.
var hashes = map[crypto.Hash]bool{crypto.SHA256: true, crypto.SHA384: true, crypto.SHA512: true}

// sign signs what a handshake wants signed.
func sign(key crypto.Signer, q *ipc.TLSRequest) ([]byte, error) {
	h := crypto.Hash(q.Hash)
	if k, ok := key.(ed25519.PrivateKey); ok {
		if h != 0 || len(q.Digest) > ipc.MaxTLSMessage || !isHandshake(q.Digest) && !isTranscript(q.Digest) {
			return nil, errors.New("not what a TLS handshake signs with Ed25519")
		}
		return k.Sign(rand.Reader, q.Digest, crypto.Hash(0))
	}
	if !hashes[h] || len(q.Digest) != h.Size() {
		return nil, fmt.Errorf("%d octets are no digest of hash %d: want SHA-256, SHA-384 or SHA-512", len(q.Digest), q.Hash)
	}
	var opts crypto.SignerOpts = h
	if q.PSS {
		if _, ok := key.(*rsa.PrivateKey); !ok {
			return nil, errors.New("PSS is for RSA keys")
		}
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	return key.Sign(rand.Reader, q.Digest, opts)
}

// isHandshake tells whether a message is one that TLS signs: Ed25519 takes no
// digest, so without a look anything could be signed, a certificate even.
func isHandshake(m []byte) bool {
	if text, ok := bytes.CutPrefix(m, []byte(strings.Repeat(" ", 64))); ok { // RFC 8446, 4.4.3
		for _, side := range []string{"server", "client"} {
			if hash, ok := bytes.CutPrefix(text, []byte("TLS 1.3, "+side+" CertificateVerify\x00")); ok {
				return len(hash) == 32 || len(hash) == 48
			}
		}
		return false
	}
	// RFC 8422, 5.4: two random values, then named_curve, the curve, the point.
	const random, head = 64, 68
	if len(m) <= head || m[random] != 3 || m[random+1] != 0 || int(m[random+3]) != len(m)-head {
		return false
	}
	point := m[head:]
	if size := map[byte]int{23: 65, 24: 97, 25: 133}[m[random+2]]; size > 0 { // the curves of NIST
		return len(point) == size && point[0] == 4
	}
	return m[random+2] == 29 && len(point) == 32 // X25519
}

// isTranscript tells whether a message is all that has been said when a client
// of TLS 1.2 signs (RFC 5246, 7.4.8): its hello to its key exchange, whole, in
// their order, and nothing else. Nothing that is signed elsewhere begins so.
func isTranscript(m []byte) bool {
	const head, hello, keyExchange = 4, 1, 16
	// The types, 22 that of a stapled OCSP reply, and which of them may be left out.
	order := [...]struct {
		kind     byte
		optional bool
	}{{hello, false}, {2, false}, {11, false}, {22, true}, {12, true}, {13, false}, {14, false}, {11, false}, {keyExchange, false}}
	for _, want := range order {
		if len(m) < head {
			return false
		}
		if m[0] != want.kind && want.optional {
			continue
		}
		size := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
		if m[0] != want.kind || size > len(m)-head {
			return false
		}
		if body := m[head : head+size]; m[0] == hello && (size < 2 || body[0] != 3 || body[1] != 3) {
			return false
		}
		m = m[head+size:]
	}
	return len(m) == 0
}
