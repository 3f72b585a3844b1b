package authd

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

const (
	// orderTime is how long one order may take.
	orderTime = 10 * time.Minute
	// firstPause and lastPause are the waits after an order that failed: the
	// authority counts those (RFC 8555, 6.6).
	firstPause = time.Hour
	lastPause  = 24 * time.Hour
)

// A subscriber gets a certificate from an authority and renews it.
type subscriber struct {
	log       *maillog.Logger
	domains   []string
	directory string
	contact   []string
	dir       string
	agree     bool
	http      func() (*http.Client, error)

	mu     sync.Mutex // guards what follows
	proofs map[string]string
	busy   bool
}

// newSubscriber returns what c says of ACME; nil: nothing.
func newSubscriber(c *config.Config, log *maillog.Logger) *subscriber {
	domains := config.TLSACMEDomains.Of(c)
	if len(domains) == 0 {
		return nil
	}
	i := &subscriber{
		log: log, domains: domains, directory: config.TLSACMEDirectory.Of(c), dir: config.TLSACMEDir.Of(c),
		agree: config.TLSACMEAgree.Of(c), http: keptClient(roots(config.SmtpTLSCAfile.SMTP.Of(c))), proofs: map[string]string{},
	}
	for _, a := range config.TLSACMEContact.Of(c) {
		i.contact = append(i.contact, "mailto:"+a)
	}
	return i
}

// file is the certificate with its issuers and its key: one file, so that they
// always belong together.
func (i *subscriber) file() string    { return filepath.Join(i.dir, "yubin.pem") }
func (i *subscriber) account() string { return filepath.Join(i.dir, "account.key") }

// failures is a file for each order that failed since one went well; its size
// is how many, its time when the last one was.
func (i *subscriber) failures() string { return filepath.Join(i.dir, "failures") }

