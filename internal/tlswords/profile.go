package tlswords

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
)

// policyFile is where RHEL's crypto-policies say which policy is in force.
const policyFile = "/etc/crypto-policies/state/current"

// A Profile is what the policy of a system asks of TLS. The zero value asks
// nothing.
type Profile struct {
	Name   string
	suites func(suite) bool // of TLS 1.2; nil: all
	curves []tls.CurveID    // nil: the library's
}

// nist are the curves that FIPS 140 knows.
var nist = []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521}

// profiles are the policies that RHEL ships. LEGACY and DEFAULT allow more than
// is spoken here. Go's TLS 1.3 has one set of suites for all of them.
var profiles = map[string]Profile{
	"DEFAULT": {},
	"LEGACY":  {},
	"FUTURE":  {suites: func(s suite) bool { return s.aead && s.bits >= 256 }},
	"FIPS":    {suites: func(s suite) bool { return s.aead && !strings.Contains(s.name, "CHACHA") }, curves: nist},
}

// SystemProfile is the policy of this system; where there is none, no policy.
func SystemProfile() (Profile, error) { return readProfile(policyFile) }

func readProfile(path string) (Profile, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return Profile{}, nil
	}
	if err != nil {
		return Profile{}, err
	}
	// Modules follow behind colons, DEFAULT:NO-SHA1; what they forbid is below
	// what is spoken here in any case.
	name, _, _ := strings.Cut(strings.TrimSpace(string(b)), ":")
	p, ok := profiles[name]
	if !ok {
		return Profile{}, fmt.Errorf("%s: policy %q is not known, want DEFAULT, LEGACY, FUTURE or FIPS", path, name)
	}
	p.Name = name
	return p, nil
}

// Apply narrows what c allows to what the policy does.
func (p Profile) Apply(c *tls.Config) {
	if p.suites != nil {
		if c.CipherSuites == nil {
			c.CipherSuites = Suites("medium")
		}
		c.CipherSuites = slices.DeleteFunc(slices.Clone(c.CipherSuites), func(id uint16) bool {
			return !slices.ContainsFunc(suites, func(s suite) bool { return s.id == id && p.suites(s) })
		})
	}
	if p.curves != nil {
		c.CurvePreferences = p.curves
	}
}
