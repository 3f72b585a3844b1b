package resolve

import (
	"fmt"
	"testing"
	"time"

	"yubin/test/dns"
)

// A clock is the time of a resolver.
type clock struct{ now time.Time }

func (c *clock) wind(r *Resolver) *clock {
	c.now = time.Unix(1e9, 0)
	r.now = func() time.Time { return c.now }
	return c
}

// For how long an answer is kept: asked again only when its time is up.
func TestTTL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		zone string
		ask  string
		kept time.Duration // 0: not at all
	}{
		{"record", "@ 60 MX 10 mx\n", "ttl.test", time.Minute},
		{"least of a set", "@ 60 MX 10 mx\n@ 30 MX 20 mx\n", "ttl.test", 30 * time.Second},
		{"none", "@ 0 MX 10 mx\n", "ttl.test", 0},
		{"alias", "@ 60 MX 10 mx\na 20 CNAME @\n", "a.ttl.test", 20 * time.Second},
		{"behind an alias", "@ 20 MX 10 mx\na 60 CNAME @\n", "a.ttl.test", 20 * time.Second},
		{"too long", "@ 604800 MX 10 mx\n", "ttl.test", 24 * time.Hour},
		{"first bit", "@ 2147483648 MX 10 mx\n", "ttl.test", 0},
		{"no data, minimum", "@ 600 SOA ns hm 1 1 1 1 40\n@ TXT x\n", "ttl.test", 40 * time.Second},
		{"no data, TTL of SOA", "@ 30 SOA ns hm 1 1 1 1 400\n@ TXT x\n", "ttl.test", 30 * time.Second},
		{"no such name", "@ 600 SOA ns hm 1 1 1 1 40\n", "x.ttl.test", 40 * time.Second},
		{"negative, too long", "@ 86400 SOA ns hm 1 1 1 1 86400\n", "x.ttl.test", time.Hour},
		{"negative behind an alias", "@ 86400 SOA ns hm 1 1 1 1 86400\na 20 CNAME gone\n", "a.ttl.test", 20 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := dns.Start(t)
			s.Zone("ttl.test", test.zone)
			r := resolver(t, s.AddrPort())
			c := new(clock).wind(r)
			ask := func(want int) {
				t.Helper()
				_, _ = r.MX(t.Context(), test.ask)
				if n := s.Count(test.ask, "MX"); n != want {
					t.Errorf("asked %d times, want %d", n, want)
				}
			}
			ask(1)
			if test.kept == 0 {
				ask(2)
				return
			}
			c.now = c.now.Add(test.kept - 1)
			ask(1)
			c.now = c.now.Add(1)
			ask(2)
		})
	}
}

// A failure is kept for a second; a name that does not exist, for all types;
// an answer without SOA, and one to nobody, not at all.
func TestCacheKinds(t *testing.T) {
	t.Parallel()
	s := dns.Start(t)
	s.Zone("kinds.test", "@ 600 SOA ns hm 1 1 1 1 600\na 600 CNAME gone\n")
	r := resolver(t, s.AddrPort())
	c := new(clock).wind(r)

	_, err := r.MX(t.Context(), "x.kinds.test")
	want(t, "MX", nil, err, "not found: does not exist")
	_, err = r.TXT(t.Context(), "x.kinds.test")
	want(t, "TXT", nil, err, "not found: does not exist")
	if e := err.(*Error); e.Type != "TXT" || len(s.Asked()) != 1 {
		t.Errorf("got type %s after %d questions", e.Type, len(s.Asked()))
	}
	// Of an alias, only this question is known: it exists.
	_, _ = r.MX(t.Context(), "a.kinds.test")
	if _, err := r.CNAME(t.Context(), "a.kinds.test"); err != nil {
		t.Error(err)
	}

	s.Fail("f.kinds.test", dns.ServFail)
	for range 2 {
		_, err = r.MX(t.Context(), "f.kinds.test")
		want(t, "MX", nil, err, "temporary: SERVFAIL")
	}
	if n := s.Count("f.kinds.test", "MX"); n != 1 {
		t.Errorf("a failure was asked for %d times at once", n)
	}
	c.now = c.now.Add(time.Second)
	s.Fail("f.kinds.test", dns.Well)
	_, err = r.MX(t.Context(), "f.kinds.test")
	want(t, "MX", nil, err, "not found: does not exist")

	s.Fail("n.kinds.test", dns.NoSOA)
	for range 2 {
		_, err = r.MX(t.Context(), "n.kinds.test")
		want(t, "MX", nil, err, "not found: does not exist")
	}
	if n := s.Count("n.kinds.test", "MX"); n != 2 {
		t.Errorf("an answer without SOA was asked for %d times", n)
	}
}

// The cache has a bound, long answers count for what they are, and what was
// asked for last stays.
func TestCacheBound(t *testing.T) {
	t.Parallel()
	s := dns.Start(t)
	zone := "$TTL 600\n"
	for i := range 9 {
		zone += fmt.Sprintf("n%d TXT x\n", i)
	}
	for range 10 {
		zone += fmt.Sprintf("long TXT \"%0200d\"\n", len(zone))
	}
	s.Zone("bound.test", zone)
	r := resolver(t, s.AddrPort())
	r.cache = newCache(8)
	asked := func(name string) int {
		t.Helper()
		if _, err := r.TXT(t.Context(), name+".bound.test"); err != nil {
			t.Fatal(err)
		}
		return s.Count(name+".bound.test", "TXT")
	}
	for i := range 8 {
		asked(fmt.Sprintf("n%d", i))
	}
	if asked("n0") != 1 { // and is now the latest
		t.Error("n0 was not kept")
	}
	asked("n8")
	if asked("n0") != 1 || asked("n1") != 2 {
		t.Error("not the oldest made room")
	}
	asked("long")
	if r.cache.weight > 8 || len(r.cache.entries) > 4 || r.cache.recent.Len() != len(r.cache.entries) {
		t.Errorf("weight %d, %d entries", r.cache.weight, len(r.cache.entries))
	}
	r.cache = newCache(-1)
	asked("n7")
	if n := s.Count("n7.bound.test", "TXT"); asked("n7") != n+1 {
		t.Error("no cache, and yet one answer")
	}
}
