package qmgr

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// A world is a scheduler without a disk and an agent whose destinations answer
// in virtual time.
type world struct {
	t    *testing.T
	s    *scheduler
	tr   *transport
	zero time.Time
	now  time.Time
	file *os.File // every message's

	// answer tells how long a next hop takes, and what it says; 0: never.
	answer func(nexthop string) (time.Duration, ipc.Result)
	due    []arrival     // replies under way, the earliest first
	sent   []ipc.Request // with N replaced by the time, in milliseconds
	busy   map[string]int
	most   map[string]int           // at once, by next hop
	done   map[string]time.Duration // the last delivery, by next hop
	count  map[string]int
}

type arrival struct {
	at    time.Time
	reply ipc.Reply
	hop   string
}

var good = ipc.Result{Status: ipc.Sent, Code: "2.0.0", Text: "ok"}
var siteDown = ipc.Result{Status: ipc.Deferred, Code: "4.4.1", Text: "connect to mx: Connection timed out", Host: "mx", Site: true}

func newWorld(t *testing.T, change func(*params)) *world {
	t.Helper()
	w := &world{t: t, zero: time.Unix(1_000_000, 0), busy: map[string]int{}, most: map[string]int{}, done: map[string]time.Duration{}, count: map[string]int{}}
	w.now = w.zero
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/qmgr", File: f})
	if err != nil {
		t.Fatal(err)
	}
	p := testParams(t.TempDir())
	p.minimal = 300 * time.Second
	if change != nil {
		change(p)
	}
	w.file = f
	w.s = newScheduler(p, nil, log, 0)
	t.Cleanup(w.s.log.close)
	w.s.now = func() time.Time { return w.now }
	w.tr = w.s.transport("smtp")
	w.tr.agent = &agent{outstanding: map[uint64]*request{}, out: make(chan []*request, p.window+p.slow)}
	w.answer = func(string) (time.Duration, ipc.Result) { return 5 * time.Millisecond, good }
	return w
}

// letter begins an attempt for recipients user@nexthop.
func (w *world) letter(hops ...string) *message {
	w.t.Helper()
	q := &queue.Message{Env: &queue.Envelope{Sender: "ann@example.com"}}
	q.ID, q.Arrival = fmt.Sprintf("%014X", len(w.s.messages)), w.now.UnixMicro()
	for i, h := range hops {
		q.Env.Recipients = append(q.Env.Recipients, queue.Recipient{Address: fmt.Sprintf("user%d@%s", i, h)})
	}
	m := newMessage(q, queue.DirIncoming, w.file, func(a, _ string) (destination, error) {
		_, hop, _ := strings.Cut(a, "@")
		return destination{transport: "smtp", nexthop: hop, address: a}, nil
	})
	m.making = 1 // nobody settles it: there is no disk
	w.s.begin(m)
	return m
}

