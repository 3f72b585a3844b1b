package smtp

import (
	"strings"
	"testing"
	"time"
)

func TestTimingParams(t *testing.T) {
	t.Parallel()
	show := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	for _, c := range []struct{ name, value, want string }{
		{"BY", "120;R", "120;R"},
		{"BY", "+120;r", "120;R"},
		{"BY", "120;RT", "120;RT"},
		{"BY", "-5;N", "-5;N"},
		{"BY", "0;nt", "0;NT"},
		{"BY", "999999999;N", "999999999;N"},
		{"BY", "0;R", ""},
		{"BY", "-1;R", ""},
		{"BY", "1000000000;N", ""},
		{"BY", "120", ""},
		{"BY", "120;", ""},
		{"BY", "120;T", ""},
		{"BY", "120;RR", ""},
		{"BY", ";R", ""},
		{"BY", "+-1;N", ""},
		{"BY", "1.5;N", ""},
		{"HOLDFOR", "86400", "24h0m0s"},
		{"HOLDFOR", "0", ""},
		{"HOLDFOR", "-1", ""},
		{"HOLDFOR", "1000000000", ""},
		{"HOLDFOR", "", ""},
		{"HOLDUNTIL", "2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"},
		{"HOLDUNTIL", "2026-12-24T18:00:00+02:00", "2026-12-24T16:00:00Z"},
		{"HOLDUNTIL", "2026-12-24T18:00:00.5Z", "2026-12-24T18:00:00Z"},
		{"HOLDUNTIL", "2026-12-24", ""},
		{"HOLDUNTIL", "2026-12-24T18:00:00", ""},
		{"HOLDUNTIL", "2026-13-24T18:00:00Z", ""},
		{"HOLDUNTIL", "2026-12-24T18:00:00." + strings.Repeat("0", 100) + "Z", ""},
	} {
		var got string
		var err error
		switch c.name {
		case "BY":
			var d DeliverBy
			d, err = ParseDeliverBy(c.value)
			got = d.String()
		case "HOLDFOR":
			var d time.Duration
			d, err = ParseHoldFor(c.value)
			got = d.String()
		case "HOLDUNTIL":
			var at time.Time
			at, err = ParseHoldUntil(c.value)
			got = show(at)
		}
		if (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%s=%s: got %q, %v, want %q", c.name, c.value, got, err, c.want)
		}
		if err != nil && ReplyTo(err).Code != 501 {
			t.Errorf("%s=%s: %+v", c.name, c.value, ReplyTo(err))
		}
	}
}

// FuzzDeliverBy: what ParseDeliverBy takes, String gives back in the same
// meaning, and no time overflows.
func FuzzDeliverBy(f *testing.F) {
	for _, s := range []string{"1;R", "-1;N", "+0;NT", "999999999;RT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDeliverBy(s)
		if err != nil {
			return
		}
		again, err := ParseDeliverBy(d.String())
		if err != nil || again != d || d.In.Abs() > 1e9*time.Second {
			t.Errorf("%q is %+v, which is %+v, %v", s, d, again, err)
		}
	})
}
