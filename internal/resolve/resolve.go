package resolve

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Defaults of Options.
const (
	defaultTimeout  = 5 * time.Second
	defaultAttempts = 2
	defaultCache    = 10000
)

// Options say whom a Resolver asks, and how. The zero value is that of
// /etc/resolv.conf.
type Options struct {
	// Servers are asked in this order; none means those of /etc/resolv.conf,
	// which is read again when it changes.
	Servers []netip.AddrPort
	// Timeout is how long one server has for one reply; 0: what
	// /etc/resolv.conf says, or 5 seconds.
	Timeout time.Duration
	// CacheSize is how many answers are kept; 0: 10,000; negative: none.
	CacheSize int
	// TrustAD says whose AD bit counts; "": TrustLoopback.
	TrustAD Trust
}

// Trust says which name servers are believed that they have validated an
// answer. Everyone on the way to a server can forge its word.
type Trust string

// The values of resolver_trust_ad.
const (
	// TrustLoopback: servers on this host, and those of an /etc/resolv.conf
	// that says "options trust-ad".
	TrustLoopback Trust = "loopback"
	TrustAll      Trust = "yes"
	TrustNone     Trust = "no"
)

// A Resolver asks name servers and remembers their answers. Its methods are
// safe for concurrent use.
type Resolver struct {
	options Options
	conf    *confFile
	now     func() time.Time

	mu      sync.Mutex // guards what is below
	cache   cache
	flights map[question]*flight
	sick    map[netip.AddrPort]time.Time // servers that were silent, and until when they are asked last
	turn    int                          // of "options rotate"
}

// A question is a name in the form of ToASCII and a type.
type question struct {
	name   string
	rrtype uint16
}

func (q question) kind() string { return dns.TypeToString[q.rrtype] }

// New returns a Resolver. The error is one of the options.
func New(o Options) (*Resolver, error) {
	switch o.TrustAD {
	case "":
		o.TrustAD = TrustLoopback
	case TrustLoopback, TrustAll, TrustNone:
	default:
		return nil, errors.New("resolver: AD bit: want loopback, yes or no, have " + string(o.TrustAD))
	}
	for _, s := range o.Servers {
		if !s.IsValid() || s.Port() == 0 {
			return nil, errors.New("resolver: not the address of a name server: " + s.String())
		}
	}
	if o.CacheSize == 0 {
		o.CacheSize = defaultCache
	}
	return &Resolver{
		options: o, conf: newConfFile(resolvConf), now: time.Now,
		cache: newCache(o.CacheSize), flights: map[question]*flight{}, sick: map[netip.AddrPort]time.Time{},
	}, nil
}

// A flight is a question under way, for all who have asked it.
type flight struct {
	done    chan struct{} // closed when answer is there
	answer  *answer
	waiting int // callers; guarded by Resolver.mu
	cancel  context.CancelFunc
}

// lookup answers q from memory, or asks. The error is an *Error.
func (r *Resolver) lookup(ctx context.Context, q question) (*answer, error) {
	r.mu.Lock()
	if a := r.cache.get(q, r.now()); a != nil {
		r.mu.Unlock()
		return a.result(q)
	}
	f := r.flights[q]
	if f == nil {
		f = r.launch(ctx, q)
	}
	f.waiting++
	r.mu.Unlock()
	select {
	case <-f.done:
		return f.answer.result(q)
	case <-ctx.Done():
		r.leave(q, f)
		return nil, q.left(ctx)
	}
}

// launch starts a flight. It ends when there is an answer, or when nobody waits
// for one any more: the first caller's patience is not that of the others.
func (r *Resolver) launch(ctx context.Context, q question) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), cancel: cancel}
	r.flights[q] = f
	go func() {
		defer cancel()
		a := r.resolve(ctx, q)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.flights[q] == f {
			delete(r.flights, q)
			r.cache.put(q, a, r.now())
		}
		f.answer = a
		close(f.done)
	}()
	return f
}

// leave gives up waiting; the last one ends the flight.
func (r *Resolver) leave(q question, f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		if r.flights[q] == f {
			delete(r.flights, q)
		}
	}
}