// keep has a certificate while ctx lasts.
func (i *subscriber) keep(ctx context.Context) {
	for ctx.Err() == nil {
		wait := time.Until(i.due())
		if wait <= 0 {
			i.attempt(ctx)
			continue
		}
		t := time.NewTimer(min(wait, time.Hour))
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// due is when an order is to be made: at two thirds of the certificate's life, or
// at once when it is not for these names, but not too soon after a failure.
func (i *subscriber) due() time.Time {
	at := i.renewal()
	// A failure far in the future is one by a clock that was wrong: it must not
	// keep the certificate from being renewed.
	if info, err := os.Stat(i.failures()); err == nil && time.Until(info.ModTime()) < lastPause {
		pause := min(firstPause<<min(max(info.Size()-1, 0), 5), lastPause)
		if next := info.ModTime().Add(pause); next.After(at) {
			return next
		}
	}
	return at
}

// renewal is when the certificate that is there is to be renewed; zero: at once.
func (i *subscriber) renewal() time.Time {
	chains, err := readPEM([]string{i.file()})
	if err != nil || !i.covers(chains[0].leaf) {
		return time.Time{}
	}
	l := chains[0].leaf
	return l.NotBefore.Add(l.NotAfter.Sub(l.NotBefore) * 2 / 3)
}

func (i *subscriber) covers(c *x509.Certificate) bool {
	return !slices.ContainsFunc(i.domains, func(d string) bool { return c.VerifyHostname(d) != nil })
}

// quiet tells whether no order is under way or due, and when the next is.
func (i *subscriber) quiet() (bool, time.Time) {
	i.mu.Lock()
	busy := i.busy
	i.mu.Unlock()
	due := i.due()
	return !busy && time.Now().Before(due), due
}

// attempt makes one order. It counts as a failure until it has gone well, so
// that a process that dies over it does not begin at once again.
func (i *subscriber) attempt(ctx context.Context) {
	i.setBusy(true)
	defer i.setBusy(false)
	err := os.MkdirAll(i.dir, 0o700)
	if err == nil {
		err = i.noteFailure()
	}
	if err != nil {
		// Only the process remembers, then: it waits here.
		i.log.Warn("no certificate for %v is asked for: %v", i.domains, err)
		select {
		case <-time.After(firstPause):
		case <-ctx.Done():
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	if err := i.order(ctx); err != nil {
		i.log.Warn("no certificate for %v from %s: %v", i.domains, i.directory, err)
		return
	}
	i.succeeded()
}

// succeeded forgets failures, unless another certificate would be asked for at
// once, and so on for ever.
func (i *subscriber) succeeded() {
	if !time.Now().Before(i.renewal()) {
		i.log.Warn("the certificate from %s is not for all of %v, or is over already: is the clock right?", i.directory, i.domains)
		return
	}
	os.Remove(i.failures())
	i.log.Info("got a certificate for %v from %s", i.domains, i.directory)
}

func (i *subscriber) setBusy(busy bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.busy = busy
	clear(i.proofs)
}

func (i *subscriber) noteFailure() error {
	f, err := os.OpenFile(i.failures(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write([]byte{'\n'})
	return err
}

// order gets one certificate (RFC 8555, 7.4).
func (i *subscriber) order(ctx context.Context) error {
	if !i.agree {
		return errors.New("tls_acme_agree_to_terms = yes is missing")
	}
	key, err := i.accountKey()
	if err != nil {
		return err
	}
	web, err := i.http()
	if err != nil {
		return err
	}
	c := &acme.Client{Key: key, DirectoryURL: i.directory, HTTPClient: web, UserAgent: "yubin"}
	_, err = c.Register(ctx, &acme.Account{Contact: i.contact}, acme.AcceptTOS)
	if err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return fmt.Errorf("account: %w", err)
	}
	o, err := c.AuthorizeOrder(ctx, acme.DomainIDs(i.domains...))
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	for _, url := range o.AuthzURLs {
		if err := i.prove(ctx, c, url); err != nil {
			return err
		}
	}
	ready, err := c.WaitOrder(ctx, o.URI)
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	ready.URI = o.URI // which answers do not repeat
	return i.collect(ctx, c, ready)
}

// prove shows that a name is ours (RFC 8555, 8.3).
func (i *subscriber) prove(ctx context.Context, c *acme.Client, url string) error {
	a, err := c.GetAuthorization(ctx, url)
	if err != nil || a.Status == acme.StatusValid {
		return err
	}
	name := a.Identifier.Value
	n := slices.IndexFunc(a.Challenges, func(ch *acme.Challenge) bool { return ch.Type == "http-01" })
	if n < 0 {
		return fmt.Errorf("%s: the authority wants another proof than http-01", name)
	}
	ch := a.Challenges[n]
	proof, err := c.HTTP01ChallengeResponse(ch.Token)
	if err != nil {
		return err
	}
	i.mu.Lock()
	i.proofs[ch.Token] = proof
	i.mu.Unlock()
	if _, err = c.Accept(ctx, ch); err == nil {
		_, err = c.WaitAuthorization(ctx, a.URI)
	}
	if err != nil {
		return fmt.Errorf("proof for %s, by port 80: %w", name, err)
	}
	return nil
}

// collect gets the certificate of an order that is ready, for a new key.
func (i *subscriber) collect(ctx context.Context, c *acme.Client, o *acme.Order) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: i.domains}, key)
	if err != nil {
		return err
	}
	der, _, err := c.CreateCertFromOrder(ctx, o, request, true)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	for _, cert := range der {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	}
	return writeWhole(i.file(), text, 0o600)
}

// accountKey is the key that the authority knows us by.
func (i *subscriber) accountKey() (crypto.Signer, error) {
	b, err := readBounded(i.account())
	if errors.Is(err, fs.ErrNotExist) {
		return newKeyFile(i.account())
	}
	if err != nil {
		return nil, err
	}
	keys, _, err := parsePEM(b)
	if err != nil || len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key: remove it", i.account())
	}
	return keys[0], nil
}

// serve answers acmed.
func (i *subscriber) serve(_ context.Context, c *fdpass.Conn) {
	var q ipc.ACMERequest
	if !receive(i.log, c, &q) {
		return
	}
	i.mu.Lock()
	proof := i.proofs[q.Token]
	i.mu.Unlock()
	if err := c.Send(ipc.ACMEReply{Proof: proof}); err != nil {
		i.log.Warn("answer to process: %v", err)
	}
}
