package mtasts

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"time"

	"yubin/internal/smtp"
)

const (
	// renewAfter is how old a policy is fetched again whose record has not
	// changed (RFC 8461, 3.3: once a day).
	renewAfter = 24 * time.Hour
	// retryAfter is how long a domain whose policy could not be fetched is left
	// alone (RFC 8461, 3.3: five minutes or more).
	retryAfter = 5 * time.Minute
	// maxDomains is how many domains are remembered, in memory and on disk.
	maxDomains = 10000
)

// Options make a Cache.
type Options struct {
	// TXT returns the texts of a name in the DNS; none is an error or not.
	TXT func(ctx context.Context, name string) ([]string, error)
	// Dial connects to the servers of policies.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Roots are the authorities that are trusted with their certificates.
	Roots func() (*x509.CertPool, error)
	// Dir is where policies are kept over the life of a process: a directory of
	// this package's own, absolute. "" keeps them in memory alone.
	Dir string
	// Report is told what went wrong, in a line for the log.
	Report func(format string, args ...any)
	// Now is the time; nil: time.Now.
	Now func() time.Time
}

// A Cache finds policies and remembers them. Its methods are safe for
// concurrent use.
type Cache struct {
	o  Options
	mu sync.Mutex // guards domains
	// domains are entries by domain; who waits for an entry has it too when it
	// has been dropped meanwhile.
	domains map[string]*entry
}

// An entry is what is known of one domain.
type entry struct {
	mu     sync.Mutex // held while the policy is looked up
	loaded bool       // the disk has been asked
	found  *found
	failed time.Time // of the last fetch that failed
	tried  string    // the id that it was for
}

// A found is a policy, and when and for which record it was fetched.
type found struct {
	Domain  string    `json:"domain"`
	ID      string    `json:"id"`
	Fetched time.Time `json:"fetched"`
	Policy  *Policy   `json:"policy"`
}

// New returns a Cache.
func New(o Options) *Cache {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cache{o: o, domains: map[string]*entry{}}
}

// Policy returns the policy of a domain; nil: it has none that is known, or one
// of mode none. It is not sure of that where the DNS, or the server of the policy,
// could not tell. It asks the DNS, and fetches what is new.
func (c *Cache) Policy(ctx context.Context, domain string) (p *Policy, sure bool) {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if !smtp.ValidDomain(domain) {
		return nil, true
	}
	texts, err := c.o.TXT(ctx, "_mta-sts."+domain)
	id, ok := "", false
	if err == nil {
		id, ok = recordID(texts)
	}
	e := c.entry(domain)
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.loaded {
		e.found, e.loaded = c.load(domain), true
	}
	now := c.o.Now()
	if e.found != nil && e.found.over(now) {
		e.found = nil
	}
	// RFC 8461, 3.1: no record is no reason to forget a policy.
	if ok && e.due(id, now) {
		c.renew(ctx, e, domain, id, now)
	}
	switch {
	case e.found == nil:
		return nil, err == nil && !ok
	case e.found.Policy.Mode == None:
		return nil, true
	}
	return e.found.Policy, true
}

// over tells whether the policy has reached its age. A clock that was set back
// makes it no younger.
func (f *found) over(now time.Time) bool {
	age := now.Sub(f.Fetched)
	return age >= f.Policy.MaxAge || age < -time.Hour
}

// due tells whether the policy is to be fetched for the record's id.
func (e *entry) due(id string, now time.Time) bool {
	wanted := e.found == nil || e.found.ID != id || now.Sub(e.found.Fetched) >= renewAfter
	return wanted && (e.tried != id || now.Sub(e.failed).Abs() >= retryAfter)
}

// renew fetches the policy. If that fails, an earlier one stays (RFC 8461, 5.1).
func (c *Cache) renew(ctx context.Context, e *entry, domain, id string, now time.Time) {
	p, err := c.fetch(ctx, domain)
	if err != nil && ctx.Err() != nil {
		return // it is the caller who has given up
	}
	if err != nil {
		e.failed, e.tried = now, id
		what := "there is none"
		if e.found != nil {
			what = "the one of " + e.found.Fetched.UTC().Format(time.RFC3339) + " stays"
		}
		c.o.Report("MTA-STS policy of %s: %v; %s", domain, err, what)
		return
	}
	e.failed, e.tried = time.Time{}, ""
	e.found = &found{Domain: domain, ID: id, Fetched: now, Policy: p}
	if err := c.store(e.found); err != nil {
		c.o.Report("MTA-STS policy of %s cannot be kept: %v", domain, err)
	}
}

// entry returns that of a domain. When there are too many, others are dropped:
// what they hold is on disk.
func (c *Cache) entry(domain string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.domains[domain]
	if e == nil {
		for d := range c.domains {
			if len(c.domains) < maxDomains {
				break
			}
			delete(c.domains, d)
		}
		e = &entry{}
		c.domains[domain] = e
	}
	return e
}
