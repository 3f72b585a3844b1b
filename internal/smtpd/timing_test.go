package smtpd

import (
	"strings"
	"testing"
	"time"

	"yubin/internal/queue"
)

// HOLDFOR, HOLDUNTIL and BY are for users who have logged in (RFC 4865, RFC
// 2852).
func TestTimingParams(t *testing.T) {
	t.Parallel()
	day := func(n int) string { return time.Now().AddDate(0, 0, n).UTC().Format(time.RFC3339) }
	for _, c := range []struct{ name, main, param, want string }{
		{"for a day", "", "HOLDFOR=86400", "250 2.1.0 Ok"},
		{"until tomorrow", "", "HOLDUNTIL=" + day(1), "250 2.1.0 Ok"},
		{"until yesterday", "", "HOLDUNTIL=" + day(-1), "501 5.5.4 The time of release is over"},
		{"too long", "", "HOLDFOR=2592001", "501 5.5.4 The time of release is too far ahead"},
		{"too late", "smtpd_future_release_limit = 1d", "HOLDUNTIL=" + day(2), "501 5.5.4 The time of release is too far ahead"},
		{"both", "", "HOLDFOR=1 HOLDUNTIL=" + day(1), "501 5.5.4 A message has one time of release"},
		{"syntax", "", "HOLDFOR=soon", "501 5.5.4 Bad HOLDFOR parameter syntax"},
		{"syntax of a date", "", "HOLDUNTIL=tomorrow", "501 5.5.4 Bad HOLDUNTIL parameter syntax"},
		{"off", "smtpd_future_release_limit = 0", "HOLDFOR=1", "555 5.5.4 Unsupported option: HOLDFOR=1"},
		{"by", "", "BY=120;R", "250 2.1.0 Ok"},
		{"by, and later", "", "BY=120;N HOLDFOR=60", "250 2.1.0 Ok"},
		{"by twice", "", "BY=120;R BY=120;R", "501 5.5.4 A parameter is given twice"},
		{"by then", "", "BY=0;R", "501 5.5.4 BY: that time is over"},
		{"by what", "", "BY=1;X", "501 5.5.4 Bad BY parameter syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := authRig(t, c.main)
			conn := r.connect(stranger)
			conn.reply()
			conn.say("EHLO h")
			before := conn.say("MAIL FROM:<ann@example.org> " + c.param)
			if want := "530 5.7.0 Authentication required"; before != want && !strings.HasPrefix(c.want, "555") {
				t.Errorf("before AUTH: %s", before)
			}
			conn.say("AUTH PLAIN " + plainAnn)
			if got := conn.say("MAIL FROM:<ann@example.org> " + c.param); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			conn.close()
		})
	}
}

// They are nobody's where nobody logs in.
func TestTimingParamsNotOffered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	conn := r.connect(insider)
	conn.reply()
	if got := conn.say("EHLO h"); strings.Contains(got, "FUTURERELEASE") || strings.Contains(got, "DELIVERBY") {
		t.Error(got)
	}
	for _, param := range []string{"HOLDFOR=1", "BY=1;N"} {
		if got := conn.say("MAIL FROM:<ann@example.org> " + param); got != "555 5.5.4 Unsupported option: "+param {
			t.Error(got)
		}
	}
	conn.close()
}

// A deadline is counted from the release on.
func TestTimingOfEnvelope(t *testing.T) {
	t.Parallel()
	r, _ := authRig(t)
	conn := r.connect(stranger)
	conn.reply()
	for _, line := range []string{"EHLO h", "AUTH PLAIN " + plainAnn, "MAIL FROM:<ann@example.org> HOLDFOR=3600 BY=60;RT", "RCPT TO:<bob@example.org>", "DATA", "."} {
		if got := conn.say(line); got[0] > '3' {
			t.Fatalf("%s: %s", line, got)
		}
	}
	conn.close()
	env := r.taken()[0].env
	release := env.Release()
	if wait := time.Until(release); wait < 50*time.Minute || wait > time.Hour {
		t.Errorf("release in %v", wait)
	}
	d, ok := queue.ReadDeadline(env.Attrs[queue.AttrDeliverBy])
	if !ok || !d.Return || !d.Trace || d.At.Sub(release) != time.Minute {
		t.Errorf("%+v, %v after a release at %v", d, ok, release)
	}
}