// run plays until nothing is under way, or until the limit.
func (w *world) run(limit time.Duration) {
	w.t.Helper()
	for {
		w.tr.idleAt = w.now.Add(time.Hour) // there is no connection to let go
		w.s.dispatch(w.tr)
		w.take()
		next := w.zero.Add(limit)
		if due := w.tr.due(); due.Before(next) && (len(w.tr.ring) > 0 || len(w.tr.jobs) > 0) {
			next = due
		}
		if len(w.due) > 0 && w.due[0].at.Before(next) {
			next = w.due[0].at
		}
		if !next.Before(w.zero.Add(limit)) {
			w.now = w.zero.Add(limit)
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		for len(w.due) > 0 && !w.due[0].at.After(w.now) {
			a := w.due[0]
			w.due = w.due[1:]
			w.busy[a.hop]--
			w.s.reply(w.tr, w.tr.agent, &a.reply)
			if a.reply.Results[0].Status == ipc.Sent {
				w.done[a.hop] = w.now.Sub(w.zero)
				w.count[a.hop] += len(a.reply.Results)
			}
		}
	}
}

// take takes what the agent has been sent.
func (w *world) take() {
	for {
		var list []*request
		select {
		case list = <-w.tr.agent.out:
		default:
			return
		}
		for _, r := range list {
			close(r.sent)
			hop := r.msg.Nexthop
			note := *r.msg
			note.N = uint64(w.now.Sub(w.zero).Milliseconds())
			w.sent = append(w.sent, note)
			w.busy[hop]++
			w.most[hop] = max(w.most[hop], w.busy[hop])
			latency, res := w.answer(hop)
			if latency == 0 {
				continue
			}
			a := arrival{at: w.now.Add(latency), reply: ipc.Reply{N: r.n}, hop: hop}
			for _, rc := range r.msg.Recipients {
				res.Index = rc.Index
				a.reply.Results = append(a.reply.Results, res)
			}
			i, _ := slices.BinarySearchFunc(w.due, a, func(x, y arrival) int {
				if x.at.After(y.at) {
					return 1
				}
				return -1
			})
			w.due = slices.Insert(w.due, i, a)
		}
	}
}

// atRest fails the test when something is still counted.
func (w *world) atRest() {
	w.t.Helper()
	a := w.tr.agent
	if w.tr.slow != 0 || a.slow != 0 || len(a.outstanding) != 0 || len(w.tr.jobs) != 0 || len(w.tr.ring) != 0 {
		w.t.Errorf("at the end: %d slow, %d of the agent, %d outstanding, %d jobs, %d in the ring",
			w.tr.slow, a.slow, len(a.outstanding), len(w.tr.jobs), len(w.tr.ring))
	}
	for _, at := range w.tr.sites {
		if at.busy != 0 || at.peers != 0 || len(at.wait) != 0 || len(at.out) != 0 {
			w.t.Errorf("at the end: %s is busy %d, has %d peers, %d waiting", at.key, at.busy, at.peers, len(at.wait))
		}
	}
}

// What each answer does to a concurrency: README rules of Postfix's scheduler.
func TestFeedback(t *testing.T) {
	t.Parallel()
	per := func(n float64, per string) config.FeedbackRule { return config.FeedbackRule{Number: n, Per: per} }
	tests := []struct {
		name    string
		limits  limits
		answers string // + and -, each while the site is fully busy
		want    string // the window after each; x: dead
	}{
		{"plain", limits{concurrency: 8, initial: 5, positive: per(1, ""), negative: per(1, ""), cohorts: 1}, "++++", "6 7 8 8"},
		{"dies", limits{concurrency: 20, initial: 5, positive: per(1, ""), negative: per(1, ""), cohorts: 1}, "----", "4 3 2 x"},
		{"an answer between", limits{concurrency: 20, initial: 5, positive: per(1, ""), negative: per(1, ""), cohorts: 1}, "---+---", "4 3 2 3 2 1 x"},
		{"one at a time", limits{concurrency: 20, initial: 1, positive: per(1, ""), negative: per(1, ""), cohorts: 1}, "-", "x"},
		{"by cohort", limits{concurrency: 20, initial: 2, positive: per(1, "concurrency"), negative: per(1, "concurrency"), cohorts: 1}, "+++++", "2 3 3 3 4"},
		{"down by cohort", limits{concurrency: 20, initial: 4, positive: per(1, ""), negative: per(1, "concurrency"), cohorts: 2}, "-----", "3 3 3 2 2"},
		{"by root", limits{concurrency: 20, initial: 4, positive: per(1, "sqrt_concurrency"), negative: per(1, ""), cohorts: 1}, "++++", "4 5 5 5"},
		{"never dies", limits{concurrency: 20, initial: 2, positive: per(1, ""), negative: per(1, ""), cohorts: 0}, "-----", "1 1 1 1 1"},
		{"no feedback", limits{concurrency: 20, initial: 2, cohorts: 0}, "+-+-", "2 2 2 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(p *params) { p.limitsOf = func(string) limits { return test.limits } })
			at := &site{key: "x", window: test.limits.first()}
			w.tr.sites["x"] = at
			var got []string
			for _, c := range test.answers {
				at.busy = at.window
				if c == '+' {
					w.s.answered(w.tr, at)
				} else {
					w.s.failed(w.tr, at, &result{code: "4.4.1", text: "no"})
				}
				if at.dead != nil {
					got = append(got, "x")
				} else {
					got = append(got, fmt.Sprint(at.window))
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("%s: got %s, want %s", test.answers, s, test.want)
			}
		})
	}
}

// A dead destination's mail waits at once, with the reason; it is tried again
// when its time has come.
func TestDeadDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	dead := true
	w.answer = func(string) (time.Duration, ipc.Result) {
		if dead {
			return 30 * time.Second, siteDown
		}
		return time.Millisecond, good
	}
	var ms []*message
	for range 100 {
		ms = append(ms, w.letter("gone.test"))
	}
	w.run(40 * time.Second)
	if n := len(w.sent); n != 5 {
		t.Errorf("%d requests were made of a dead destination, want initial_destination_concurrency", n)
	}
	for i, m := range ms {
		r := m.rcpt[0]
		want := siteDown.Text
		if i >= 5 {
			want = "delivery temporarily suspended: " + want
		}
		if r.outcome != deferred || r.text != want || r.code != "4.4.1" {
			t.Fatalf("message %d: outcome %d, %s %q; want deferred, 4.4.1 %q", i, r.outcome, r.code, r.text, want)
		}
	}
	w.atRest()
	late := w.letter("gone.test")
	w.run(50 * time.Second)
	if late.rcpt[0].outcome != deferred || len(w.sent) != 5 {
		t.Errorf("mail for a dead destination: outcome %d, %d requests", late.rcpt[0].outcome, len(w.sent))
	}
	dead = false
	w.now = w.zero.Add(331 * time.Second)
	again := w.letter("gone.test")
	w.run(332 * time.Second)
	if again.rcpt[0].outcome != sent {
		t.Errorf("after minimal_backoff_time: outcome %d %q", again.rcpt[0].outcome, again.rcpt[0].text)
	}
	w.atRest()
}

