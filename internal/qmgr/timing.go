package qmgr

import (
	"time"

	"yubin/internal/dsn"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// since is when a message could be tried first: what counts for its back-off and
// its end.
func (m *message) since() time.Time {
	arrival := m.arrival()
	if release := m.Env.Release(); release.After(arrival) {
		return release
	}
	return arrival
}

// deadline is when the message is to be delivered by.
func (m *message) deadline() (queue.Deadline, bool) {
	return queue.ReadDeadline(m.Env.Attrs[queue.AttrDeliverBy])
}

// untimely is the outcome of a message that may not be tried now: it is too
// early, or too late.
func (m *message) untimely(now time.Time) (res result, ok bool) {
	if release := m.Env.Release(); now.Before(release) {
		return result{outcome: deferred, code: "4.0.0", text: "waits for its release at " + release.Format(time.RFC1123Z)}, true
	}
	if d, ok := m.deadline(); ok && d.Return && !now.Before(d.At) {
		return expiredByDeadline, true
	}
	return res, false
}

// expiredByDeadline is the outcome of a message that was to be delivered by a
// time that is over (RFC 2852, 4).
var expiredByDeadline = result{outcome: bounced, code: "5.4.7", text: "delivery time expired: the sender wanted it delivered by now, or not at all"}

// next is when a message is tried again.
func (s *scheduler) next(m *message, now time.Time) time.Time {
	if release := m.Env.Release(); now.Before(release) {
		return release
	}
	next := now.Add(s.p.backoff(now.Sub(m.since())))
	if d, ok := m.deadline(); ok && now.Before(d.At) && d.At.Before(next) {
		return d.At
	}
	return next
}

// miss turns the deferrals of a message whose deadline is over into bounces, if
// that is what the deadline means.
func (s *scheduler) miss(m *message, now time.Time) {
	d, ok := m.deadline()
	if !ok || !d.Return || now.Before(d.At) {
		return
	}
	for i := range m.rcpt {
		if r := &m.rcpt[i]; r.outcome == deferred {
			// The reason is told as it is, with the code of time that is over.
			r.outcome, r.was, r.code = bounced, r.code, expiredByDeadline.code
		}
	}
}

// traces tells whether the sender is to hear that a message with a deadline was
// relayed: to where it is not heeded, or wherever it goes.
func (m *message) traces(r *recipient, report string) bool {
	d, ok := m.deadline()
	return ok && report == ipc.Relayed && (!d.Return || d.Trace) && m.notify(r)&smtp.NotifyNever == 0
}

// late returns the recipients whose sender is to be told now that they are
// waiting still: the deadline that he gave is over (RFC 2852, 4), or they have
// waited for patience, which is 0 where that does not count (RFC 3461, 4.1).
func (m *message) late(now time.Time, patience time.Duration) []*recipient {
	d, ok := m.deadline()
	over := ok && !d.Return && !now.Before(d.At)
	long := patience > 0 && now.Sub(m.since()) >= patience
	if !over && !long || m.Env.Sender == "" {
		return nil
	}
	var rs []*recipient
	for i := range m.rcpt {
		r := &m.rcpt[i]
		n := m.notify(r)
		wanted := n == 0 || n&smtp.NotifyDelay != 0 || over && n&smtp.NotifyNever == 0
		if r.outcome == deferred && !r.warned && wanted {
			rs = append(rs, r)
		}
	}
	return rs
}

// warningOf is what a notice of delay says.
func (s *scheduler) warningOf(m *message, rs []*recipient, id string) dsn.Notice {
	n := s.noticeOf(m, rs, id, false)
	for i := range n.Recipients {
		n.Recipients[i].Action, n.Recipients[i].Code, n.Recipients[i].Was = dsn.Delayed, rs[i].code, ""
	}
	n.Delayed, n.Until = true, m.since().Add(s.p.lifetime)
	return n
}

// warn makes the notice of delay that is due. It tells whether one is under
// way.
func (s *scheduler) warn(m *message) bool {
	rs := m.late(s.now(), s.p.delayWarning)
	if len(rs) == 0 || m.warned {
		return false
	}
	if s.copy(m, rs, true) {
		return true
	}
	m.warned = true // once an attempt, even if it fails
	id, ok := queue.ChildID(m.ID, queue.ChildDelay, m.Warnings)
	if !ok {
		return false
	}
	c := s.noticeChild(m, id, s.warningOf(m, rs, id), rs)
	delete(c.env.Attrs, queue.AttrCovers)
	c.env.Attrs[queue.AttrWarns] = queue.FormatNumbers(c.record.Recipients)
	c.record.State = queue.Deferred
	c.then = func(err error) {
		if err != nil {
			s.log.warn("%s: sender notification failed: %s", m.ID, maillog.Clean(err.Error()))
			return
		}
		s.log.notice(m.ID, "sender delay notification", id)
		for _, r := range rs {
			r.warned = true
		}
	}
	s.make(m, c)
	return m.making > 0
}
