package smtpd

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRates(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	r := newRates[string](time.Minute)
	for i, step := range []struct {
		after time.Duration
		key   string
		e     event
		want  int
	}{
		{0, "a", eventMessage, 1},
		{time.Second, "a", eventMessage, 2},
		{0, "a", eventRecipient, 1},
		{0, "b", eventMessage, 1},
		{58 * time.Second, "a", eventMessage, 3}, // 59 s after the first
		{time.Second, "a", eventMessage, 1},      // its window is over
		{0, "b", eventMessage, 2},                // that of b, which began later, is not
		{time.Second, "b", eventMessage, 1},
		{10 * time.Minute, "a", eventMessage, 1},
	} {
		at = at.Add(step.after)
		if got, _ := r.count(step.key, step.e, at); got != step.want {
			t.Errorf("step %d: %s has %d, want %d", i, step.key, got, step.want)
		}
	}
	if r.quiet(at) || !r.quiet(at.Add(2*time.Minute)) {
		t.Error("quiet at the wrong time")
	}
}

// However many there are, memory is bounded, and who goes on is not forgotten.
func TestRatesAreBounded(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	r := newRates[string](time.Hour)
	for i := range 5 * maxRated {
		at = at.Add(time.Millisecond)
		r.count(fmt.Sprint(i), eventConnect, at)
		if i%1000 == 0 {
			r.count("busy", eventConnect, at)
		}
		if n := len(r.now) + len(r.old); n > maxRated {
			t.Fatalf("%d are kept", n)
		}
	}
	if n, _ := r.count("busy", eventConnect, at); n != 5*maxRated/1000+1 {
		t.Errorf("busy was counted %d times", n)
	}
}

func TestConnectionRate(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_client_connection_rate_limit = 2")
	greet := func(who peer) string {
		c := r.connect(who)
		defer c.close()
		return c.reply()
	}
	for i, want := range []string{"220 ", "220 ", "421 4.7.0 mx.example Error: too many connections from 192.0.2.1"} {
		if got := greet(stranger); !strings.HasPrefix(got, want) {
			t.Errorf("connection %d: %s", i+1, got)
		}
	}
	if log := r.logged(); !slices.Contains(log, "warning: Connection rate limit exceeded: 3 from unknown[192.0.2.1] for service smtp") {
		t.Errorf("log: %q", log)
	}
	other := peer{name: "unknown", ip: netip.MustParseAddr("192.0.2.2"), port: 1}
	for _, who := range []peer{other, insider, insider, insider} {
		if got := greet(who); !strings.HasPrefix(got, "220 ") {
			t.Errorf("%v: %s", who, got)
		}
	}
}

func TestMessageRate(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_client_message_rate_limit = 1", "smtpd_client_recipient_rate_limit = 2")
	c := r.connect(stranger)
	c.play(`
		S: 220 ...
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 450 4.7.1 Error: too many recipients from 192.0.2.1
		C: RSET
		S: 250 2.0.0 Ok
		C: MAIL FROM:<eve@elsewhere.example>
		S: 450 4.7.1 Error: too much mail from 192.0.2.1
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	for _, want := range []string{
		"warning: Recipient address rate limit exceeded: 3 from unknown[192.0.2.1] for service smtp",
		"warning: Message delivery request rate limit exceeded: 2 from unknown[192.0.2.1] for service smtp",
	} {
		if log := r.logged(); !slices.Contains(log, want) {
			t.Errorf("log: %q, want %q", log, want)
		}
	}
}

// Each limit of the family, its window, and who is free of it.
func TestRateFamily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "smtpd_client_connection_rate_limit = 1", "anvil_rate_time_unit = 10s", "smtpd_client_event_limit_exceptions = 192.0.2.7")
		greet := func(ip string) string {
			c := r.connect(peer{name: "unknown", ip: netip.MustParseAddr(ip), port: 1})
			defer c.close()
			return c.reply()[:4]
		}
		for i, c := range []struct {
			after    time.Duration
			ip, want string
		}{
			{0, "192.0.2.1", "220 "}, {9 * time.Second, "192.0.2.1", "421 "}, {0, "127.0.0.1", "220 "}, {0, "127.0.0.1", "421 "},
			{time.Second, "192.0.2.1", "220 "}, {0, "192.0.2.7", "220 "}, {0, "192.0.2.7", "220 "},
			{0, "2001:db8::1", "220 "}, {0, "2001:db8::2", "421 "}, {0, "2001:db8:0:1::1", "220 "}, // a /64 is one client
		} {
			time.Sleep(c.after)
			if got := greet(c.ip); got != c.want {
				t.Errorf("step %d: %s: %s, want %s", i, c.ip, got, c.want)
			}
		}
	})
}

// What clients did at most is in the log now and then, whether or not it is
// limited.
func TestStatistics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "anvil_status_update_time = 5m")
		letter := func() {
			c := r.connect(stranger)
			c.reply()
			for _, line := range []string{"HELO h", "MAIL FROM:<a@b.example>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>"} {
				c.say(line)
			}
			c.close()
		}
		start := time.Now()
		first := r.connect(stranger)
		first.reply()
		letter()
		first.close()
		inside := r.connect(insider) // not counted
		inside.reply()
		inside.close()
		time.Sleep(5 * time.Minute)
		later := time.Now()
		letter()
		at, then := start.Format(time.Stamp), later.Format(time.Stamp)
		r.srv.stats.end()
		r.srv.stats.end()
		var got []string
		for _, line := range r.logged() {
			if strings.HasPrefix(line, "statistics: ") {
				got = append(got, line)
			}
		}
		want := []string{
			"statistics: max connection rate 2/60s for (smtp:192.0.2.1) at " + at,
			"statistics: max message rate 1/60s for (smtp:192.0.2.1) at " + at,
			"statistics: max recipient rate 2/60s for (smtp:192.0.2.1) at " + at,
			"statistics: max connection count 2 for (smtp:192.0.2.1) at " + at,
			"statistics: max cache size 1 at " + at,
			"statistics: max connection rate 1/60s for (smtp:192.0.2.1) at " + then,
			"statistics: max message rate 1/60s for (smtp:192.0.2.1) at " + then,
			"statistics: max recipient rate 2/60s for (smtp:192.0.2.1) at " + then,
			"statistics: max connection count 1 for (smtp:192.0.2.1) at " + then,
			"statistics: max cache size 1 at " + then,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		if !r.srv.quiet() {
			t.Error("statistics alone keep the process")
		}
	})
}
