//go:build root

package root

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// backoff is the sites' minimal_backoff_time.
const backoff = time.Second

// impatient is a main.cf with which the tests need not wait for long.
var impatient = []string{
	"smtp_connect_timeout = 1s", "smtp_helo_timeout = 2s", "smtp_mail_timeout = 2s", "smtp_rcpt_timeout = 2s",
	"smtp_data_init_timeout = 2s", "smtp_data_xfer_timeout = 2s", "resolver_timeout = 1s",
	fmt.Sprintf("minimal_backoff_time = %v", backoff), "maximal_backoff_time = 15s",
	// One at a time, so that the order of attempts is the order of deliveries.
	"smtp_destination_concurrency_limit = 1",
}

// Two systems exchange mail. One is cut off, in the middle of a letter; what is
// written meanwhile on either side waits, and says why. When it is back, all
// arrives, each letter once, in the order of its schedule.
func TestCutOff(t *testing.T) {
	n := newNetwork(t, 1, 2)
	here := n.site(1, "mx.here.test", []string{"ann@here.test", "ben@here.test"}, impatient...)
	there := n.site(2, "mx.there.test", []string{"zoe@there.test", "yul@there.test"}, impatient...)
	n.names.Zone("here.test", "@ MX 10 mx\nmx A "+address(1))
	n.names.Zone("there.test", "@ MX 10 mx\nmx A "+address(2))
	here.start()
	there.start()
	l := newLedger(t, here, there)

	for _, body := range bodies() {
		l.send(here, body, "zoe@there.test")
		l.send(there, body, "ann@here.test", "ben@here.test")
		l.send(here, body, "yul@there.test", "zoe@there.test")
		l.send(there, body, "ben@here.test")
	}
	l.settle()

	cutInTheMiddle(l, here, there)
	for range 3 {
		sendAndWait(l, here, "zoe@there.test")
	}
	l.send(there, "x\n", "ann@here.test", "ben@here.test")
	l.send(there, "x\n", "ann@here.test")
	there.WaitLog("to=<ann@here.test>, relay=none", "status=deferred (Host or domain name not found. Name service error for name=here.test type=MX: Host not found, try again)")
	l.send(there, "within the house\n", "yul@there.test") // works all the same
	there.WaitLog("to=<yul@there.test>, relay=virtual", "status=sent")
	here.Until("what was written first waits for longer", func() bool {
		plan := schedule(here)
		return len(plan) == len(waiting(here)) && time.Until(plan[0].next) > 2*backoff
	})
	for range 2 {
		sendAndWait(l, here, "yul@there.test", "zoe@there.test")
	}

	plan, logged := mendBetweenAttempts(here, there)
	l.settle()
	checkDrain(t, plan, here.Log()[logged:])
	for _, s := range l.sites {
		if strings.Contains(s.Log(), "status=bounced") || strings.Contains(s.Log(), "refused") {
			t.Errorf("%s was to time out and nothing else:\n%s", s.name, s.Log())
		}
	}
}

// bodies are of all kinds that a mail system can get wrong.
func bodies() []string {
	return []string{
		"plain\n",
		"",
		".\n..\n.dots\n\n.\n",
		"n\xc3\xa4chste Zeile\n",
		strings.Repeat("x", 990) + "\n",
		"From here on\n>From there\n\n\n",
		strings.Repeat(strings.Repeat("0123456789", 7)+"\n", 5000),
	}
}

// cutInTheMiddle cuts the second site off while a letter of the first is on its
// way there.
func cutInTheMiddle(l *ledger, from, to *site) {
	l.t.Helper()
	n := from.net
	session := regexp.MustCompile(` (dis)?connect from \S+\[` + regexp.QuoteMeta(address(from.host)) + `\]`)
	to.Until("no connection is kept for it: whoever loses one that was used before tries another at once", func() bool {
		open := 0
		for _, m := range session.FindAllStringSubmatch(to.Log(), -1) {
			if open++; m[1] != "" {
				open -= 2
			}
		}
		return open == 0
	})
	n.slow(to.host, 4000) // the letter needs a quarter of a minute
	before := n.received(to.host)
	sender := l.send(from, strings.Repeat(strings.Repeat("0123456789", 7)+"\n", 1<<17), to.mailboxes[0])
	from.Until("the letter is under way", func() bool { return n.received(to.host) > before+1<<18 })
	n.cut(to.host)
	from.WaitLog(queueID(from, sender)+": to=<"+to.mailboxes[0]+">",
		"status=deferred (conversation with "+to.name+"["+address(to.host)+"] timed out while sending message body)")
	n.slow(to.host, 0)
}