// A flush does not wait for the end of that time.
func TestFlushRevives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.answer = func(string) (time.Duration, ipc.Result) { return time.Second, siteDown }
	for range 10 {
		w.letter("gone.test")
	}
	w.run(10 * time.Second)
	w.answer = func(string) (time.Duration, ipc.Result) { return time.Millisecond, good }
	w.s.reviveTransports()
	m := w.letter("gone.test")
	w.run(11 * time.Second)
	if m.rcpt[0].outcome != sent {
		t.Errorf("outcome %d %q", m.rcpt[0].outcome, m.rcpt[0].text)
	}
	w.atRest()
}

// A refused recipient says nothing against the destination.
func TestRefusalIsAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.answer = func(string) (time.Duration, ipc.Result) {
		return time.Millisecond, ipc.Result{Status: ipc.Deferred, Code: "4.2.2", Text: "mailbox full"}
	}
	for range 100 {
		w.letter("full.test")
	}
	w.run(10 * time.Second)
	if len(w.sent) != 100 || w.most["full.test"] < 20 {
		t.Errorf("%d requests, %d at once; want 100 and 20", len(w.sent), w.most["full.test"])
	}
	w.atRest()
}

// Rates, in milliseconds of virtual time.
func TestRateDelays(t *testing.T) {
	t.Parallel()
	times := func(w *world, hop string) (ms []uint64) {
		for _, r := range w.sent {
			if hop == "" || r.Nexthop == hop {
				ms = append(ms, r.N)
			}
		}
		return ms
	}
	w := newWorld(t, func(p *params) {
		p.limitsOf = func(n string) limits { l := testLimits(n); l.siteDelay = time.Second; return l }
	})
	for range 3 {
		w.letter("a.test")
		w.letter("b.test")
	}
	w.run(20 * time.Second)
	for _, hop := range []string{"a.test", "b.test"} {
		if got := times(w, hop); !slices.Equal(got, []uint64{0, 1005, 2010}) {
			t.Errorf("destination_rate_delay: %s at %v", hop, got)
		}
	}
	w.atRest()
	w = newWorld(t, func(p *params) {
		p.limitsOf = func(n string) limits { l := testLimits(n); l.transportDelay = time.Second; return l }
	})
	for range 2 {
		w.letter("a.test")
		w.letter("b.test")
	}
	w.run(20 * time.Second)
	if got := times(w, ""); !slices.Equal(got, []uint64{0, 1000, 2000, 3000}) {
		t.Errorf("transport_rate_delay: at %v", got)
	}
	w.atRest()
}

// Recipients of one destination travel together, also when they had to wait.
func TestRecipientsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *params) {
		p.limitsOf = func(n string) limits { l := testLimits(n); l.concurrency, l.initial = 1, 1; return l }
	})
	w.letter("a.test")
	w.letter(slices.Repeat([]string{"a.test", "b.test"}, 120)...)
	w.run(10 * time.Second)
	sizes := map[string][]int{}
	for _, r := range w.sent {
		sizes[r.Nexthop] = append(sizes[r.Nexthop], len(r.Recipients))
	}
	if want := []int{1, 50, 50, 20}; !slices.Equal(sizes["a.test"], want) || !slices.Equal(sizes["b.test"], want[1:]) {
		t.Errorf("requests of %v recipients, want %v", sizes, want)
	}
	w.atRest()
	// One recipient a delivery: the limits are those of a recipient.
	w = newWorld(t, func(p *params) {
		p.limitsOf = func(n string) limits { l := testLimits(n); l.concurrency, l.initial, l.perRequest = 1, 1, 1; return l }
	})
	w.letter(slices.Repeat([]string{"a.test"}, 6)...)
	w.run(10 * time.Second)
	if w.most["a.test"] != 6 {
		t.Errorf("%d at once to 6 recipients of one domain, want 6", w.most["a.test"])
	}
	w.atRest()
}

