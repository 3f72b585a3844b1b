package mailctl

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"yubin/internal/config"
	"yubin/internal/servertls"
)

// soon is how long before its end a certificate is worth a word.
const soon = 14 * 24 * time.Hour

// tlsCheckParams are the parameters that inspectTLS reads.
func tlsCheckParams() []*config.Def {
	var defs []*config.Def
	for _, s := range config.TLSServers {
		defs = append(defs, servertls.Params(s.Set)...)
	}
	for _, k := range slices.Concat(config.ServerKeys, config.ClientKeys) {
		defs = append(defs, k.Rows()...)
	}
	return defs
}

// inspectTLS looks at what is set of TLS, and at certificates and the modes of
// keys. It reads no key: a key that does not fit its certificate is in the log,
// by authd.
func inspectTLS(c *config.Config) []config.Problem {
	problems := servertls.Inspect(c)
	note := func(d *config.Def, warning bool, what, mend string) {
		p := c.Problem(d.Name, what)
		p.Mend, p.Warning = mend, warning
		if !slices.ContainsFunc(problems, func(q config.Problem) bool { return q.What == p.What }) {
			problems = append(problems, p)
		}
	}
	for _, k := range slices.Concat(config.ServerKeys, config.ClientKeys) {
		if c.Check(k.Rows()) != nil {
			continue // Lint has said what is wrong
		}
		chains := k.Chains.Of(c)
		for _, f := range chains {
			inspectPEM(k.Chains.Def, c.Source(k.Chains.Name), f, true, note)
		}
		if len(chains) > 0 {
			continue
		}
		for _, p := range []config.String{k.Cert, k.Key, k.ECCert, k.ECKey} {
			if p.Def != nil && p.Of(c) != "" {
				inspectPEM(p.Def, c.Source(p.Name), p.Of(c), p.Def == k.Key.Def || p.Def == k.ECKey.Def, note)
			}
		}
	}
	return problems
}

// inspectPEM looks at one file; source is the parameter that somebody wrote.
func inspectPEM(d *config.Def, source, path string, secret bool, note func(d *config.Def, warning bool, what, mend string)) {
	info, err := os.Stat(path)
	switch {
	case !filepath.IsAbs(path):
		note(d, false, path+" is not an absolute path", "write the whole path")
		return
	case os.IsPermission(err):
		return // not ours to know
	case err != nil:
		note(d, false, err.Error(), "put it there, or correct "+source)
		return
	case secret && info.Mode().Perm()&0o007 != 0:
		note(d, false, fmt.Sprintf("everybody can read the key in %s (mode %#o)", path, info.Mode().Perm()), "chmod 600 "+path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			note(d, false, fmt.Sprintf("%s: %v", path, err), "correct the file")
		case time.Until(cert.NotAfter) < 0:
			note(d, false, fmt.Sprintf("the certificate in %s has expired on %s", path, cert.NotAfter.Format(time.DateOnly)), "renew it")
		case time.Until(cert.NotBefore) > 0:
			note(d, false, fmt.Sprintf("the certificate in %s is valid from %s on", path, cert.NotBefore.Format(time.DateTime)), "set the clock, or wait")
		case time.Until(cert.NotAfter) < soon:
			note(d, true, fmt.Sprintf("the certificate in %s expires on %s", path, cert.NotAfter.Format(time.DateOnly)), "renew it")
		}
		return // the first is the host's own
	}
}