// sendAndWait sends a letter to a site that is cut off, and waits until mailq
// says why it waits.
func sendAndWait(l *ledger, from *site, to ...string) {
	l.t.Helper()
	sender := l.send(from, "patience\n", to...)
	from.Until("mailq has the reason of "+sender, func() bool {
		for entry := range strings.SplitSeq(from.Mailq(), "\n\n") {
			if strings.Contains(entry, "  "+sender+"\n") {
				return strings.Contains(entry, "connect to mx.there.test["+address(2)+"]:25: Connection timed out)\n") &&
					strings.Contains(entry, to[len(to)-1])
			}
		}
		return false
	})
	// Their turns are to differ.
	since := time.Now()
	from.Until("a moment later", func() bool { return time.Since(since) > backoff/4 })
}

// queueID waits until a letter has been tried, and returns its queue ID.
func queueID(s *site, sender string) string {
	s.T.Helper()
	line := s.WaitLog("postfix/qmgr[", ": from=<"+sender+">, ")
	return strings.Split(line, ": ")[1]
}

// A planned is a message that is to be tried at a time. What is due at much the
// same time has the same turn.
type planned struct {
	id   string
	next time.Time
	turn int
}

func (p planned) String() string {
	return fmt.Sprintf("%s at %s (turn %d)", p.id, p.next.Format(time.StampMilli), p.turn)
}

// schedule is what a site's deferred messages wait for, by time.
func schedule(s *site) []planned {
	s.T.Helper()
	files, err := os.ReadDir(s.Path("queue", "deferred"))
	if err != nil {
		s.T.Fatal(err)
	}
	var plan []planned
	for _, f := range files {
		if info, err := f.Info(); err == nil { // it may just have gone
			plan = append(plan, planned{id: f.Name(), next: info.ModTime()})
		}
	}
	slices.SortFunc(plan, func(a, b planned) int { return a.next.Compare(b.next) })
	for k := 1; k < len(plan); k++ {
		plan[k].turn = plan[k-1].turn
		if plan[k].next.Sub(plan[k-1].next) > backoff/5 {
			plan[k].turn++
		}
	}
	return plan
}

// waiting returns the IDs of all messages of a site.
func waiting(s *site) []string {
	s.T.Helper()
	var ids []string
	for _, dir := range []string{"incoming", "deferred"} {
		files, err := filepath.Glob(s.Path("queue", dir, "*"))
		if err != nil {
			s.T.Fatal(err)
		}
		for _, f := range files {
			ids = append(ids, filepath.Base(f))
		}
	}
	return ids
}

// mendBetweenAttempts ends a site's isolation at a moment when nothing is being
// tried, nothing is due soon, and what is due first is not what is oldest. It
// returns what is planned then, and how long the log is.
func mendBetweenAttempts(from, to *site) (plan []planned, logged int) {
	from.T.Helper()
	changed := time.Now()
	from.Until("the cable is in again between two attempts", func() bool {
		now := schedule(from)
		if !slices.Equal(now, plan) {
			plan, changed = now, time.Now()
		}
		// A failure of the destination may be held against it for backoff.
		if len(waiting(from)) != len(plan) || !telling(plan) || plan[0].next.Sub(changed) < backoff+backoff/4 || time.Until(plan[0].next) < backoff/2 {
			return false
		}
		logged = len(from.Log())
		from.net.mend(to.host)
		for !from.net.reaches(to.host) && time.Now().Before(plan[0].next) {
		}
		if time.Now().Before(plan[0].next) {
			return true
		}
		from.net.cut(to.host) // too late: some of it has been tried
		return false
	})
	return plan, logged
}

