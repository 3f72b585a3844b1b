package smtpc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"yubin/internal/agent"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// A recipient is one of a request who has no outcome yet.
type recipient struct {
	*ipc.Recipient
	to    string   // Address as it goes out
	heard bool     // the session at hand has said something of her
	done  bool     // has an outcome
	why   *failure // what the last server said of her
	// welcome is the reply to RCPT, where that is all that is asked for.
	welcome *reply
}

// A job is one request.
type job struct {
	d    *deliverer
	req  *agent.Request
	log  *maillog.Logger
	m    *letter
	left []*recipient
	why  *failure // what was wrong with the last server or name server

	results []ipc.Result // not sent yet
	start   time.Time
	ready   time.Time // when the session at hand was ready; zero: there is none
	s       *session  // at hand, or last
	more    bool      // another server may be tried
	tried   map[string]bool
	quits   []*session
	told    *ipc.Session // of a session that the postmaster is to hear of; nil: none, or it has gone
}

// deliver finds an outcome for every recipient.
func (j *job) deliver(ctx context.Context) {
	targets, err := j.targets()
	if err == nil {
		err = j.rewrite()
	}
	if err == nil {
		err = j.check()
	}
	if err != nil {
		j.blame(asFailure(err))
		targets = nil
	}
	for i, t := range targets {
		if len(j.left) == 0 {
			break
		}
		j.try(ctx, t, i+1 < len(targets))
	}
	j.more = false
	for _, r := range j.left {
		f := r.why
		if f == nil || f.permanent && j.why != nil && !j.why.permanent {
			f = j.why
		}
		if f == nil {
			f = fails(4, noAnswer, "delivery was put off: no server takes more recipients now")
		}
		j.unknown([]*recipient{r}, f)
	}
	j.left = nil
}

// targets are the next hops, with what the sender wants of TLS.
func (j *job) targets() ([]*target, error) {
	targets, err := j.d.o.targets(j.m.req.Nexthop, j.m.req.Sender)
	if err == nil {
		j.m.wish, err = wishOf(j.m, j.d.o.requireTLS)
	}
	for _, t := range targets {
		j.d.o.grant(t, j.m.wish)
	}
	return targets, err
}

// check looks at what goes into commands. qmgr vouches for it; a line end in an
// address would be another command.
func (j *job) check() error {
	if err := smtp.Check(j.m.sender); err != nil {
		return fails(5, smtp.BadSenderSyntax, "bad sender address: %v", err)
	}
	rest := j.left[:0]
	for _, r := range j.left {
		if err := smtp.Check(r.to); err != nil || r.to == "" {
			j.refused([]*recipient{r}, fails(5, smtp.BadRecipientSyntax, "bad recipient address"))
			continue
		}
		rest = append(rest, r)
	}
	j.left = rest
	return nil
}

// blame notes a failure of a whole target or server. One that leaves hope is not
// replaced by one that does not.
func (j *job) blame(f *failure) {
	if j.why == nil || j.why.permanent || !f.permanent {
		j.why = f
	}
}

// try delivers to the servers of one target.
func (j *job) try(ctx context.Context, t *target, others bool) {
	j.d.pool.enter(t.key)
	defer j.d.pool.leave(t.key)
	j.more, j.m.private = true, t.private
	for len(j.left) > 0 {
		s := j.d.pool.take(func(s *session) bool { return s.key.target == t.key })
		if s == nil || j.use(ctx, t, s, true) {
			break
		}
	}
	if len(j.left) == 0 {
		return
	}
	sites, err := j.d.finder.sites(ctx, t)
	if err != nil {
		f := asFailure(err).ofSite()
		if ctx.Err() != nil {
			f = stopped()
		}
		j.blame(f)
		return
	}
	sessions := 0
	for i, at := range sites {
		if len(j.left) == 0 || ctx.Err() != nil {
			break
		}
		if j.tried[at.relay()] {
			continue
		}
		last := sessions+1 == j.d.o.sessions || i+1 == len(sites)
		j.more = others || !last
		if j.visit(ctx, t, at) {
			if sessions++; last {
				break
			}
		}
		j.answer()
	}
	if ctx.Err() != nil {
		j.blame(stopped())
	}
}

// visit delivers over sessions with one server. It tells whether there was one.
func (j *job) visit(ctx context.Context, t *target, at *site) bool {
	for key := at.key(); ; {
		s := j.d.pool.take(func(s *session) bool { return s.key.site == key })
		if s == nil {
			break
		}
		if j.use(ctx, t, s, true) && !j.unheard() {
			return true
		}
	}
	met := false
	// A server with limits (RFC 9422) may have had its fill with some
	// recipients left; as long as it takes some, it is asked again.
	for before := 0; len(j.left) > 0 && len(j.left) != before && (!met || j.unheard()); {
		before = len(j.left)
		j.ready, j.s = time.Time{}, nil
		s, err := connect(ctx, j.d.o, j.log, at)
		if s != nil {
			j.s = s
			j.tell(s)
		}
		if err != nil {
			f := asFailure(err)
			if ctx.Err() == nil { // else it is we who broke it off
				f = f.ofSite()
			}
			j.siteFailed(f)
			return met
		}
		met = true
		s.key = poolKey{t.key, at.key()}
		j.use(ctx, t, s, false)
	}
	return met
}

// unheard tells whether there are recipients of whom the last session has said
// nothing.
func (j *job) unheard() bool {
	for _, r := range j.left {
		if !r.heard {
			return true
		}
	}
	return false
}

