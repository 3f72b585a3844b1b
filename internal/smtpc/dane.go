package smtpc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"sync"

	"yubin/internal/resolve"
)

// Usages, selectors and matching types of TLSA records that count for SMTP
// (RFC 7672, 3.1; RFC 6698, 2.1). Usages 0 and 1 do not.
const (
	usageAuthority = 2
	usageServer    = 3

	selectCert = 0
	selectKey  = 1

	matchWhole  = 0
	matchSHA256 = 1
	matchSHA512 = 2
)

// An anchor is what the DNS says of a server's certificate.
type anchor struct {
	records []resolve.TLSA // usable ones
	base    string         // the TLSA base domain: the name for SNI (RFC 7672, 2.2.3)
	names   []string       // those that a certificate under an authority of ours may have (RFC 7672, 3.2.2)
}

// secured gives each site the policy that its TLSA records ask for. Sites whose
// records cannot be had are left out: somebody may keep them from us.
func (f *finder) secured(ctx context.Context, t *target, sites []*site) ([]*site, error) {
	errs := make([]error, len(sites))
	var wg sync.WaitGroup
	for i, s := range sites {
		wg.Go(func() { errs[i] = f.secure(ctx, t, s) })
	}
	wg.Wait()
	var left []*site
	for i, s := range sites {
		if errs[i] == nil {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		return nil, errors.Join(errs...)
	}
	return left, nil
}

// secure finds the policy of one site.
func (f *finder) secure(ctx context.Context, t *target, s *site) error {
	a, err := f.anchor(ctx, t, s)
	if err != nil {
		return err
	}
	switch {
	case a == nil && t.policy.level == levelDaneOnly:
		return fails(4, badTLS, "no TLSA records found for %s:%d", s.host, t.port)
	case a == nil:
		s.policy = f.o.tls.like(t.policy, levelMay)
	case len(a.records) == 0:
		// RFC 7672, 2.2: records that cannot be used still promise TLS.
		s.policy = f.o.tls.like(t.policy, levelEncrypt)
	default:
		p := *f.o.tls.like(t.policy, levelDane)
		p.anchor, p.servername = a, a.base
		s.policy = &p
	}
	return nil
}

// anchor asks for the TLSA records of a site; nil: there are none, or nobody
// vouches for the way to them.
func (f *finder) anchor(ctx context.Context, t *target, s *site) (*anchor, error) {
	bases, err := f.bases(ctx, s)
	if err != nil {
		return nil, f.untold(err, t, s.host)
	}
	for _, base := range bases {
		answer, err := f.dns.TLSA(ctx, t.port, base)
		switch kind := resolve.KindOf(err); {
		case err == nil && !answer.Secure:
			continue
		case err == nil:
			return newAnchor(answer.Records, base, t, s), nil
		case kind == resolve.Temporary:
			return nil, f.untold(err, t, base)
		}
	}
	return nil, nil
}

// untold is the failure for a host of which the DNS does not say whether it has
// TLSA records: to take that for no would be what somebody wants who keeps them
// from us.
func (f *finder) untold(err error, t *target, base string) error {
	f.log.Warn("%v", err)
	return fails(4, badTLS, "TLSA lookup error for %s:%d", base, t.port)
}

// bases are the names under which a site may have TLSA records: where its
// aliases end, and where they begin (RFC 7672, 2.2.3). The error is temporary.
func (f *finder) bases(ctx context.Context, s *site) ([]string, error) {
	switch {
	case !s.secure || s.canonical == "":
		return nil, nil
	case !s.vouched && s.canonical == s.host:
		return nil, nil // no alias: its zone is not signed
	case !s.vouched:
		// An alias in a secure zone that leads out of it (RFC 7672, 2.2.2).
		c, err := f.dns.CNAME(ctx, s.host)
		switch {
		case err == nil && c.Secure:
			return []string{s.host}, nil
		case err != nil && resolve.KindOf(err) == resolve.Temporary:
			return nil, err
		}
		return nil, nil
	case s.canonical == s.host:
		return []string{s.host}, nil
	}
	return []string{s.canonical, s.host}, nil
}

func newAnchor(records []resolve.TLSA, base string, t *target, s *site) *anchor {
	a := &anchor{base: base, names: []string{base, s.host}}
	if t.MX {
		a.names = append(a.names, t.name)
	}
	for _, r := range records {
		sizes := map[uint8]int{matchSHA256: sha256.Size, matchSHA512: sha512.Size, matchWhole: len(r.Data)}
		n, known := sizes[r.Matching]
		if known && len(r.Data) == n && n > 0 && r.Selector <= selectKey && (r.Usage == usageAuthority || r.Usage == usageServer) {
			a.records = append(a.records, r)
		}
	}
	return a
}

// verify tells whether the chain is one that the records allow (RFC 7672, 3.1).
func (a *anchor) verify(certs []*x509.Certificate) error {
	if len(certs) == 0 {
		return errNoCertificate
	}
	for _, r := range a.records {
		if r.Usage == usageServer && covers(r, certs[0]) {
			return nil // neither name nor time matter
		}
	}
	var failed error
	for _, r := range a.records {
		if r.Usage != usageAuthority {
			continue
		}
		if err := a.under(r, certs); err == nil {
			return nil
		} else if failed == nil {
			failed = err
		}
	}
	if failed == nil {
		failed = errors.New("no TLSA record matches its certificate")
	}
	return failed
}

// under tells whether the server's certificate is one of the authority that r
// names, for one of the names.
func (a *anchor) under(r resolve.TLSA, certs []*x509.Certificate) error {
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range certs[1:] {
		if covers(r, c) {
			pool.AddCert(c)
			found = true
		}
		between.AddCert(c)
	}
	if r.Selector == selectCert && r.Matching == matchWhole {
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			pool.AddCert(c) // it need not be sent
			found = true
		}
	}
	if !found {
		return errors.New("no TLSA record matches a certificate of its chain")
	}
	if _, err := certs[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between}); err != nil {
		return err
	}
	for _, n := range a.names {
		if certs[0].VerifyHostname(n) == nil {
			return nil
		}
	}
	return errors.New("its certificate is for another name")
}

// covers tells whether a record is about a certificate (RFC 6698, 2.1).
func covers(r resolve.TLSA, c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == selectKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case matchSHA256:
		h := sha256.Sum256(data)
		data = h[:]
	case matchSHA512:
		h := sha512.Sum512(data)
		data = h[:]
	}
	return bytes.Equal(data, r.Data)
}
