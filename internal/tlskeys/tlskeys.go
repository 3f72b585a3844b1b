// Package tlskeys gives a program that speaks TLS the certificates that authd
// has, and signs with their keys without ever seeing one (ipc, tls.go).
//
// Chains are kept for a few seconds, and dropped as soon as authd says that any
// has changed: a handshake costs one round trip. A connection to authd that ends
// is made again; what was outstanding on it is asked once more.
package tlskeys

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

const (
	fresh  = 10 * time.Second // how long chains are used without asking
	usable = 10 * time.Minute // and while authd does not answer
	// maxNames is how many server names are remembered: strangers choose them.
	maxNames = 1024
)

// Options say whose keys a Client uses.
type Options struct {
	Set     string // smtpd, pop3d, imapd, smtp, lmtp
	Program string // for authd's log
	Dial    func() (*fdpass.Conn, error)
}

// A Client has the chains of one set. It is safe for concurrent use.
type Client struct {
	o Options

	mu       sync.Mutex // guards what follows
	link     *link
	names    map[string]*Chains
	revision uint64
}

// Chains are the certificates for one server name.
type Chains struct {
	name     string
	List     []Chain // one a kind of key, the preferred one first
	revision uint64
	asked    time.Time
}

// A Chain is a certificate with its issuers.
type Chain struct {
	DER  [][]byte
	Leaf *x509.Certificate
	key  [sha256.Size]byte
}

// A Refusal is why authd has no certificate, or no signature, in its words. Other
// errors say that it cannot be asked.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// New returns a Client. It connects when it has something to ask.
func New(o Options) *Client { return &Client{o: o, names: map[string]*Chains{}} }

// Close ends the connection to authd.
func (k *Client) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.link != nil {
		k.link.conn.Close()
	}
}

// Chains returns the certificates for a server name; "" none was asked for.
func (k *Client) Chains(ctx context.Context, name string) (*Chains, error) {
	now := time.Now()
	k.mu.Lock()
	have := k.names[name]
	current := have != nil && have.revision == k.revision && now.Sub(have.asked) < fresh
	k.mu.Unlock()
	if current {
		return have, nil
	}
	got, err := k.fetch(ctx, name)
	if err != nil {
		// Where authd answers that there are none, it would not sign either.
		var refused Refusal
		if have != nil && now.Sub(have.asked) < usable && !errors.As(err, &refused) {
			return have, nil
		}
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.names) >= maxNames {
		clear(k.names)
	}
	k.names[name], k.revision = got, got.revision
	return got, nil
}

func (k *Client) fetch(ctx context.Context, name string) (*Chains, error) {
	asked := time.Now()
	a, err := k.ask(ctx, ipc.TLSRequest{Op: ipc.TLSChains, Name: name})
	if err != nil {
		return nil, err
	}
	c := &Chains{name: name, revision: a.Revision, asked: asked}
	for _, der := range a.Chains {
		if len(der) == 0 {
			return nil, errors.New("authd gave an empty chain")
		}
		leaf, err := x509.ParseCertificate(der[0])
		if err != nil {
			return nil, fmt.Errorf("authd gave a certificate that cannot be read: %w", err)
		}
		c.List = append(c.List, Chain{der, leaf, sha256.Sum256(leaf.RawSubjectPublicKeyInfo)})
	}
	return c, nil
}

// Certificates are the chains in the form that package tls takes. Signing ends
// when ctx does; signed is told how, and may be nil.
func (k *Client) Certificates(ctx context.Context, c *Chains, signed func(crypto.SignerOpts)) []tls.Certificate {
	list := make([]tls.Certificate, len(c.List))
	for i, ch := range c.List {
		list[i] = tls.Certificate{Certificate: ch.DER, Leaf: ch.Leaf, PrivateKey: &signer{ctx, k, c.name, ch, signed}}
	}
	return list
}

// ask asks authd, twice when a connection ends meanwhile.
func (k *Client) ask(ctx context.Context, q ipc.TLSRequest) (a ipc.TLSReply, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	q.Set = k.o.Set
	for range 2 {
		var l *link
		if l, err = k.connect(); err != nil {
			break
		}
		if a, err = l.ask(ctx, q); !errors.Is(err, errGone) {
			break
		}
		k.forget(l)
	}
	if err == nil && a.Error != "" {
		err = Refusal(a.Error)
	}
	if err != nil {
		return a, fmt.Errorf("authd: %w", err)
	}
	return a, nil
}

// connect returns the connection to authd, a new one when there is none.
func (k *Client) connect() (*link, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.link != nil && k.link.alive() {
		return k.link, nil
	}
	l, err := newLink(k.o.Dial, k.o.Program)
	if err != nil {
		return nil, err
	}
	k.link = l
	return l, nil
}

// forget gives up a connection for requests to come; replies to earlier ones
// still arrive on it.
func (k *Client) forget(l *link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.link == l {
		k.link = nil
	}
}

// A signer is a key that stays in authd, for one handshake.
type signer struct {
	ctx    context.Context
	client *Client
	name   string
	chain  Chain
	signed func(crypto.SignerOpts)
}

// Public returns the public key.
func (s *signer) Public() crypto.PublicKey { return s.chain.Leaf.PublicKey }

// Sign has authd sign a digest; with Ed25519 it is what else would be digested.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if len(digest) > ipc.MaxTLSMessage {
		return nil, fmt.Errorf("a handshake of %d octets is to be signed, at most %d can be", len(digest), ipc.MaxTLSMessage)
	}
	_, pss := opts.(*rsa.PSSOptions)
	a, err := s.client.ask(s.ctx, ipc.TLSRequest{
		Op: ipc.TLSSign, Name: s.name, Key: s.chain.key[:], Digest: digest, Hash: uint(opts.HashFunc()), PSS: pss,
	})
	if err != nil {
		s.client.doubt(s.name)
		return nil, err
	}
	if s.signed != nil {
		s.signed(opts)
	}
	s.client.note(a.Revision)
	return a.Signature, nil
}

// note has chains asked for again when authd has others.
func (k *Client) note(revision uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.revision = revision
}

// doubt has the chains of a name asked for again: its key may be gone.
func (k *Client) doubt(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.names[name]; c != nil {
		again := *c
		again.revision--
		k.names[name] = &again
	}
}
