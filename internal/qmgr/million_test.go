package qmgr

import (
	"fmt"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// Of a million recipients who wait, in a thousand messages, one who comes last
// with a message of her own is not the last: she waits for no more than a turn
// of every message before hers, and for nobody whose destination has no room.
// What is counted is requests that others get between her arrival and hers.
func TestFairnessAtAMillion(t *testing.T) {
	const jobs, each = 1000, 1000
	to := func(hop func(k int) string, mailbox bool) []destination {
		d := make([]destination, each)
		for k := range d {
			d[k] = destination{transport: "smtp", nexthop: hop(k), address: fmt.Sprintf("user%d@%s", k, hop(k))}
			if mailbox {
				d[k].mailbox = d[k].address
			}
		}
		return d
	}
	one := func(int) string { return "busy" }
	many := func(k int) string { return fmt.Sprintf("busy%d", k%50) }
	for _, test := range []struct {
		name   string
		others []destination
		fresh  destination
		limit  int
	}{
		{"another destination", to(one, false), destination{transport: "smtp", nexthop: "other", address: "fresh@other"}, 100},
		{"the same destination", to(one, false), destination{transport: "smtp", nexthop: "busy", address: "fresh@busy"}, jobs + 100},
		{"many destinations", to(many, false), destination{transport: "smtp", nexthop: "other", address: "fresh@other"}, jobs + 100},
		{"mailboxes", to(one, true), destination{transport: "smtp", nexthop: "busy", address: "fresh@busy", mailbox: "fresh@busy"}, jobs + 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			env := &queue.Envelope{Sender: "ann@example.com"}
			for k := range test.others {
				env.Recipients = append(env.Recipients, queue.Recipient{Address: test.others[k].address})
			}
			for n := range jobs {
				w.start(fmt.Sprintf("%014X", n), env, test.others)
			}
			w.run(100 * time.Millisecond)
			if w.s.held != jobs*each || len(w.sent) == 0 {
				t.Fatalf("%d recipients in memory, %d requests", w.s.held, len(w.sent))
			}
			before := len(w.sent)
			w.start("FFFFFFFFFFFFF0", &queue.Envelope{Recipients: []queue.Recipient{{Address: test.fresh.address}}}, []destination{test.fresh})
			at := w.find(test.fresh.address, before)
			for step := 1; at < 0 && len(w.sent) < before+10*test.limit && step < 10_000; step++ {
				w.run(100*time.Millisecond + time.Duration(step)*5*time.Millisecond)
				at = w.find(test.fresh.address, before)
			}
			if at < 0 || at > test.limit {
				t.Errorf("%d requests came before, want at most %d", at, test.limit)
			}
			t.Logf("%d requests came before", at)
		})
	}
}

// Beyond qmgr_message_recipient_limit messages to many wait on disk, those to few
// do not, and in the end everybody has everything once.
func TestRecipientLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.params = func(p *params) { p.recipients = 50 }
	open := make(chan struct{})
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		<-open
		return deliverAll(q, content)
	}
	r.start()
	w := r.writer()
	const messages = 10
	for range messages {
		if d := w.commit(envelope("ann@example.com", addresses(20)...), "text\n"); d.Error != "" {
			t.Fatal(d.Error)
		}
	}
	if d := w.commit(envelope("ann@example.com", "few@example.org"), "text\n"); d.Error != "" {
		t.Fatal(d.Error)
	}
	r.wait("memory is full", func(s *scheduler) bool { return s.held == 61 && len(s.backlog) == messages-3 })
	close(open)
	r.wait("delivery", func(*scheduler) bool {
		return len(r.got("user19@example.org")) == messages && len(r.got("few@example.org")) == 1
	})
	r.settled()
	if n := len(r.names(queue.DirIncoming)); n > 0 || r.s.held != 0 {
		t.Errorf("%d messages are left, %d recipients in memory", n, r.s.held)
	}
	r.stopAll()
}

// start begins an attempt for the recipients of env.
func (w *world) start(id string, env *queue.Envelope, to []destination) {
	q := &queue.Message{Env: env}
	q.ID, q.Arrival = id, w.now.UnixMicro()
	next := 0
	m := newMessage(q, queue.DirIncoming, w.file, func(string, string) (destination, error) {
		next++
		return to[next-1], nil
	})
	m.making = 1 // nobody settles it: there is no disk
	w.s.begin(m)
}

// find returns how many requests since the first so many came before that for
// an address; -1: it has not come.
func (w *world) find(address string, since int) int {
	for k, q := range w.sent[since:] {
		for _, r := range q.Recipients {
			if r.Address == address {
				return k
			}
		}
	}
	return -1
}
