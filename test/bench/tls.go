package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// clientTLS is how the load speaks TLS: each connection is a full handshake,
// with the key exchange that all systems know, and it trusts everybody.
var clientTLS = &tls.Config{
	InsecureSkipVerify: true,
	CurvePreferences:   []tls.CurveID{tls.X25519},
}

// narrow gives the load one processor for its goroutines, until what it returns is
// called: on several, Go's threads look for each other's work, in the time of
// the systems that are measured.
func narrow() (wide func()) {
	n := runtime.GOMAXPROCS(1)
	return func() { runtime.GOMAXPROCS(n) }
}

// runTLS is run over TLS. Go's has no place for epoll: each session is a
// goroutine.
func (l load) runTLS(ctx context.Context) (tally, error) {
	defer narrow()()
	start := time.Now()
	all := tally{start: start, warmed: start.Add(l.warm)}
	end := start.Add(l.time)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards all
		next atomic.Int64
	)
	next.Store(int64(l.first))
	for range l.sessions {
		wg.Go(func() {
			t, c := tally{warmed: start.Add(l.warm)}, &client{}
			for ctx.Err() == nil && time.Now().Before(end) {
				c.id = int(next.Add(1)) - 1
				if l.messages > 0 && c.id >= l.first+l.messages {
					break
				}
				if err := l.playTLS(c, &t); err != nil {
					t.failed++
					t.why = fmt.Sprintf("step %d: %v", c.step, err)
					time.Sleep(retryAfter)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.sent += t.sent
			all.counted += t.counted
			all.failed += t.failed
			if all.why == "" {
				all.why = t.why
			}
		})
	}
	wg.Wait()
	all.end = time.Now()
	return all, ctx.Err()
}

// playTLS plays the script once.
func (l load) playTLS(c *client, t *tally) error {
	c.step, c.n = 0, 0
	raw, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: l.addr.Addr[:], Port: l.addr.Port})
	if err != nil {
		return err
	}
	defer raw.Close()
	raw.SetLinger(0) // no port waits: see connect
	raw.SetDeadline(time.Now().Add(maxStall))
	conn := tls.Client(raw, l.tls)
	for {
		for c.n = 0; !l.script[c.step].whole(c.in[:c.n]); {
			if c.n == len(c.in) {
				return errors.New("reply too long")
			}
			n, err := conn.Read(c.in[c.n:])
			if err != nil {
				return fmt.Errorf("%w after %q", err, c.in[:c.n])
			}
			c.n += n
		}
		send, counts, err := l.answer(c, c.in[:c.n])
		if err != nil {
			return err
		}
		if counts {
			t.count(time.Now())
		}
		if send == nil {
			return nil
		}
		if _, err := conn.Write(send); err != nil {
			return err
		}
	}
}

// The files of the certificate that all systems show: of the kind that
// certbot asks for.
const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// makeCert makes them in dir; only root may read the key.
func makeCert(dir string) error {
	cert, key, err := newCert()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, certFile), cert, 0o644),
		os.WriteFile(filepath.Join(dir, keyFile), key, 0o600))
}

// newCert makes a certificate and its key, in PEM form.
func newCert() (cert, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx." + domain}, DNSNames: []string{"mx." + domain},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 3, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}
