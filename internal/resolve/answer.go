package resolve

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	maxChain   = 10  // aliases behind each other that are followed
	maxRecords = 100 // of one answer that are kept: no honest domain has more
)

// An answer is what is known about a question, good or bad. It never changes.
type answer struct {
	records  []dns.RR // of the type that was asked for
	name     string   // their owner: where the chain of aliases ended
	secure   bool
	ttl      time.Duration // for which it holds; 0: for now
	err      *Error        // in place of records
	allTypes bool          // err holds for every type of the name
}

// result returns the records of a, or its error as one about q.
func (a *answer) result(q question) (*answer, error) {
	if a.err == nil {
		return a, nil
	}
	e := *a.err
	e.Type = q.kind()
	return nil, &e
}

// size is about the room that a takes.
func (a *answer) size() int {
	n := 0
	for _, rr := range a.records {
		n += dns.Len(rr)
	}
	return n
}

// A chase follows a name through the replies of servers to its records.
type chase struct {
	q      question
	name   string // where it has come to, in lower case without a final dot
	seen   map[string]bool
	ttl    time.Duration
	secure bool
	server netip.AddrPort
}

// resolve answers q by asking servers.
func (r *Resolver) resolve(ctx context.Context, q question) *answer {
	c := &chase{q: q, name: q.name, seen: map[string]bool{q.name: true}, ttl: maxTTL, secure: true}
	for {
		m, server, err := r.ask(ctx, question{c.name, q.rrtype}, q)
		if err != nil {
			return failure(err)
		}
		c.server = server
		c.secure = c.secure && m.AuthenticatedData && r.trusts(server.Addr())
		if a := c.read(m); a != nil {
			return a
		}
		// A server that does not recurse to the end of a chain: ask for
		// where it has stopped.
	}
}

func failure(err *Error) *answer { return &answer{err: err, ttl: failureTTL} }

// read takes in one reply. It returns nil when the chain goes on elsewhere.
func (c *chase) read(m *dns.Msg) *answer {
	moved := false
	for {
		if records := c.records(m.Answer); len(records) > 0 {
			return &answer{records: records, name: c.name, secure: c.secure, ttl: c.ttl}
		}
		target, ok := c.alias(m.Answer)
		if !ok {
			break
		}
		moved = true
		if c.seen[target] {
			return failure(c.q.failed(c.server.String(), nil, "it stands for %s, which stands for itself", target))
		}
		if len(c.seen) > maxChain {
			return failure(c.q.failed(c.server.String(), nil, "more than %d names stand for each other", maxChain))
		}
		c.seen[target] = true
		c.name = target
	}
	return c.absent(m, moved)
}

// records takes the records that are asked for. A record set has one time to
// live (RFC 2181, 5.2); the least counts.
func (c *chase) records(section []dns.RR) []dns.RR {
	var records []dns.RR
	for _, rr := range section {
		if h := rr.Header(); h.Rrtype == c.q.rrtype && h.Class == dns.ClassINET && sameName(h.Name, c.name) && len(records) < maxRecords {
			records = append(records, rr)
			c.hold(h.Ttl, maxTTL)
		}
	}
	return records
}

// alias returns what c.name stands for.
func (c *chase) alias(section []dns.RR) (target string, ok bool) {
	if c.q.rrtype == dns.TypeCNAME {
		return "", false
	}
	for _, rr := range section {
		if cname, ok := rr.(*dns.CNAME); ok && cname.Hdr.Class == dns.ClassINET && sameName(cname.Hdr.Name, c.name) {
			c.hold(cname.Hdr.Ttl, maxTTL)
			return plainName(cname.Target), true
		}
	}
	return "", false
}

// absent reads a reply without the records that are asked for.
func (c *chase) absent(m *dns.Msg, moved bool) *answer {
	soa := authority(m.Ns)
	kind := NoData
	switch {
	case m.Rcode == dns.RcodeNameError:
		kind = NotFound
	case moved && soa == nil:
		return nil
	case !moved && len(m.Answer) > 0:
		// Not "no data", on which mail would go elsewhere.
		return failure(c.q.failed(c.server.String(), nil, "name server %v sends the records of another name", c.server))
	}
	c.negative(soa)
	return &answer{
		err: c.q.absent(kind, c.name, c.server.String(), c.secure),
		ttl: c.ttl, allTypes: kind == NotFound && c.name == c.q.name,
	}
}

// negative takes the time that a negative answer holds for from the zone's SOA
// record: RFC 2308, 5. Without one it is not kept.
func (c *chase) negative(soa *dns.SOA) {
	if soa == nil {
		c.ttl = 0
		return
	}
	c.hold(min(soa.Hdr.Ttl, soa.Minttl), maxNegative)
}

func authority(section []dns.RR) *dns.SOA {
	for _, rr := range section {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa
		}
	}
	return nil
}

// hold shortens the time that the answer holds for. RFC 2181, 8: with its first
// bit set, a time to live is none.
func (c *chase) hold(ttl uint32, most time.Duration) {
	if ttl >= 1<<31 {
		ttl = 0
	}
	c.ttl = min(c.ttl, most, time.Duration(ttl)*time.Second)
}

func plainName(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

func sameName(fqdn, plain string) bool {
	return strings.EqualFold(strings.TrimSuffix(fqdn, "."), plain)
}
