package authd

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"net"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/tlskeys"
)

// A client's certificate with its key in authd, towards servers that ask for
// one: every kind of key, with each signature that the versions of TLS have for it.
func TestClientHandshake(t *testing.T) {
	t.Parallel()
	pair := []byte(both(t, "ecdsa", "mx.far.test"))
	server, err := tls.X509KeyPair(pair, pair)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind    string
		version uint16
		scheme  tls.SignatureScheme // the server takes no other
		hash    crypto.Hash
		pss     bool
	}{
		{"rsa", tls.VersionTLS12, tls.PKCS1WithSHA256, crypto.SHA256, false},
		{"rsa", tls.VersionTLS12, tls.PKCS1WithSHA384, crypto.SHA384, false},
		{"rsa", tls.VersionTLS12, tls.PKCS1WithSHA512, crypto.SHA512, false},
		{"rsa", tls.VersionTLS12, tls.PSSWithSHA256, crypto.SHA256, true},
		{"rsa", tls.VersionTLS12, tls.PSSWithSHA384, crypto.SHA384, true},
		{"rsa", tls.VersionTLS12, tls.PSSWithSHA512, crypto.SHA512, true},
		{"rsa", tls.VersionTLS13, tls.PSSWithSHA256, crypto.SHA256, true},
		{"rsa", tls.VersionTLS13, tls.PSSWithSHA384, crypto.SHA384, true},
		{"rsa", tls.VersionTLS13, tls.PSSWithSHA512, crypto.SHA512, true},
		{"ecdsa", tls.VersionTLS12, tls.ECDSAWithP256AndSHA256, crypto.SHA256, false},
		{"ecdsa", tls.VersionTLS12, tls.ECDSAWithP384AndSHA384, crypto.SHA384, false}, // the curve counts from 1.3 on
		{"ecdsa", tls.VersionTLS13, tls.ECDSAWithP256AndSHA256, crypto.SHA256, false},
		{"ed25519", tls.VersionTLS12, tls.Ed25519, 0, false},
		{"ed25519", tls.VersionTLS13, tls.Ed25519, 0, false},
	} {
		t.Run(fmt.Sprintf("%s %s %v", c.kind, tls.VersionName(c.version), c.scheme), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "smtp_tls_cert_file = DIR/own.pem")
			r.file("own.pem", both(t, c.kind, "mx.own.test"))
			keys := tlskeys.New(tlskeys.Options{Set: "smtp", Program: "smtp", Dial: func() (*fdpass.Conn, error) { return r.dial(), nil }})
			t.Cleanup(keys.Close)
			chains, err := keys.Chains(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			var by []crypto.SignerOpts
			certs := keys.Certificates(t.Context(), chains, func(o crypto.SignerOpts) { by = append(by, o) })
			certs[0].SupportedSignatureAlgorithms = []tls.SignatureScheme{c.scheme}
			ours, theirs := net.Pipe()
			defer ours.Close()
			done := make(chan error, 1)
			shown := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: c.version})
			go func() { done <- shown.HandshakeContext(t.Context()) }()
			client := tls.Client(ours, &tls.Config{
				InsecureSkipVerify:   true,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil },
			})
			go client.Read(make([]byte, 1)) // the end of the server's side
			if err := client.HandshakeContext(t.Context()); err != nil {
				t.Errorf("the client: %v", err)
				ours.Close()
			}
			if err := <-done; err != nil {
				t.Fatalf("the server: %v", err)
			}
			if s := shown.ConnectionState(); s.Version != c.version || s.PeerCertificates[0].Subject.CommonName != "mx.own.test" {
				t.Errorf("%s with %q", tls.VersionName(s.Version), s.PeerCertificates[0].Subject)
			}
			if len(by) != 1 {
				t.Fatalf("%d signatures", len(by))
			}
			if _, pss := by[0].(*rsa.PSSOptions); by[0].HashFunc() != c.hash || pss != c.pss {
				t.Errorf("signed with %v, PSS %t", by[0].HashFunc(), pss)
			}
		})
	}
}

// A handshake that a server has made too long for a packet is not signed, and
// the connection to authd stays for the others.
func TestLongHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtp_tls_cert_file = DIR/own.pem")
	r.file("own.pem", both(t, "ed25519", "mx.own.test"))
	dialled := 0
	keys := tlskeys.New(tlskeys.Options{Set: "smtp", Program: "smtp", Dial: func() (*fdpass.Conn, error) {
		dialled++
		return r.dial(), nil
	}})
	t.Cleanup(keys.Close)
	chains, err := keys.Chains(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	key := keys.Certificates(t.Context(), chains, nil)[0].PrivateKey.(crypto.Signer)
	for size, want := range map[int]bool{ipc.MaxTLSMessage: true, ipc.MaxTLSMessage + 1: false} {
		m := []byte("\x01\x00\x00\x02\x03\x03\x02\x00\x00\x00\x0b\x00\x00\x00\x0d\x00\x00\x00\x0e\x00\x00\x00\x0b\x00\x00\x00\x10\x00")
		rest := size - len(m) - 2
		m = append(m, byte(rest>>8), byte(rest))
		m = append(m, make([]byte, rest)...)
		if _, err := key.Sign(nil, m, crypto.Hash(0)); (err == nil) != want {
			t.Errorf("%d octets: %v", size, err)
		}
	}
	if dialled != 1 {
		t.Errorf("%d connections", dialled)
	}
}
