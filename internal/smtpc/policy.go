package smtpc

import (
	"crypto/tls"
	"fmt"
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
	"yubin/internal/tlskeys"
	"yubin/internal/tlswords"
)

// A level is how far TLS is insisted on.
type level int

// The levels, as in smtp_tls_security_level. From levelEncrypt on there is no
// plain text.
const (
	levelNone level = iota
	levelMay
	levelEncrypt
	levelFingerprint
	levelVerify
	levelSecure
	levelDane // of a target: what the TLSA records ask for; of a site: they are there
	levelDaneOnly
)

var levels = map[string]level{
	"": levelNone, "none": levelNone, "may": levelMay, "encrypt": levelEncrypt, "fingerprint": levelFingerprint,
	"verify": levelVerify, "secure": levelSecure, "dane": levelDane, "dane-only": levelDaneOnly,
}

// A policy is what is asked of TLS with one destination. It does not change.
type policy struct {
	level      level
	wrapper    bool
	match      []string // names, or fingerprints
	servername string   // name, hostname, nexthop
	versions   tlswords.Versions
	given      *tlswords.Versions // what a table has for versions; nil: nothing
	anchor     *anchor            // of a site at levelDane
	public     bool               // the authorities that the system trusts count in any case
	listed     bool               // a table has it
	required   bool               // REQUIRETLS: only with somebody who vouches
	relaxed    bool               // TLS-Required: No: the domain is not asked
}

// key tells policies apart between which a connection must not be shared.
// Levels that look at names look at the next hop's too.
func (p *policy) key(nexthop string) string {
	if p.level == levelNone {
		return "plain"
	}
	k := fmt.Sprintf("%d %t %s %s %v", p.level, p.wrapper, p.servername, strings.Join(p.match, " "), p.versions)
	if p.required {
		k += " required"
	}
	if p.relaxed {
		k += " relaxed"
	}
	if p.level > levelEncrypt || p.servername == "nexthop" {
		k += " " + nexthop
	}
	return k
}

// defaultPolicy is the one of main.cf.
func (t *tlsSettings) defaultPolicy() *policy { return t.withLevel(t.level) }

func (t *tlsSettings) withLevel(l level) *policy {
	p := &policy{level: l, wrapper: t.wrapper, servername: t.servername, versions: t.mandatory}
	switch l {
	case levelMay:
		p.versions = t.opportunistic
	case levelFingerprint:
		p.match = t.fingerprints
	case levelVerify:
		p.match = t.verifyMatch
	case levelSecure:
		p.match = t.secureMatch
	}
	return p
}

// like is a policy at another level that keeps what the table has said of p's
// destination.
func (t *tlsSettings) like(p *policy, l level) *policy {
	n := t.withLevel(l)
	if p.given != nil {
		n.versions, n.given = *p.given, p.given
	}
	return n
}

// policyFor finds the policy of a destination. Where no table has it the domain
// itself has a say, by DANE and MTA-STS, once its servers are known.
func (t *tlsSettings) policyFor(to *target) (*policy, error) {
	value, found, err := t.lookup(to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.mapsName, err)
	}
	p := t.defaultPolicy()
	if found {
		p, err = t.parse(value)
		if err != nil {
			return nil, fails(4, badTLS, "client TLS configuration problem: %s has for %s: %v", t.mapsName, to.text, err)
		}
	}
	p.listed = found
	switch {
	case to.path != "":
		return &policy{}, nil
	case p.wrapper && p.level < levelEncrypt:
		return nil, fails(4, badTLS, "client TLS configuration problem: TLS wrapper mode needs the level encrypt or higher, for %s", to.text)
	}
	return p, nil
}

// lookup asks the tables for the destination as it is written, and for a domain
// then for its parents.
func (t *tlsSettings) lookup(to *target) (value string, found bool, err error) {
	if t.maps.Empty() {
		return "", false, nil
	}
	value, found, err = t.maps.Lookup(to.text)
	if err != nil || found || !smtp.ValidDomain(to.text) {
		return value, found, err
	}
	for name := to.text; ; {
		_, parent, ok := strings.Cut(name, ".")
		if !ok {
			return "", false, nil
		}
		if value, found, err = t.maps.Lookup("." + parent); err != nil || found {
			return value, found, err
		}
		name = parent
	}
}

