package qmgr

import (
	"maps"
	"strings"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

const (
	// etrnPause is the least time between two searches for one domain's mail
	// that strangers can cause.
	etrnPause = time.Minute
	// maxDomains bounds the domains that are remembered or waited for.
	maxDomains = 1000
)

// A siteSearch is the search of deferred/ for mail to certain domains. There is
// one at a time, and what is asked for meanwhile makes the next: it reads every
// file.
type siteSearch struct {
	running bool
	wanted  map[string][]chan<- found // those who wait, by domain: "example.com", or with an @ in front for all below it too
	last    map[string]time.Time      // when a stranger last had a domain looked for
}

// A found is the outcome of a search for one domain.
type found struct {
	ids []string
	err error
}

// calledFor are the names that mail to addr may be asked for by.
func calledFor(addr string) []string {
	_, domain := smtp.SplitAddress(addr)
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	all := []string{domain}
	for _, d := range route.Domains(domain, "") {
		all = append(all, "@"+d)
	}
	return all
}

// flushTo has all mail for a domain tried now. It runs in the connection's
// goroutine.
func (s *scheduler) flushTo(c *fdpass.Conn, r *ipc.ControlRequest) error {
	domain := strings.ToLower(strings.TrimSuffix(r.To, "."))
	var wait chan found
	if !r.Later {
		wait = make(chan found, 1)
	}
	accepted := false
	s.ask(func() { accepted = s.search(domain, wait) })
	if !accepted {
		return c.Send(&ipc.ControlReply{Error: "too many domains are being looked for; try again in a minute", End: true})
	}
	if r.Later {
		return c.Send(&ipc.ControlReply{End: true})
	}
	for {
		tick := time.NewTimer(progressEvery)
		select {
		case f := <-wait:
			tick.Stop()
			return tellFound(c, f)
		case <-s.done:
			tick.Stop()
			return nil
		case <-tick.C: // the client gives up on those who say nothing
			if err := c.Send(&ipc.ControlReply{}); err != nil {
				return err
			}
		}
	}
}

// progressEvery is how often a client hears that its request is being worked on.
const progressEvery = 10 * time.Second

func tellFound(c *fdpass.Conn, f found) error {
	for len(f.ids) > controlAtOnce {
		if err := c.Send(&ipc.ControlReply{Done: f.ids[:controlAtOnce]}); err != nil {
			return err
		}
		f.ids = f.ids[controlAtOnce:]
	}
	last := &ipc.ControlReply{Done: f.ids, End: true}
	if f.err != nil {
		last.Error = f.err.Error()
	}
	return c.Send(last)
}

// search begins to look for a domain's mail, or lets that be done next. wait is
// nil when a stranger asks: such requests are bounded.
func (s *scheduler) search(domain string, wait chan<- found) bool {
	q, now := &s.sites, s.now()
	if q.wanted == nil {
		q.wanted, q.last = map[string][]chan<- found{}, map[string]time.Time{}
	}
	if wait == nil {
		if at, ok := q.last[domain]; ok && now.Sub(at) < etrnPause {
			return true
		}
		if len(q.last) >= maxDomains {
			maps.DeleteFunc(q.last, func(_ string, at time.Time) bool { return now.Sub(at) >= etrnPause })
		}
		if len(q.last) >= maxDomains {
			return false
		}
		q.last[domain] = now
	}
	list := q.wanted[domain]
	if wait != nil {
		list = append(list, wait)
	}
	q.wanted[domain] = list
	s.nextSearch()
	return true
}

// nextSearch looks for what is wanted, in a goroutine.
func (s *scheduler) nextSearch() {
	q := &s.sites
	if q.running || len(q.wanted) == 0 || s.stopping {
		return
	}
	wanted, resolve, limit := q.wanted, s.resolve, s.p.active
	q.running, q.wanted = true, map[string][]chan<- found{}
	s.helpers.Go(func() {
		f, err := s.findTo(wanted, resolve, limit)
		// The destinations come first: what is tried must not find them dead.
		s.post(func() { s.reviveWays(f.ways) })
		for domain := range wanted {
			for list := f.ids[domain]; len(list) > 0; {
				n := min(len(list), controlAtOnce)
				some := list[:n]
				list = list[n:]
				s.ask(func() {
					for _, id := range some {
						s.tryNow(id, "")
					}
				})
			}
		}
		for domain, list := range wanted {
			for _, wait := range list {
				wait <- found{f.ids[domain], err}
			}
		}
		s.post(func() {
			q.running = false
			s.nextSearch()
		})
	})
}

// A way is where a recipient's mail goes, as far as agents are concerned.
type way struct{ transport, nexthop string }

// A finding is what a search has found so far.
type finding struct {
	ids  map[string][]string // messages, by the domain asked for
	ways map[way]bool        // that their mail goes
	n    int
}

// findTo reads deferred/, until it has found limit messages or qmgr ends.
func (s *scheduler) findTo(wanted map[string][]chan<- found, resolve resolver, limit int) (*finding, error) {
	f := &finding{ids: map[string][]string{}, ways: map[way]bool{}}
	err := queue.List(s.store.Path(), queue.DirDeferred, func(l *queue.Listed) bool {
		if l.Err == nil {
			f.look(l, wanted, resolve)
		}
		select {
		case <-s.done:
			return false
		default:
			return f.n < limit
		}
	})
	return f, err
}

// look takes a message that has a recipient in a wanted domain.
func (f *finding) look(l *queue.Listed, wanted map[string][]chan<- found, resolve resolver) {
	hits := map[string]bool{}
	for i, r := range l.Message.Env.Recipients {
		if l.Message.Result(i).State.Done() {
			continue
		}
		hit := false
		for _, name := range calledFor(r.Address) {
			if _, ok := wanted[name]; ok {
				hits[name], hit = true, true
			}
		}
		if !hit || len(f.ways) >= maxDomains {
			continue
		}
		if to, err := resolve.of(l.Message.Env, r.Address); err == nil {
			f.ways[way{to.transport, to.nexthop}] = true
		}
	}
	for name := range hits {
		f.ids[name] = append(f.ids[name], l.ID)
		f.n++
	}
}

// reviveWays lets what is in the way of some mail be tried: transports without
// agent, and dead destinations.
func (s *scheduler) reviveWays(ways map[way]bool) {
	for w := range ways {
		t := s.transports[w.transport]
		if t == nil {
			continue
		}
		t.deadUntil, t.retryAt = time.Time{}, time.Time{}
		for _, at := range t.sites {
			if at.dead != nil && at.nexthop == w.nexthop {
				s.revive(t, at)
			}
		}
	}
}
