package tlswords

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Roots are the authorities that are trusted, read at their first use. What cannot
// be read is tried again at the next.
type Roots struct {
	File, Dir string // PEM; a directory of such files
	System    bool   // those that the system trusts, too
	Set       string // smtp, smtpd, ...: whose parameters they are from

	mu   sync.Mutex
	pool *x509.CertPool // guarded by mu; nil: not read yet
}

// Get returns the authorities.
func (r *Roots) Get() (*x509.CertPool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pool != nil {
		return r.pool, nil
	}
	pool, err := r.read()
	if err == nil {
		r.pool = pool
	}
	return pool, err
}

func (r *Roots) read() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if r.System {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, err
		}
	}
	var files []string
	if r.File != "" {
		files = append(files, r.File)
	}
	if r.Dir != "" {
		entries, err := os.ReadDir(r.Dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			files = append(files, filepath.Join(r.Dir, e.Name()))
		}
	}
	if len(files) == 0 && !r.System {
		return nil, fmt.Errorf("no certificate authority is trusted: set %[1]s_tls_CAfile, %[1]s_tls_CApath or tls_append_default_CA", r.Set)
	}
	found := r.System
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil && f == r.File {
			return nil, err
		}
		found = pool.AppendCertsFromPEM(b) || found
	}
	if !found {
		return nil, fmt.Errorf("no certificate in %s", strings.Join(files, ", "))
	}
	return pool, nil
}