// parse reads a value of smtp_tls_policy_maps.
func (t *tlsSettings) parse(value string) (*policy, error) {
	words := strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' })
	if len(words) == 0 {
		return nil, fmt.Errorf("no level")
	}
	l, ok := levels[strings.ToLower(words[0])]
	if !ok {
		return nil, fmt.Errorf("unknown level %q", words[0])
	}
	p := t.withLevel(l)
	matched := false
	for _, w := range words[1:] {
		name, v, _ := strings.Cut(w, "=")
		switch strings.ToLower(name) {
		case "match":
			if !matched {
				p.match = nil
			}
			matched = true
			separator := ":"
			if l == levelFingerprint {
				separator = "|"
			}
			p.match = append(p.match, strings.Split(v, separator)...)
		case "protocols":
			r, err := tlswords.ParseVersions(strings.Split(v, ":"))
			if err != nil {
				return nil, err
			}
			p.versions, p.given = r, &r
		case "servername":
			p.servername = v
		case "ciphers", "exclude", "connection_reuse", "enable_rpk":
		default:
			return nil, fmt.Errorf("unknown attribute %q", w)
		}
	}
	if l == levelFingerprint {
		p.match = fingerprints(p.match)
	}
	return p, nil
}

// fingerprints brings them into one shape: lower case, without colons.
func fingerprints(list []string) []string {
	var out []string
	for _, f := range list {
		for one := range strings.SplitSeq(f, "|") {
			if one = strings.ToLower(strings.ReplaceAll(one, ":", "")); one != "" {
				out = append(out, one)
			}
		}
	}
	return out
}

// tlsSettings are what main.cf says of TLS.
type tlsSettings struct {
	level                    level
	wrapper                  bool
	maps                     *table.Maps
	mapsName                 string
	opportunistic, mandatory tlswords.Versions
	verifyMatch, secureMatch []string
	fingerprints             []string
	digest, servername       string
	loglevel                 int
	noteOffer                bool
	roots, public            *tlswords.Roots // that main.cf names; and the system's beside them
	cache                    tls.ClientSessionCache
	keys                     *tlskeys.Client // nil: no certificate is shown
}

// levelOf is the level of main.cf. The old parameters count where it has none:
// who wants TLS enforced must not get less.
func levelOf(c *config.Config, lmtp bool) level {
	param := config.SmtpTLSSecurityLevel.In(lmtp)
	set := param.Of(c)
	_, written := c.Raw(param.Name)
	switch {
	case written && set != "":
	case config.SmtpEnforceTLS.In(lmtp).Of(c) && config.SmtpTLSEnforcePeername.In(lmtp).Of(c):
		return levelVerify
	case config.SmtpEnforceTLS.In(lmtp).Of(c):
		return levelEncrypt
	case set == "" && config.SmtpUseTLS.In(lmtp).Of(c):
		return levelMay
	}
	return levels[set]
}

func newTLSSettings(c *config.Config, lmtp bool, report table.Option) (*tlsSettings, error) {
	maps := config.SmtpTLSPolicyMaps.In(lmtp)
	t := &tlsSettings{
		level:   levelOf(c, lmtp),
		wrapper: config.SmtpTLSWrappermode.In(lmtp).Of(c), mapsName: maps.Name,
		verifyMatch: config.SmtpTLSVerifyCertMatch.In(lmtp).Of(c), secureMatch: config.SmtpTLSSecureCertMatch.In(lmtp).Of(c),
		fingerprints: fingerprints(config.SmtpTLSFingerprintCertMatch.In(lmtp).Of(c)),
		digest:       config.SmtpTLSFingerprintDigest.In(lmtp).Of(c), servername: config.SmtpTLSServername.In(lmtp).Of(c),
		loglevel: config.SmtpTLSLoglevel.In(lmtp).Of(c), noteOffer: config.SmtpTLSNoteStarttlsOffer.In(lmtp).Of(c),
		cache: tls.NewLRUClientSessionCache(cachedSessions), keys: clientKeys(c, lmtp),
	}
	file, dir := config.SmtpTLSCAfile.In(lmtp).Of(c), config.SmtpTLSCApath.In(lmtp).Of(c)
	set, _, _ := strings.Cut(maps.Name, "_")
	t.roots = &tlswords.Roots{File: file, Dir: dir, System: config.TLSAppendDefaultCA.Of(c), Set: set}
	t.public = &tlswords.Roots{File: file, Dir: dir, System: true, Set: set}
	var err error
	if t.maps, err = table.OpenMaps(maps.Of(c), report, table.Sockets(config.QueueDirectory.Of(c))); err != nil {
		return nil, c.Fault(maps.Def, err.Error())
	}
	for _, v := range []struct {
		param config.List
		to    *tlswords.Versions
	}{
		{config.SmtpTLSProtocols.In(lmtp), &t.opportunistic},
		{config.SmtpTLSMandatoryProtocols.In(lmtp), &t.mandatory},
	} {
		if *v.to, err = tlswords.ParseVersions(v.param.Of(c)); err != nil {
			return nil, c.Fault(v.param.Def, err.Error())
		}
	}
	return t, nil
}
