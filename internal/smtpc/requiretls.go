package smtpc

import (
	"bytes"

	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// noRequireTLS is that there is no way on which everybody keeps what the sender
// has asked for (RFC 8689, 6).
var noRequireTLS = smtp.Detail{Subject: 7, Detail: 30}

// A wish is what the sender of a letter wants of TLS (RFC 8689).
type wish int

const (
	wishNothing wish = iota
	wishTLS          // REQUIRETLS: over TLS with servers that somebody vouches for and that go on so, or not at all
	wishArrival      // TLS-Required: No: it must arrive, whatever the domain asks for
)

// wishOf is what the sender wants. REQUIRETLS is stronger than the field (RFC 8689,
// 4.1).
func wishOf(m *letter, heeded bool) (wish, error) {
	if !heeded {
		return wishNothing, nil
	}
	if m.req.Attrs[queue.AttrRequireTLS] != "" {
		return wishTLS, nil
	}
	t, err := m.traits()
	if err == nil && t.tlsNo {
		return wishArrival, nil
	}
	return wishNothing, err
}

// grant changes what is asked of TLS with a target to what the sender wants.
// What an administrator has said of the destination, a table or a level that
// looks at certificates, stands.
func (o *settings) grant(t *target, w wish) {
	l := t.policy.level
	switch {
	case w == wishTLS && (t.path != "" || t.policy.listed && l == levelNone):
		t.private = true // a socket, or what the administrator takes for as good
		return
	case w == wishTLS && (l <= levelEncrypt || l == levelDane):
		p := *o.tls.like(t.policy, levelDane)
		p.required, p.wrapper = true, t.policy.wrapper
		t.policy = &p
	case w == wishArrival && !t.policy.listed && (l == levelMay || l == levelDane):
		p := *o.tls.withLevel(levelMay)
		p.relaxed = true
		t.policy = &p
	default:
		return
	}
	t.rename()
}

// insist leaves only servers that somebody vouches for: the DNS for the name and
// the TLSA record for the certificate, the domain's MTA-STS policy for both, or
// the DNS (or the administrator) for the name and an authority for the certificate
// (RFC 8689, 4.2.1). Sure tells whether all is known of the domain's policy.
func (f *finder) insist(t *target, sites []*site, sure bool) ([]*site, error) {
	var left []*site
	for _, s := range sites {
		switch {
		case s.policy.level >= levelFingerprint && s.policy.anchor != nil || s.policy.level == levelVerify || s.policy.level == levelSecure || s.policy.level == levelFingerprint:
		case s.secure || !t.MX:
			s.policy = f.public(t)
		default:
			continue
		}
		left = append(left, s)
	}
	if len(left) == 0 && !sure {
		return nil, fails(4, noRequireTLS, "REQUIRETLS is wanted, and whether %s has an MTA-STS policy that vouches for its mail exchangers cannot be found out now", t.name)
	}
	if len(left) == 0 {
		return nil, fails(5, noRequireTLS, "REQUIRETLS is wanted, but nobody vouches for the mail exchangers of %s: there is no DNSSEC, DANE or MTA-STS policy", t.name)
	}
	return left, nil
}

// public is the policy that a server shows a certificate for its name of an
// authority that the system trusts.
func (f *finder) public(t *target) *policy {
	p := *f.o.tls.like(t.policy, levelVerify)
	p.match, p.servername, p.public = []string{"hostname"}, "hostname", true
	return &p
}

// keepsWish tells whether a session keeps what REQUIRETLS asks for; it says so
// with MAIL then.
func (s *session) keepsWish() bool {
	return s.ext.requireTLS && s.tls != nil && s.tls.trust == trustVerified
}

// saysNo tells whether a line of the header is TLS-Required: No (RFC 8689, 5).
// One that is folded is not understood, and what the domain asks for counts.
func saysNo(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte{':'})
	return ok && bytes.EqualFold(bytes.TrimRight(name, " \t"), []byte("TLS-Required")) && bytes.EqualFold(bytes.TrimSpace(value), []byte("No"))
}
