package peer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"sync"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// A Keeper is authd's role "tls" for tests: it has the keys.
type Keeper struct {
	t *testing.T

	mu     sync.Mutex // guards what follows
	certs  []tls.Certificate
	number uint64
	asked  map[string]int // requests by what they want
	conns  []*fdpass.Conn
	err    string
}

// NewKeeper returns a Keeper of certificates.
func NewKeeper(t *testing.T, certs ...tls.Certificate) *Keeper {
	return &Keeper{t: t, certs: certs, number: 1, asked: map[string]int{}}
}

// Dial connects to the keeper.
func (k *Keeper) Dial() (*fdpass.Conn, error) {
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.conns = append(k.conns, theirs)
	k.mu.Unlock()
	go k.serve(theirs)
	k.t.Cleanup(func() { ours.Close() })
	return ours, nil
}

// Set has the keeper go over to other certificates.
func (k *Keeper) Set(certs ...tls.Certificate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.certs = certs
	k.number++
}

// Fail makes every answer an error; "" none.
func (k *Keeper) Fail(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = text
}

// Drop ends the connections, as authd does when another generation follows.
func (k *Keeper) Drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		c.Close()
	}
	k.conns = nil
}

// Asked is how many requests of a kind there were.
func (k *Keeper) Asked(op string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[op]
}

func (k *Keeper) serve(c *fdpass.Conn) {
	defer c.Close()
	var hello ipc.Hello
	if _, err := c.Recv(&hello); err != nil || hello.Role != ipc.RoleTLS || hello.Version != ipc.TLSVersion {
		return
	}
	for {
		var q ipc.TLSRequest
		if _, err := c.Recv(&q); err != nil {
			return
		}
		if c.Send(k.answer(&q)) != nil {
			return
		}
	}
}

func (k *Keeper) answer(q *ipc.TLSRequest) ipc.TLSReply {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked[q.Op]++
	a := ipc.TLSReply{ID: q.ID, Revision: k.number}
	if k.err != "" {
		a.Error = k.err
		return a
	}
	for _, c := range k.certs {
		if q.Op == ipc.TLSChains {
			a.Chains = append(a.Chains, c.Certificate)
			continue
		}
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			k.t.Error(err)
			continue
		}
		if sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo); string(sum[:]) != string(q.Key) {
			continue
		}
		var opts crypto.SignerOpts = crypto.Hash(q.Hash)
		if q.PSS {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.Hash(q.Hash)}
		}
		if a.Signature, err = c.PrivateKey.(crypto.Signer).Sign(rand.Reader, q.Digest, opts); err != nil {
			a.Error = err.Error()
		}
		return a
	}
	if q.Op == ipc.TLSSign {
		a.Error = "no such key"
	}
	return a
}
