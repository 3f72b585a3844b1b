package qmgr

import (
	"slices"
	"strings"
	"unicode/utf8"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// Bounds on what an agent may say; more is cut.
const (
	maxText    = 1000 // octets of a reason
	maxHost    = 300
	maxHeader  = 64 << 10 // octets of header before a forward
	maxTargets = 100_000  // addresses that a recipient expands to
)

// outcome takes one result of a request.
func (s *scheduler) outcome(t *transport, r *request, res *ipc.Result) {
	var rc *recipient
	for _, c := range r.rcpt {
		if c.number == res.Index {
			rc = c
		}
	}
	switch {
	case rc == nil:
		s.log.warn("%s: agent %s gives a result for recipient %d, which it was not asked for", r.j.m.ID, t.name, res.Index)
		return
	case rc.outcome != pending || rc.forward != nil && rc.forward.complete:
		return // it has said so before
	}
	if res.Session != nil {
		s.tellOfSession(r.j.m, res.Session)
	}
	out := result{
		text: line(res.Text, maxText), relay: line(res.Relay, maxHost), host: line(res.Host, maxHost),
		program: line(res.Program, maxHost),
		begun:   r.begun, setup: max(res.Setup, 0), transfer: max(res.Transfer, 0),
	}
	switch res.Status {
	case ipc.Sent:
		out.outcome, out.code = sent, code(res.Code, "2.0.0")
		out.report = r.j.m.reportFor(rc, res.Report)
	case ipc.Bounced:
		out.outcome, out.code = bounced, code(res.Code, "5.0.0")
	case ipc.Expanded:
		s.gather(t, r, rc, res, out)
		return
	case ipc.Redirected:
		r.left--
		r.rcpt = slices.DeleteFunc(r.rcpt, func(c *recipient) bool { return c == rc }) // should the agent die now
		s.redirect(t, r.j.m, rc, res, out)
		return
	case ipc.Deferred:
		out.outcome, out.code = deferred, code(res.Code, "4.0.0")
	default: // unknown means try later
		s.log.warn("%s: agent %s gives a result %.40q, which means nothing", r.j.m.ID, t.name, res.Status)
		out.outcome, out.code = deferred, "4.3.0"
	}
	if res.Site && out.outcome == deferred {
		fault := out
		r.fault = &fault
	}
	r.left--
	s.decide(r.j.m, rc, t.name, out)
}

// maxPasses is how often a recipient may go from one transport to another in one
// attempt: mailbox_transport, then a fallback of that. More is a circle.
const maxPasses = 3

// redirect hands a recipient on to the transport that an agent has named. That
// is written down nowhere: nothing has been delivered, and after a crash the
// same agent says the same again.
func (s *scheduler) redirect(t *transport, m *message, rc *recipient, res *ipc.Result, out result) {
	to := line(res.Transport, maxHost)
	if to == "" || to == t.name || rc.passes >= maxPasses {
		s.log.warn("%s: to=<%s>: agent %s hands it on to transport %q: a circle", m.ID, rc.to.address, t.name, to)
		out.outcome, out.code, out.text = deferred, "4.3.5", "mail transports hand the recipient on in a circle"
		s.decide(m, rc, t.name, out)
		return
	}
	rc.passes++
	rc.to = redirected(rc.to, to, line(res.Nexthop, maxText))
	i, _ := m.index(rc.number)
	s.place(m, rc, i)
}

// redirected is the destination of a recipient that has gone to another
// transport, which counts mailboxes where it has them.
func redirected(d destination, transport, nexthop string) destination {
	d.rule = "transport " + d.transport
	d.transport, d.mailbox = transport, ""
	switch {
	case nexthop != "":
		d.nexthop = nexthop
	case slices.Contains(inner, transport):
		d.nexthop = "" // what stood there was no text
	}
	if transport == "local" || transport == "virtual" {
		d.mailbox = strings.ToLower(d.address)
	}
	return d
}

// line makes remote text one clean line of at most n octets.
func line(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return maillog.Clean(s)
}

// code returns an enhanced status code (RFC 3463, 2) if it is one and of the
// class of the default, else the default: outcome and class never disagree.
func code(c, otherwise string) string {
	if len(c) < 5 || len(c) > 9 || c[:2] != otherwise[:2] || strings.Trim(c, "0123456789.") != "" ||
		strings.Count(c, ".") != 2 || strings.Contains(c, "..") || c[len(c)-1] == '.' {
		return otherwise
	}
	return c
}

// A forward is what a recipient is expanded to.
type forward struct {
	targets  []ipc.Target
	sender   *string
	header   string
	complete bool
	anew     bool   // the recipient was a member of a list that has it no more
	res      result // for the log
}

// gather takes a part of an expansion; after the last one the child is made.
func (s *scheduler) gather(t *transport, r *request, rc *recipient, res *ipc.Result, out result) {
	if rc.forward == nil {
		rc.forward = &forward{}
	}
	fw := rc.forward
	fw.targets = append(fw.targets, res.To...)
	if res.Sender != nil {
		fw.sender = res.Sender
	}
	fw.header += res.Header
	fw.anew = fw.anew || res.Anew
	if len(fw.targets) > maxTargets || len(fw.header) > maxHeader {
		rc.forward = nil
		r.left--
		out.outcome, out.code, out.text = bounced, "5.4.6", "expands to too many addresses"
		s.decide(r.j.m, rc, t.name, out)
		return
	}
	if res.More {
		return
	}
	fw.complete, fw.res = true, out
	r.left--
	if r.j.m.probe() {
		fw.sender = nil // who asks hears of the members, too
	}
	s.expand(t.name, r.j.m, rc)
}
