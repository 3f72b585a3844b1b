package resolve

import (
	"container/list"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxTTL and maxNegative bound how long an answer is kept, whatever its
	// time to live says; RFC 2308, 5: one to three hours for negative ones.
	maxTTL      = 24 * time.Hour
	maxNegative = time.Hour
	// failureTTL keeps a thousand messages for one dead domain from asking a
	// thousand times (RFC 9520, 3.2). It is short: what is mended shall be seen
	// at once.
	failureTTL = time.Second
	// unit is how many octets of an answer count as one answer of CacheSize.
	unit = 512
)

// A cache keeps answers until their time is up; the one that was not asked for
// longest makes room.
type cache struct {
	size    int // of the sum of weights
	weight  int
	entries map[question]*list.Element
	recent  *list.List // of *entry, the latest first
}

type entry struct {
	q       question
	a       *answer
	expires time.Time
	weight  int
}

func newCache(size int) cache {
	return cache{size: size, entries: map[question]*list.Element{}, recent: list.New()}
}

// get returns what is known of q. That a name does not exist is known for all
// its types (RFC 2308, 5).
func (c *cache) get(q question, now time.Time) *answer {
	if a := c.find(q, now); a != nil {
		return a
	}
	return c.find(question{q.name, dns.TypeNone}, now)
}

func (c *cache) find(q question, now time.Time) *answer {
	e := c.entries[q]
	if e == nil {
		return nil
	}
	if !now.Before(e.Value.(*entry).expires) {
		c.remove(e)
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*entry).a
}

func (c *cache) put(q question, a *answer, now time.Time) {
	if a.allTypes {
		q.rrtype = dns.TypeNone
	}
	if old := c.entries[q]; old != nil {
		c.remove(old)
	}
	weight := 1 + a.size()/unit
	if a.ttl <= 0 || weight > c.size {
		return
	}
	for c.weight+weight > c.size {
		c.remove(c.recent.Back())
	}
	c.weight += weight
	c.entries[q] = c.recent.PushFront(&entry{q, a, now.Add(a.ttl), weight})
}

func (c *cache) remove(e *list.Element) {
	old := c.recent.Remove(e).(*entry)
	c.weight -= old.weight
	delete(c.entries, old.q)
}
