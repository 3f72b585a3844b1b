package tlswords

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// Versions are a range of TLS versions.
type Versions struct{ Low, High uint16 }

// names are those that main.cf has, oldest first; what is below TLS 1.2 is not
// spoken (RFC 8996).
var names = []struct {
	name    string
	version uint16
}{
	{"SSLv2", 2}, {"SSLv3", 3}, {"TLSv1", tls.VersionTLS10}, {"TLSv1.1", tls.VersionTLS11},
	{"TLSv1.2", tls.VersionTLS12}, {"TLSv1.3", tls.VersionTLS13},
}

func versionOf(name string) (uint16, bool) {
	for _, v := range names {
		if strings.EqualFold(v.name, name) {
			return v.version, true
		}
	}
	return 0, false
}

// Version is the name of a version as logs have it.
func Version(v uint16) string {
	for _, n := range names {
		if n.version == v {
			return n.name
		}
	}
	return fmt.Sprintf("%#x", v)
}

// A term is one word of a protocol list.
type term struct {
	bound   string // ">=", "<=", or "" for a name that stands for itself
	not     bool
	version uint16
}

func parseTerm(w string) (t term, err error) {
	if len(w) > 2 && (w[:2] == ">=" || w[:2] == "<=") {
		t.bound, w = w[:2], w[2:]
	}
	name, not := strings.CutPrefix(w, "!")
	v, ok := versionOf(name)
	if !ok || not && t.bound != "" {
		return t, fmt.Errorf("unknown protocol %q", w)
	}
	t.not, t.version = not, v
	return t, nil
}

// ParseVersions reads a list of protocols: bounds, names, and names with an
// exclamation mark.
func ParseVersions(words []string) (Versions, error) {
	r := Versions{Low: tls.VersionTLS12, High: tls.VersionTLS13}
	allowed, named := map[uint16]bool{}, false
	excluded := map[uint16]bool{}
	for _, w := range words {
		if w == "" {
			continue
		}
		t, err := parseTerm(w)
		switch {
		case err != nil:
			return r, err
		case t.bound == ">=":
			r.Low = max(r.Low, t.version)
		case t.bound == "<=":
			r.High = min(r.High, t.version)
		case t.not:
			excluded[t.version] = true
		default:
			allowed[t.version], named = true, true
		}
	}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if !excluded[v] && (!named || allowed[v]) {
			continue
		}
		if v == r.Low {
			r.Low++
		} else if v == r.High {
			r.High--
		}
	}
	if r.Low > r.High {
		return r, fmt.Errorf("no protocol is left of TLSv1.2 and TLSv1.3")
	}
	return r, nil
}

// Older tells whether a list asks for a version that is not spoken any more.
func Older(words []string) bool {
	for _, w := range words {
		if t, err := parseTerm(w); err == nil && !t.not && t.bound != "<=" && t.version < tls.VersionTLS12 {
			return true
		}
	}
	return false
}