// telling tells whether the turns of a schedule are in another order than that of
// arrival.
func telling(plan []planned) bool {
	for k, p := range plan {
		if slices.ContainsFunc(plan[:k], func(q planned) bool { return q.turn < p.turn && q.id > p.id }) {
			return true
		}
	}
	return false
}

var logLine = regexp.MustCompile(`^(\w{3} [ \d]\d \d\d:\d\d:\d\d) .*: ([0-9A-F]+): (from|to)=<`)

// checkDrain finds in a log that messages were tried in the order of a plan,
// none before its time, and that each try was a delivery.
func checkDrain(t *testing.T, plan []planned, log string) {
	t.Helper()
	var tried, sent []planned
	for line := range strings.Lines(log) {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		which := func(p planned) bool { return p.id == m[2] }
		k := slices.IndexFunc(plan, which)
		switch {
		case k < 0: // such as what has arrived
		case m[3] == "from" && strings.HasSuffix(line, "(queue active)\n"):
			tried = append(tried, plan[k])
			// The log has seconds, and no year.
			at, err := time.Parse(time.Stamp, m[1])
			if due, _ := time.Parse(time.Stamp, plan[k].next.Format(time.Stamp)); err != nil || at.Before(due) {
				t.Errorf("due at %v, tried too early (%v): %s", plan[k].next, err, line)
			}
		case m[3] == "to" && strings.Contains(line, ", status=sent (") && !slices.ContainsFunc(sent, which):
			sent = append(sent, plan[k])
		}
	}
	byTurn := func(a, b planned) int { return a.turn - b.turn }
	if len(tried) != len(plan) || len(sent) != len(plan) || !slices.IsSortedFunc(tried, byTurn) || !slices.IsSortedFunc(sent, byTurn) {
		t.Errorf("planned %q\ntried   %q\nsent    %q", plan, tried, sent)
	}
}

// A server that is silent or refuses costs a letter only the time to find that
// out, if the domain has another. If not, the letter waits, and leaves by itself
// when somebody listens.
func TestServersThatAreNotThere(t *testing.T) {
	n := newNetwork(t, 1, 2, 3)
	here := n.site(1, "mx.here.test", []string{"ann@here.test"}, impatient...)
	there := n.site(2, "mx.there.test", []string{"xia@silent.test", "wim@refuses.test"}, impatient...)
	late := n.site(3, "mx.late.test", []string{"lea@late.test"}, impatient...)
	n.names.Zone("here.test", "@ MX 10 mx\nmx A "+address(1))
	n.names.Zone("there.test", "mx A "+address(2))
	n.names.Zone("late.test", "@ MX 10 mx\nmx A "+address(3))
	n.names.Zone("silent.test", "@ MX 10 dead\n@ MX 20 mx.there.test.\ndead A "+address(nobody))
	n.names.Zone("refuses.test", "@ MX 10 mx.late.test.\n@ MX 20 mx.there.test.")
	here.start()
	there.start()
	l := newLedger(t, here, there, late)

	for _, c := range []struct{ to, first string }{
		{"xia@silent.test", "connect to dead.silent.test[" + address(nobody) + "]:25: Connection timed out"},
		{"wim@refuses.test", "connect to mx.late.test[" + address(3) + "]:25: Connection refused"},
	} {
		id := queueID(here, l.send(here, "x\n", c.to))
		here.WaitLog(id+": to=<"+c.to+">, relay=mx.there.test["+address(2)+"]:25, ", "status=sent")
		here.WaitLog("postfix/smtp[", c.first)
		if strings.Contains(here.Log(), "status=deferred") {
			t.Errorf("%s had to wait", c.to)
		}
	}

	id := queueID(here, l.send(here, "x\n", "lea@late.test"))
	const reason = "connect to mx.late.test[192.0.2.3]:25: Connection refused)"
	here.WaitLog(id+": to=<lea@late.test>, relay=none, ", "status=deferred (", reason)
	here.Until("mailq has the reason", func() bool { return strings.Contains(here.Mailq(), reason) })
	late.start()
	l.settle()
}
