package smtpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// busy has a rig whose limit of connections is reached.
func busy(t *testing.T, limit int, lines ...string) *rig {
	t.Helper()
	r := newRig(t, lines...)
	r.srv.load = newLoad("smtp", limit, r.srv.log)
	for range limit {
		r.srv.load.enter()
	}
	return r
}

// Stress begins at nine tenths, ends when a quarter is free, and is said once.
func TestLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, begins, ends int }{{1, 1, 0}, {2, 2, 1}, {10, 9, 7}, {100, 90, 74}, {500, 450, 374}} {
		r := newRig(t)
		l := newLoad("smtp", c.limit, r.srv.log)
		r.srv.load = l
		for range 2 {
			for l.open < c.limit {
				l.enter()
				if high := r.srv.p() == r.srv.tense; high != (l.open >= c.begins) {
					t.Errorf("%d of %d, on the way up: stress %t", l.open, c.limit, high)
				}
			}
			for l.open > 0 {
				l.leave()
				if high := r.srv.p() == r.srv.tense; high != (l.open > c.ends) {
					t.Errorf("%d of %d, on the way down: stress %t", l.open, c.limit, high)
				}
			}
		}
		want := fmt.Sprintf(`warning: service "smtp" has %d connections of its process limit "%d": clients may have to wait, and have less time (stress=yes)`, c.begins, c.limit)
		if log := r.logged(); !slices.Equal(log, []string{want}) {
			t.Errorf("log: %q", log)
		}
	}
	r := newRig(t)
	for range 1000 {
		r.srv.load.enter()
	}
	if r.srv.p() != r.srv.calm {
		t.Error("stress without a limit")
	}
}

// Every parameter may ask for stress; what is set by hand holds.
func TestStressSettings(t *testing.T) {
	t.Parallel()
	r := busy(t, 10)
	if calm, tense := r.srv.calm, r.srv.tense; calm.timeout != 300*time.Second || tense.timeout != 10*time.Second ||
		calm.hardErrors != 20 || tense.hardErrors != 1 || calm.junk != 100 || tense.junk != 1 || &calm.rules[stageRelay][0] != &tense.rules[stageRelay][0] {
		t.Errorf("calm %+v\ntense %+v", calm, tense)
	}
	for _, line := range []string{"stress =", "stress = yes"} {
		r := newRig(t, line)
		if r.srv.calm.timeout != r.srv.tense.timeout || (r.srv.calm.timeout == 10*time.Second) != (line == "stress = yes") {
			t.Errorf("%s: %v, %v", line, r.srv.calm.timeout, r.srv.tense.timeout)
		}
	}
	_, err := tryRig(t, "smtpd_timeout = ${stress?{soon}:{300}}")
	if err == nil || !strings.Contains(err.Error(), "with stress=yes: ") || !strings.Contains(err.Error(), `smtpd_timeout: want a time such as 30s, 5m, 2h, 1d or 1w, at least 1s, have "soon"`) {
		t.Errorf("got %v", err)
	}

	r = busy(t, 10, "smtpd_client_restrictions = ${stress?{reject}}")
	conn := r.connect(stranger)
	conn.play(`
		S: 220 ...
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied
		S: 421 4.7.0 mx.example Error: too many errors`)
	conn.close()

	// An error of calmer times ends nothing.
	r = newRig(t)
	r.srv.load = newLoad("smtp", 1, r.srv.log)
	conn = r.connect(stranger)
	conn.reply()
	conn.say("NONSENSE")
	r.srv.load.enter()
	conn.play(`
		C: NOOP
		S: 250 2.0.0 Ok
		C: NOOP
		S: 250 2.0.0 Ok
		S: 421 4.7.0 mx.example Error: too many errors`)
	conn.close()
}

// Who waits when stress begins has less time at once, in a command or in a
// message, and who waits in calm has all his time.
func TestStressShortensWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script, say string
		after             time.Duration // stress begins; 0: it does not
		want              time.Duration
	}{
		{name: "calm", want: 300 * time.Second},
		{name: "from the start", after: time.Nanosecond, want: 10 * time.Second},
		{name: "later", after: 95 * time.Second, want: 100 * time.Second},
		{name: "in a message", script: "EHLO h\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n", say: "x: y\r\n", after: 95 * time.Second, want: 100 * time.Second},
		{name: "in a calm message", script: "EHLO h\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n", say: "x: y\r\n", want: 300 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.srv.load = newLoad("smtp", 1, r.srv.log)
				conn := r.connect(stranger)
				conn.reply()
				for line := range strings.Lines(c.script) {
					conn.say(strings.TrimSpace(line))
				}
				start := time.Now()
				if c.say != "" {
					conn.send(c.say)
				}
				if c.after > 0 {
					time.AfterFunc(c.after, r.srv.load.enter)
				}
				if got := conn.reply(); got != "421 4.4.2 mx.example Error: timeout exceeded" {
					t.Error(got)
				}
				if spent := time.Since(start).Round(time.Second); spent != c.want {
					t.Errorf("after %v, want %v", spent, c.want)
				}
				conn.close()
			})
		})
	}
}
