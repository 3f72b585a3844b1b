package servertls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/maillog"
	"yubin/internal/tlskeys"
	"yubin/internal/tlswords"
)

// A Level is how far TLS is insisted on.
type Level int

// The levels, as in SET_tls_security_level.
const (
	None    Level = iota
	May           // it is offered
	Encrypt       // nothing of worth is done without it
)

// Options say whose TLS a Server is.
type Options struct {
	Set  string                       // smtpd, pop3d, imapd: SET_tls_...
	Dial func() (*fdpass.Conn, error) // to public/authd
	Log  *maillog.Logger
}

// A Server is the TLS of one service. It is safe for concurrent use.
type Server struct {
	log      *maillog.Logger
	level    Level
	wrapper  bool
	keys     *tlskeys.Client
	sni      bool // names make a difference
	digest   string
	loglevel int
	ask      bool // for a client certificate
	require  bool
	roots    *tlswords.Roots
	timeout  time.Duration
	config   *tls.Config

	lackSince atomic.Int64 // when authd last said that it has no certificate, UnixNano; 0: it did not
}

// Params are the parameters that New reads for a set.
func Params(set string) []*config.Def {
	return append(rowsOf(set).Rows(), config.TLSProfile.Def, config.TLSHighCipherlist.Def, config.TLSMediumCipherlist.Def,
		config.TLSServerSNIMaps.Def, config.TLSAppendDefaultCA.Def)
}

func rowsOf(set string) config.TLSServer {
	i := slices.IndexFunc(config.TLSServers, func(s config.TLSServer) bool { return s.Set == set })
	if i < 0 {
		panic("no service with TLS: " + set)
	}
	return config.TLSServers[i]
}

// New reads the parameters of a set. An error names the one that is wrong.
func New(c *config.Config, o Options) (*Server, error) {
	p := rowsOf(o.Set)
	s := &Server{
		log: o.Log, wrapper: p.Wrappermode.Of(c), level: levelOf(c, p), sni: len(config.TLSServerSNIMaps.Of(c)) > 0,
		digest: p.FingerprintDigest.Of(c), loglevel: p.Loglevel.Of(c), timeout: p.HandshakeTimeout.Of(c),
		keys: tlskeys.New(tlskeys.Options{Set: o.Set, Program: o.Set, Dial: o.Dial}),
		roots: &tlswords.Roots{
			File: p.CAfile.Of(c), Dir: p.CApath.Of(c), System: config.TLSAppendDefaultCA.Of(c), Set: o.Set,
		},
	}
	s.require = p.ReqCcert.Of(c) && s.level == Encrypt
	s.ask = p.AskCcert.Of(c) || s.require
	var err error
	if s.config, err = settings(c, p, s.level); err != nil {
		return nil, err
	}
	s.config.GetCertificate = s.certificate
	s.clientCertificates(p.CAfile.Of(c))
	limitTickets(s.config, p.SessionCacheTimeout.Of(c))
	return s, nil
}

func levelOf(c *config.Config, p config.TLSServer) Level {
	switch p.SecurityLevel.Of(c) {
	case "encrypt":
		return Encrypt
	case "may":
		return May
	case "":
		if p.LegacyEnforce.Def != nil && p.LegacyEnforce.Of(c) {
			return Encrypt
		}
		if p.LegacyUse.Def != nil && p.LegacyUse.Of(c) {
			return May
		}
	}
	if p.Wrappermode.Of(c) {
		return Encrypt
	}
	return None
}

// settings are versions, cipher suites and what the system's policy forbids.
func settings(c *config.Config, p config.TLSServer, level Level) (*tls.Config, error) {
	protocols, grade := p.Protocols, p.Ciphers
	exclude := p.ExcludeCiphers.Of(c)
	if level == Encrypt {
		protocols, grade = p.MandatoryProtocols, p.MandatoryCiphers
		exclude = slices.Concat(exclude, p.MandatoryExcludeCiphers.Of(c))
	}
	v, err := tlswords.ParseVersions(protocols.Of(c))
	if err != nil {
		return nil, c.Fault(protocols.Def, err.Error())
	}
	t := &tls.Config{MinVersion: v.Low, MaxVersion: v.High, CipherSuites: tlswords.Exclude(suites(c, grade.Of(c)), exclude)}
	if config.TLSProfile.Of(c) == "system" {
		policy, err := tlswords.SystemProfile()
		if err != nil {
			return nil, c.Fault(config.TLSProfile.Def, err.Error())
		}
		policy.Apply(t)
	}
	if len(t.CipherSuites) == 0 { // nil would mean all
		if t.MinVersion = tls.VersionTLS13; t.MaxVersion < t.MinVersion {
			return nil, c.Fault(p.ExcludeCiphers.Def, "no cipher suite of TLSv1.2 is left, and "+protocols.Name+" has no TLSv1.3")
		}
	}
	return t, nil
}

// suites are those of a grade.
func suites(c *config.Config, grade string) []uint16 {
	lists := map[string]config.String{"high": config.TLSHighCipherlist, "medium": config.TLSMediumCipherlist}
	if l, ok := lists[grade]; ok {
		if ids, ok := tlswords.List(l.Of(c)); ok {
			return ids
		}
	}
	return tlswords.Suites(grade)
}

// clientCertificates has clients asked for theirs. It is looked at after the
// handshake: a certificate that nobody vouches for is no reason to fail one.
func (s *Server) clientCertificates(file string) {
	if !s.ask {
		return
	}
	s.config.ClientAuth = tls.RequestClientCert
	if file == "" {
		return
	}
	// A client with several certificates chooses by the names of authorities.
	named := &tlswords.Roots{File: file}
	pool, err := named.Get()
	if err != nil {
		s.log.Warn("nobody vouches for certificates of clients: %v", err)
		pool = x509.NewCertPool()
	}
	s.config.ClientCAs = pool
}

// Level is how far TLS is insisted on.
func (s *Server) Level() Level { return s.level }

// Wrapper tells whether connections begin with TLS.
func (s *Server) Wrapper() bool { return s.wrapper }

// Available tells whether a handshake can be made now: whether authd has a
// certificate.
func (s *Server) Available(ctx context.Context) error {
	chains, err := s.keys.Chains(ctx, "")
	if err == nil && len(chains.List) == 0 {
		err = ErrNoCertificate
	}
	var refused tlskeys.Refusal
	switch {
	case err == nil:
		s.lackSince.Store(0)
	case errors.Is(err, ErrNoCertificate) || errors.As(err, &refused):
		s.lackSince.Store(time.Now().UnixNano())
	}
	return err
}

// lackTime is how long authd is taken at its word that it has no certificate.
const lackTime = 10 * time.Second

// Lacking tells whether authd had no certificate when it was asked last. It waits
// for nobody: when that is some time ago, authd is asked meanwhile.
func (s *Server) Lacking() bool {
	at := s.lackSince.Load()
	if at == 0 {
		return false
	}
	now := time.Now()
	if now.Sub(time.Unix(0, at)).Abs() >= lackTime && s.lackSince.CompareAndSwap(at, now.UnixNano()) {
		go s.Available(context.Background()) // which notes what it hears
	}
	return true
}

// Close ends the connection to authd.
func (s *Server) Close() { s.keys.Close() }