// A big job leaves room for small ones, at one destination and at many.
func TestBigAndSmall(t *testing.T) {
	t.Parallel()
	for _, hops := range []int{1, 5000} {
		w := newWorld(t, func(p *params) {
			p.limitsOf = func(n string) limits { l := testLimits(n); l.perRequest = 2; return l }
		})
		w.answer = func(string) (time.Duration, ipc.Result) { return 100 * time.Millisecond, good }
		var big []string
		for i := range 10_000 {
			big = append(big, fmt.Sprintf("d%d.test", i%hops))
		}
		w.letter(big...)
		w.run(time.Second)
		small := []*message{w.letter("d0.test"), w.letter("other.test")}
		w.run(1500 * time.Millisecond)
		for _, m := range small {
			if m.rcpt[0].outcome != sent {
				t.Errorf("%d destinations: a small job waits for a big one", hops)
			}
		}
		w.run(time.Hour)
		w.atRest()
	}
}

// 10,000 messages to 1,000 destinations: what a tenth of them does is nothing
// to the others.
func TestDeadHoldUpNobody(t *testing.T) {
	t.Parallel()
	last := func(bad time.Duration, res ipc.Result) (living time.Duration) {
		w := newWorld(t, nil)
		w.answer = func(hop string) (time.Duration, ipc.Result) {
			if strings.HasSuffix(hop, "0.test") {
				return bad, res
			}
			return 5 * time.Millisecond, good
		}
		for i := range 10_000 {
			w.letter(fmt.Sprintf("d%d.test", i*7919%1000))
		}
		w.run(time.Hour)
		for hop, at := range w.done {
			if !strings.HasSuffix(hop, "0.test") {
				if living = max(living, at); w.count[hop] != 10 {
					t.Errorf("%s has %d of 10 messages", hop, w.count[hop])
				}
			}
		}
		if bad > 0 {
			w.atRest()
		}
		return living
	}
	healthy := last(5*time.Millisecond, good)
	for _, test := range []struct {
		name string
		bad  time.Duration
		res  ipc.Result
	}{
		{"never answer", 0, good},
		{"fail after half a minute", 30 * time.Second, siteDown},
		{"refuse at once", time.Millisecond, siteDown},
		{"are slow", 20 * time.Second, good},
	} {
		got := last(test.bad, test.res)
		t.Logf("a tenth %s: the living have theirs after %v, without them after %v", test.name, got, healthy)
		if got > healthy*11/10+time.Second/10 {
			t.Errorf("a tenth %s: the living have theirs after %v, want %v", test.name, got, healthy)
		}
	}
}

// A destination that answered well and then falls silent is found out.
func TestStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *params) { p.window = 20 })
	for range 100 {
		w.letter("turns.test")
	}
	w.run(time.Second)
	if !w.tr.sites["turns.test"].brisk || w.count["turns.test"] != 100 {
		t.Fatalf("turns.test: brisk %t, %d messages", w.tr.sites["turns.test"].brisk, w.count["turns.test"])
	}
	w.answer = func(hop string) (time.Duration, ipc.Result) {
		if hop == "turns.test" {
			return time.Minute, good
		}
		return 5 * time.Millisecond, good
	}
	for range 100 {
		w.letter("turns.test")
	}
	w.run(1100 * time.Millisecond)
	for i := range 50 {
		w.letter(fmt.Sprintf("other%d.test", i))
	}
	w.run(3 * time.Second)
	for i := range 50 {
		if w.count[fmt.Sprintf("other%d.test", i)] != 1 {
			t.Fatalf("other%d.test waits for turns.test", i)
		}
	}
	w.run(2 * time.Hour)
	w.atRest()
}

// Hold and delete take back what waits for a destination.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *params) { p.window = 2 })
	w.answer = func(string) (time.Duration, ipc.Result) { return time.Second, good }
	var ms []*message
	for range 20 {
		ms = append(ms, w.letter("a.test", "b.test"))
	}
	w.run(1500 * time.Millisecond)
	for i, m := range ms {
		if i%2 == 1 {
			m.hold = true
			w.s.sweep(m)
		}
	}
	w.run(time.Minute)
	for i, m := range ms {
		for _, r := range m.rcpt {
			if i%2 == 0 && r.outcome != sent || r.outcome == pending {
				t.Errorf("message %d: %s has outcome %d", i, m.envelope(&r).Address, r.outcome)
			}
		}
	}
	w.atRest()
}

// A destination that is slow, but answers, gets all that its limit allows.
func TestSlowRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *params) {
		p.limitsOf = func(n string) limits { l := testLimits(n); l.concurrency = 100; return l }
	})
	w.answer = func(string) (time.Duration, ipc.Result) { return 3 * time.Second, good }
	for range 2000 {
		w.letter("[relay.test]")
	}
	w.run(time.Hour)
	if n := w.most["[relay.test]"]; n != 100 {
		t.Errorf("%d deliveries at once, want 100", n)
	}
	w.atRest()
}
