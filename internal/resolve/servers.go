package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// sickTime is how long a server that was silent is asked after the others.
const sickTime = 30 * time.Second

// setup is whom to ask, and how: Options where they say something, else
// /etc/resolv.conf.
func (r *Resolver) setup() conf {
	if len(r.options.Servers) > 0 {
		c := conf{servers: r.options.Servers, timeout: defaultTimeout, attempts: defaultAttempts}
		if r.options.Timeout > 0 {
			c.timeout = r.options.Timeout
		}
		return c
	}
	c := r.conf.get(r.now())
	if r.options.Timeout > 0 {
		c.timeout = r.options.Timeout
	}
	return c
}

// trusts tells whether the AD bit of a server counts.
func (r *Resolver) trusts(server netip.Addr) bool {
	switch r.options.TrustAD {
	case TrustAll:
		return true
	case TrustNone:
		return false
	}
	return server.Unmap().IsLoopback() || r.setup().trustAD
}

// order returns the servers in the order in which they are asked now.
func (r *Resolver) order(c conf) []netip.AddrPort {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	servers := slices.Clone(c.servers)
	if c.rotate {
		r.turn = (r.turn + 1) % len(servers)
		servers = append(servers[r.turn:], servers[:r.turn]...)
	}
	slices.SortStableFunc(servers, func(a, b netip.AddrPort) int {
		return compareBool(now.Before(r.sick[a]), now.Before(r.sick[b]))
	})
	return servers
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// A word is what a server has said, or why it has said nothing.
type word struct {
	text  string
	final bool // it is not asked again
}

// ask puts q to the servers until one answers it. A server that says it cannot
// is not asked again; one that is silent has its turn in the next round. The
// error is about the question that q came up for.
func (r *Resolver) ask(ctx context.Context, q, about question) (*dns.Msg, netip.AddrPort, *Error) {
	c := r.setup()
	servers := r.order(c)
	words := make([]word, len(servers))
	for range c.attempts {
		for i, s := range servers {
			if words[i].final {
				continue
			}
			m, err := query(ctx, s, q, c)
			if ctx.Err() != nil {
				return nil, s, about.left(ctx)
			}
			r.mark(s, err != nil)
			if err != nil {
				words[i] = word{text: silence(err, c.timeout)}
				continue
			}
			why := refusal(m)
			if why == "" {
				return m, s, nil
			}
			words[i] = word{why, true}
		}
	}
	return nil, netip.AddrPort{}, about.unanswered(servers, words)
}

// mark remembers whether a server was silent.
func (r *Resolver) mark(s netip.AddrPort, silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if silent {
		r.sick[s] = r.now().Add(sickTime)
	} else {
		delete(r.sick, s)
	}
}

// refusal says why a reply is no answer; "": it is one.
func refusal(m *dns.Msg) string {
	switch m.Rcode {
	case dns.RcodeNameError:
		return ""
	case dns.RcodeSuccess:
		if !m.RecursionAvailable && !m.Authoritative && len(m.Answer) == 0 && authority(m.Ns) == nil {
			return "does not look up names for us"
		}
		return ""
	}
	text, ok := dns.RcodeToString[m.Rcode]
	if !ok {
		text = fmt.Sprintf("error %d", m.Rcode)
	}
	return "says " + text + extended(m)
}

// extended is the reason that a server gives (RFC 8914), in known words: its
// own text may hold anything.
func extended(m *dns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if ede, ok := o.(*dns.EDNS0_EDE); ok {
			if text := dns.ExtendedErrorCodeToString[ede.InfoCode]; text != "" {
				return " (" + text + ")"
			}
		}
	}
	return ""
}

// silence says why there was no reply.
func silence(err error, timeout time.Duration) string {
	var malformed malformedError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("does not answer within %v", timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "is not running"
	case errors.As(err, &malformed):
		return malformed.Error()
	}
	return fmt.Sprintf("cannot be asked: %v", err)
}

// unanswered is the error when no server has answered.
func (q question) unanswered(servers []netip.AddrPort, words []word) *Error {
	var texts []string
	spoke := ""
	for i, s := range servers {
		texts = append(texts, fmt.Sprintf("name server %v %s", s, words[i].text))
		if words[i].final {
			spoke = s.String()
		}
	}
	return q.failed(spoke, nil, "%s", strings.Join(texts, "; "))
}