// siteFailed takes a failure of a server that got no message.
func (j *job) siteFailed(f *failure) {
	if f.permanent {
		j.refused(j.left, f)
		j.compact()
		return
	}
	if j.s == nil {
		j.log.Info("%s", f.text)
	} else if j.more {
		j.log.Info("%s: %s", j.m.req.ID, f.text)
	}
	j.blame(f)
}

// use delivers over a session. It is false when the session turned out to be
// stale, and nothing has been said of anybody.
func (j *job) use(ctx context.Context, t *target, s *session, reused bool) bool {
	defer s.watch(ctx)()
	for _, r := range j.left {
		r.heard = false
	}
	j.s, j.ready = s, time.Now()
	s.uses++
	err := j.transactions(s)
	j.tell(s)
	fresh := err == nil || !reused || j.heard()
	switch {
	case err == nil:
	case fresh:
		j.refused(j.silent(), asFailure(err))
	default:
		j.log.Info("%s: %s; the connection was used before, another is tried", j.req.ID, asFailure(err).text)
	}
	if fresh && !j.unheard() {
		j.mark(s)
	}
	j.compact()
	j.release(t, s)
	return fresh
}

func (j *job) mark(s *session) {
	if j.tried == nil {
		j.tried = map[string]bool{}
	}
	j.tried[s.peer.relay()] = true
}

// heard tells whether the session has said something of somebody.
func (j *job) heard() bool { return len(j.silent()) < len(j.left) }

// silent are the recipients of whom it has said nothing.
func (j *job) silent() []*recipient {
	var rs []*recipient
	for _, r := range j.left {
		if !r.heard {
			rs = append(rs, r)
		}
	}
	return rs
}

// compact drops recipients who have an outcome.
func (j *job) compact() {
	rest := j.left[:0:0]
	for _, r := range j.left {
		if !r.done {
			rest = append(rest, r)
		}
	}
	j.left = rest
}

// transactions carries out as many transactions as the recipients need and the
// session allows.
func (j *job) transactions(s *session) error {
	pending := j.left
	for len(pending) > 0 && !s.ended && (s.ext.mailMax == 0 || s.sent < s.ext.mailMax) {
		if s.doubt && !s.rset() {
			return s.lost("sending the RSET probe", errEnd)
		}
		batch, rest := cut(pending, &s.ext)
		again, err := transact(s, j.m, batch, j)
		if err != nil {
			return err
		}
		pending = append(rest, again...)
	}
	return nil
}

// cut takes as many recipients as go into one transaction (RFC 9422, 4). Those
// whose address needs SMTPUTF8 go apart from the others where the server does
// not have it: it refuses them alone.
func cut(rs []*recipient, e *extensions) (batch, rest []*recipient) {
	if !e.utf8 {
		rs, rest = part(rs, func(r *recipient) bool { return eightBit([]byte(r.to)) == eightBit([]byte(rs[0].to)) })
	}
	if e.rcptMax == 0 && e.domainMax == 0 {
		return rs, rest
	}
	domains := map[string]bool{}
	for _, r := range rs {
		_, d := smtp.SplitAddress(strings.ToLower(r.to))
		if e.rcptMax > 0 && len(batch) == e.rcptMax || e.domainMax > 0 && !domains[d] && len(domains) == e.domainMax {
			rest = append(rest, r)
			continue
		}
		domains[d] = true
		batch = append(batch, r)
	}
	return batch, rest
}

// part takes those for whom first is true.
func part(rs []*recipient, first func(*recipient) bool) (some, rest []*recipient) {
	for _, r := range rs {
		if first(r) {
			some = append(some, r)
		} else {
			rest = append(rest, r)
		}
	}
	return some, rest
}

// release gives a session back.
func (j *job) release(t *target, s *session) {
	if j.d.pool.usable(s) && j.d.pool.wanted(t) {
		j.d.pool.put(s)
		return
	}
	j.quits = append(j.quits, s)
}

// sent takes a delivery.
func (j *job) sent(r *recipient, answer *reply) {
	j.outcome(r, ipc.Result{
		Index: r.Index, Status: ipc.Sent, Code: answer.enhanced(2), Text: shorten(answer.text), Host: j.s.peer.host,
		Report: j.s.report(j.m),
	})
}

// refused takes a failure of some recipients: an outcome, or something to
// remember while another server may be tried.
func (j *job) refused(rs []*recipient, f *failure) {
	if len(rs) == 0 {
		return
	}
	if !f.permanent && j.more || f.elsewhere {
		f.relay = j.relay()
		for _, r := range rs {
			if r.heard = true; r.why == nil || r.why.permanent || !f.permanent {
				r.why = f
			}
		}
		j.log.Info("%s: %s", j.m.req.ID, f.text)
		return
	}
	j.unknown(rs, f)
}

// unknown makes f the outcome of recipients.
func (j *job) unknown(rs []*recipient, f *failure) {
	for _, r := range rs {
		j.outcome(r, f.result(r.Recipient))
	}
}

func (j *job) outcome(r *recipient, res ipc.Result) {
	now := time.Now()
	end := now
	if !j.ready.IsZero() {
		end = j.ready
	}
	res.Setup, res.Transfer = end.Sub(j.start).Microseconds(), now.Sub(end).Microseconds()
	if res.Relay == "" {
		res.Relay = j.relay()
	}
	r.heard, r.done = true, true
	j.results = append(j.results, res)
}

// relay is the server at hand, for the log.
func (j *job) relay() string {
	switch {
	case j.s == nil:
		return ""
	case j.s.uses > 1:
		return fmt.Sprintf("%s, conn_use=%d", j.s.peer.relay(), j.s.uses)
	}
	return j.s.peer.relay()
}
