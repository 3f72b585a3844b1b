package qmgr

import (
	"cmp"
	"os"
	"slices"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// outcome is what an attempt has brought for a recipient.
type outcome byte

const (
	pending  outcome = iota
	sent             // delivered
	deferred         // to be tried again
	bounced          // to go back to the sender
	expanded         // a child message, forward or notice, takes its place
	dropped          // bounced, and there is nobody to tell
	untried          // held back: the message was held or deleted meanwhile
)

// A destination says how a recipient is delivered.
type destination struct {
	transport, nexthop string
	address            string // as the agent gets it
	mailbox            string // what local concurrency counts by; "" counts by nexthop
	rule               string // what chose transport and nexthop
}

// A recipient is one address of a message that is being tried.
type recipient struct {
	number int // in the envelope
	to     destination
	err    error // why there is no destination

	outcome          outcome
	recorded         bool // the outcome is in the file, or is about to be
	unsure           bool // an agent died with it
	warned           bool // the sender knows that it is late
	code, text, host string
	tried            int64  // microseconds since 1970
	was              string // the code of what has gone on for too long; "": code says it
	report           string // sent: what the sender has asked to be told and is not yet

	forward *forward // while an expansion arrives
	passes  int      // from one transport to another in this attempt
}

// A message is one that is in memory: it is being tried.
type message struct {
	*queue.Message
	dir  string // where its file is
	file *os.File
	rcpt []recipient // those not done, rising by number

	active time.Time // when this attempt began
	first  bool      // no attempt has ended: it counts for incoming_limit
	unsure bool      // an earlier process may have delivered it

	renewals []*renewal // of lists
	shelved  []string   // children that wait for its end (sick.go)

	left   int  // recipients without outcome
	making int  // children under way
	fresh  int  // outcomes that are not recorded
	deaths int  // agents that died with it in this attempt
	noted  bool // what is known is safe, as far as it can be, for reports of deliveries
	warned bool // of delays, likewise
	told   bool // which have had their turn in this attempt
	copied bool // the postmaster's copy of failures, likewise
	copies bool // of delays
	hold   bool // to be held, or
	remove bool // deleted, when what is under way has ended
	closed bool // settled; late events are ignored
}

// index returns where in rcpt the recipient with a number of the envelope is.
func (m *message) index(number int) (int, bool) {
	return slices.BinarySearchFunc(m.rcpt, number, func(r recipient, n int) int { return cmp.Compare(r.number, n) })
}

// done tells whether a recipient is not to be tried again.
func (o outcome) done() bool { return o == sent || o == expanded || o == dropped }

// done tells whether nothing is left to do for a recipient.
func (r *recipient) done() bool { return r.outcome.done() && r.report == "" }

// again makes ready for another attempt a message that stayed in memory.
func (m *message) again(resolve resolver) {
	m.closed, m.first, m.noted, m.told, m.warned, m.copied, m.copies = false, false, false, false, false, false, false
	m.deaths, m.left, m.fresh = 0, 0, 0
	for i := range m.rcpt {
		r := &m.rcpt[i]
		if r.outcome.done() {
			if !r.recorded {
				m.fresh++
			}
			continue
		}
		r.outcome, r.recorded, r.forward, r.passes, r.was = pending, false, nil, 0, ""
		r.to, r.err = resolve.of(m.Env, m.envelope(r).Address)
		m.left++
	}
}

func (m *message) arrival() time.Time { return time.UnixMicro(m.Arrival) }

// envelope returns what the envelope says of r.
func (m *message) envelope(r *recipient) *queue.Recipient { return &m.Env.Recipients[r.number] }

// request builds what an agent is told of some recipients.
func (m *message) request(t string, rs []*recipient) *ipc.Request {
	q := &ipc.Request{
		ID: m.ID, Transport: t, Nexthop: rs[0].to.nexthop,
		Sender: m.Env.Sender, Arrival: m.Arrival, Offset: m.ContentOffset(), Length: int64(m.Content),
		Flags: m.Flags, Attrs: m.Env.Attrs, Unsure: m.unsure, Recipients: make([]ipc.Recipient, len(rs)),
	}
	for i, r := range rs {
		e := m.envelope(r)
		q.Recipients[i] = ipc.Recipient{
			Index: r.number, Address: r.to.address, Original: e.Original, Exact: e.Exact, Member: e.Member, Attrs: e.Attrs,
		}
		q.Unsure = q.Unsure || r.unsure
	}
	return q
}

// records returns the outcomes that the file does not hold yet, grouped. A
// bounced recipient has none: its record is the notice's.
func (m *message) records() []queue.Record {
	if m.fresh == 0 {
		return nil
	}
	type key struct {
		state                    queue.State
		code, text, host, report string
	}
	var out []queue.Record
	at := map[key]int{}
	for i := range m.rcpt {
		r := &m.rcpt[i]
		var state queue.State
		switch r.outcome {
		case sent:
			state = queue.Sent
		case deferred:
			state = queue.Deferred
		case dropped:
			state = queue.Returned
		}
		if r.recorded || state == queue.Waiting {
			continue
		}
		r.recorded = true
		k := key{state, r.code, r.text, r.host, r.report}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, queue.Record{State: state, Code: r.code, Text: r.text, Host: r.host, Report: r.report})
		}
		out[n].Time = max(out[n].Time, r.tried)
		out[n].Recipients = append(out[n].Recipients, r.number)
	}
	m.fresh = 0
	return out
}

// unrecord takes back what records said: the file does not hold it.
func (m *message) unrecord(records []queue.Record) {
	for _, rec := range records {
		for _, n := range rec.Recipients {
			if i, ok := m.index(n); ok {
				m.rcpt[i].recorded = false
				m.fresh++
			}
		}
	}
}

// newMessage prepares a message for an attempt: every recipient that is not
// done gets its destination. It may be called by any goroutine.
func newMessage(q *queue.Message, dir string, f *os.File, resolve resolver) *message {
	m := &message{Message: q, dir: dir, file: f, rcpt: make([]recipient, 0, q.Left())}
	// Who releases it has it tried from deferred/.
	m.hold = dir == queue.DirIncoming && q.Env.Attrs[queue.AttrHold] != ""
	for n := range q.Env.Recipients {
		was := q.Result(n)
		r := recipient{number: n, warned: was.Warned}
		switch {
		case was.Done():
			continue
		case was.State.Done(): // and the sender waits to hear of it
			r.outcome, r.recorded, r.report = sent, true, was.Report
			r.code, r.text, r.host, r.tried = was.Code, was.Text, was.Host, was.Time
		default:
			r.to, r.err = resolve.of(q.Env, q.Env.Recipients[n].Address)
			m.left++
		}
		m.rcpt = append(m.rcpt, r)
	}
	return m
}

// doubtful tells whether an agent may have delivered to a recipient who is still to be
// delivered to. That one who was asked since has deferred it is no proof: he may not have
// come so far as to look.
func (m *message) doubtful() bool {
	return slices.ContainsFunc(m.rcpt, func(r recipient) bool { return (m.unsure || r.unsure) && !r.outcome.done() })
}
