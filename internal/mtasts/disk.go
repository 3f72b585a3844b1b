package mtasts

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// extension ends the names of files with policies: DOMAIN.json.
const extension = ".json"

// load reads the policy of a domain from disk; nil when there is none that is
// of use.
func (c *Cache) load(domain string) *found {
	if c.o.Dir == "" {
		return nil
	}
	b, err := os.ReadFile(c.file(domain))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.o.Report("MTA-STS policy of %s: %v", domain, err)
		}
		return nil
	}
	return decode(b, domain)
}

// decode reads a file. What is damaged is as good as nothing: the policy is
// fetched again.
func decode(b []byte, domain string) *found {
	f := &found{}
	if json.Unmarshal(b, f) != nil || f.Domain != domain || f.Policy == nil || f.Policy.MaxAge < 0 || f.Policy.MaxAge > maxMaxAge {
		return nil
	}
	switch f.Policy.Mode {
	case None:
	case Enforce, Testing:
		if len(f.Policy.MX) == 0 {
			return nil
		}
	default:
		return nil
	}
	return f
}

// file is where the policy of a domain is. A valid domain has no slash and does
// not begin with a dot.
func (c *Cache) file(domain string) string { return filepath.Join(c.o.Dir, domain+extension) }

// store writes a policy, at once and whole. It is a cache: a power failure may
// take it.
func (c *Cache) store(f *found) error {
	if c.o.Dir == "" {
		return nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	c.makeRoom()
	t, err := os.CreateTemp(c.o.Dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(t.Name())
	_, err = t.Write(b)
	if err = errors.Join(err, t.Close()); err != nil {
		return err
	}
	return os.Rename(t.Name(), c.file(f.Domain))
}

// makeRoom removes files when there are too many: those whose policy is over,
// and those that have not been renewed for longest.
func (c *Cache) makeRoom() {
	d, err := os.Open(c.o.Dir)
	if err != nil {
		return
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil || len(names) < maxDomains {
		return
	}
	now := c.o.Now()
	oldest, when := "", now
	for _, n := range names {
		name := filepath.Join(c.o.Dir, n)
		info, err := os.Lstat(name)
		if err != nil {
			continue
		}
		if !strings.HasSuffix(n, extension) {
			if now.Sub(info.ModTime()) > time.Hour { // of a process that died
				os.Remove(name)
			}
			continue
		}
		if b, err := os.ReadFile(name); err == nil {
			if f := decode(b, strings.TrimSuffix(n, extension)); f == nil || f.over(now) {
				os.Remove(name)
				continue
			}
		}
		if info.ModTime().Before(when) {
			oldest, when = name, info.ModTime()
		}
	}
	if oldest != "" {
		os.Remove(oldest)
	}
}
