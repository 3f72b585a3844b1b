package qmgr

import (
	"os"
	"strings"
	"time"

	"yubin/internal/dsn"
	"yubin/internal/durable"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// few is how many recipients a message may have to be tried at once although
// memory has no room for more: who sends to many must not hold up the others.
const few = 10

// admit takes up a message that has just become safe.
func (s *scheduler) admit(m *message) {
	want := s.arrived(m.ID)
	if len(m.rcpt) > few && s.held >= s.p.recipients && want == (intent{}) {
		s.forget(m)
		s.backlog = append(s.backlog, m.ID) // and read again when there is room
		return
	}
	m.first = true
	m.take(want)
	s.begin(m)
}

// begin starts an attempt to deliver m, which is safe on disk.
func (s *scheduler) begin(m *message) {
	m.active = s.now()
	s.messages[m.ID] = m
	s.held += len(m.rcpt)
	s.log.active(m)
	for i := range m.rcpt {
		if m.rcpt[i].outcome == pending {
			s.place(m, &m.rcpt[i], i)
		}
	}
	s.settle(m)
}

// place finds the way of one recipient: to an agent, or to an outcome at once.
func (s *scheduler) place(m *message, r *recipient, i int) {
	name := r.to.transport
	if res, ok := m.untimely(s.now()); ok {
		s.decide(m, r, name, res)
		return
	}
	switch {
	case m.hold || m.remove:
		s.decide(m, r, name, result{outcome: untried})
	case m.envelope(r).Attrs[queue.AttrExpanded] != "": // a virtual alias, whose addresses follow
		res := result{outcome: sent, code: "2.0.0", text: "alias expanded", report: dsn.Expanded, silent: true}
		if m.Env.Sender == "" {
			res.report = ""
		}
		s.decide(m, r, name, res)
	case m.Expired: // expire makes a bounce of it
		s.decide(m, r, name, result{outcome: deferred, code: "4.7.0", text: "message is administratively expired"})
	case r.err != nil:
		s.decide(m, r, "", result{outcome: deferred, code: "4.3.0", text: "cannot find out how to deliver: " + maillog.Clean(r.err.Error())})
	case s.p.deferred[name]:
		s.decide(m, r, name, result{outcome: deferred, code: "4.3.2", text: "deferred transport"})
	case name == "discard":
		s.decide(m, r, name, result{outcome: sent, code: "2.0.0", text: textOr(r.to.nexthop, "discarded")})
	case name == "error":
		code, text := splitCode(textOr(r.to.nexthop, "Address is undeliverable"), "5.0.0")
		s.decide(m, r, name, result{outcome: bounced, code: code, text: text})
	case name == "retry":
		code, text := splitCode(textOr(r.to.nexthop, "address is temporarily not deliverable"), "4.0.0")
		s.decide(m, r, name, result{outcome: deferred, code: code, text: text})
	default:
		t := s.transport(name)
		if s.now().Before(t.deadUntil) {
			s.decide(m, r, name, t.unavailable())
			return
		}
		s.enqueue(t, m, i)
	}
}

func textOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// splitCode takes an enhanced status code off the front of an error transport's
// text, if it is of the class of the default.
func splitCode(text, code string) (string, string) {
	first, rest, ok := strings.Cut(text, " ")
	if ok && len(first) >= 5 && first[:2] == code[:2] && strings.Count(first, ".") == 2 {
		return first, rest
	}
	return code, text
}

// A result is the outcome of one recipient, from an agent or our own.
type result struct {
	outcome         outcome
	code, text      string
	relay, host     string
	program         string    // in whose name the log line is; "": the transport's
	report          string    // sent: what the sender is to be told; "": nothing
	silent          bool      // nothing was delivered: the log has no line
	begun           time.Time // when it was sent to the agent; zero: never
	setup, transfer int64     // microseconds
}

var statusNames = [...]string{sent: "sent", deferred: "deferred", bounced: "bounced", expanded: "sent", untried: ""}

// decide gives a recipient its outcome. It is written down by recordResults, or
// by the message's end.
func (s *scheduler) decide(m *message, r *recipient, transport string, res result) {
	if r.outcome != pending {
		return
	}
	now := s.now()
	status := statusNames[res.outcome]
	if m.probe() && res.outcome != untried {
		status = m.probed(&res)
	}
	r.outcome, r.code, r.text, r.host, r.tried = res.outcome, res.code, res.text, res.host, now.UnixMicro()
	r.report = res.report
	m.left--
	if m.fresh++; m.fresh == 1 {
		s.results = append(s.results, m)
	}
	if res.outcome == untried || res.silent {
		return
	}
	d := delivery{
		transport: textOr(res.program, transport), relay: textOr(res.relay, "none"), code: res.code, text: res.text,
		status: status,
		before: max(m.active.UnixMicro()-m.Arrival, 0), setup: res.setup, transfer: res.transfer,
	}
	if d.transport == "" {
		d.transport = "error"
	}
	end := now
	if !res.begun.IsZero() {
		end = res.begun
		if d.setup == 0 && d.transfer == 0 {
			d.transfer = now.Sub(res.begun).Microseconds()
		}
	}
	d.inside = end.Sub(m.active).Microseconds()
	s.log.delivery(m, r, &d)
}

// recordResults writes down what has become known of messages that are still
// being tried, so that a crash does not deliver it again. One record serves all
// recipients since the last flush.
func (s *scheduler) recordResults() {
	for _, m := range s.results {
		if !m.closed && m.left > 0 {
			s.checkpoint(m)
		}
	}
	clear(s.results)
	s.results = s.results[:0]
}

func (s *scheduler) checkpoint(m *message) {
	if f := s.record(m, m.records()); f != nil {
		s.flush(durable.Item{File: f}, func(err error) {
			f.Close()
			s.flushFailed(m.ID, err)
		})
	}
}

// record appends records to m's file and returns it for the flush; nil when
// there is nothing to flush.
func (s *scheduler) record(m *message, records []queue.Record) *os.File {
	if len(records) == 0 {
		return nil
	}
	if s.sick[m.ID] {
		m.unrecord(records)
		return nil
	}
	f, err := s.store.Append(m.Message, m.dir, records)
	if err != nil {
		s.log.warn("%s: %v", m.ID, err)
		m.unrecord(records)
		return nil
	}
	return f
}

// flushFailed notes that a message's file must not be written again.
func (s *scheduler) flushFailed(id string, err error) {
	if err == nil || s.sick[id] {
		return
	}
	s.sick[id] = true
	s.log.warn("%s: %v: nothing more is written to this file", id, err)
}

// settle takes the next step of a message for which nothing is under way: notice,
// end, or deferral.
func (s *scheduler) settle(m *message) {
	if m.closed || m.left > 0 || m.making > 0 {
		return
	}
	now := s.now()
	if m.remove {
		s.end(m)
		return
	}
	s.miss(m, now)
	s.expire(m, now)
	if !m.hold && (s.tell(m) || s.warn(m)) {
		return // and comes back
	}
	for i := range m.rcpt {
		if !m.rcpt[i].done() {
			s.postpone(m, now)
			return
		}
	}
	s.end(m)
}

// expire turns the deferrals of a message that is too old into bounces.
func (s *scheduler) expire(m *message, now time.Time) {
	status := "expired"
	switch {
	case m.Expired:
		status = "force-expired"
	case !s.p.expired(m.Env.Sender, now.Sub(m.since())):
		return
	}
	some := false
	for i := range m.rcpt {
		if r := &m.rcpt[i]; r.outcome == deferred {
			r.outcome, some = bounced, true
		}
	}
	if some {
		s.log.fate(m, status, "returned to sender")
	}
}

// end finishes a message that is accounted for.
func (s *scheduler) end(m *message) {
	if !m.remove && s.untaken[m.ID] && s.taken(m.ID) != nil {
		s.postpone(m, s.now())
		return
	}
	s.forget(m)
	var err error
	if s.sick[m.ID] || m.Expired {
		err = s.store.Remove(m.ID, m.dir)
	} else {
		err = s.store.Finish(m.ID, m.dir, m.Size)
	}
	if err != nil {
		// It stays, all done, and is removed at its next attempt.
		s.log.warn("%s: %v", m.ID, err)
		s.keep(m, s.now().Add(s.p.minimal))
		return
	}
	delete(s.sick, m.ID)
	s.log.info(m.ID, maillog.Removed, "removed")
	s.free(m.ID, m.shelved)
}

// forget takes a message out of memory.
func (s *scheduler) forget(m *message) {
	m.closed = true
	if s.messages[m.ID] == m {
		delete(s.messages, m.ID)
		s.held -= len(m.rcpt)
	}
	if m.first {
		s.inFlight--
	}
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}

// keep lets a message wait in memory, because the disk does not hold what is
// known of it.
func (s *scheduler) keep(m *message, next time.Time) {
	if dir := s.store.InQueue(m.ID); dir != "" {
		m.dir = dir // it may have been moved all the same
	}
	s.kept[m.ID] = m
	s.waiting.put(m.ID, m.dir, next)
}

// postpone puts a message away until its next attempt, or into hold.
func (s *scheduler) postpone(m *message, now time.Time) {
	next := s.next(m, now)
	if m.deaths > 0 && m.deaths < maxDeaths {
		next = now.Add(time.Second) // an agent died: soon again
	}
	f := s.record(m, m.records())
	s.forget(m)
	var err error
	if m.hold {
		if err = s.store.Hold(m.ID, m.dir); err == nil {
			m.hold, m.dir = false, queue.DirHold
		}
	} else if err = s.store.Defer(m.ID, m.dir, next, m.doubtful()); err == nil {
		m.dir = queue.DirDeferred
	}
	if err != nil {
		s.log.warn("%s: %v", m.ID, err)
	}
	switch unknown := m.fresh > 0 || len(m.shelved) > 0; { // to the disk
	case err == nil && m.dir == queue.DirHold:
		if unknown {
			s.kept[m.ID] = m // until somebody releases it
		}
	case err != nil || unknown:
		s.keep(m, next)
	default:
		s.await(queue.Waiter{ID: m.ID, Next: next})
	}
	item := s.store.Names()
	item.File = f
	s.flush(item, func(err error) {
		if f != nil {
			f.Close()
			s.flushFailed(m.ID, err)
		}
	})
}
