package quota

import (
	"fmt"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	t.Parallel()
	const g = 1 << 30
	for _, c := range []struct {
		rules  string // default; account
		folder string
		want   string
	}{
		{"", "INBOX", "0 0 forced false ignored false"},
		{"*:storage=1G", "INBOX", fmt.Sprint(g, " 0 forced true ignored false")},
		{"*:storage=1000", "INBOX", "1024000 0 forced true ignored false"},
		{"*:bytes=1000:messages=5", "INBOX", "1000 5 forced true ignored false"},
		{"*:bytes=1000B", "INBOX", "1000 0 forced true ignored false"},
		{"*:bytes=10MB", "INBOX", "10485760 0 forced true ignored false"},
		{"?:bytes=1000", "INBOX", "1000 0 forced false ignored false"},
		{"*:storage=0", "INBOX", "0 0 forced true ignored false"},
		{"*:bytes=1000 *:messages=3", "INBOX", "0 3 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=+100", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=100", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=+10%", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=-10%", "Trash", "900 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=-2000", "Trash", "1 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=+100", "Trash/Old", "1000 0 forced true ignored false"},
		{"*:bytes=1000 Trash*:bytes=+100", "Trash/Old", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Tra?h:bytes=+100", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 A.B:ignore", "A/B", "1000 0 forced true ignored true"},
		{"*:bytes=1000 inbox:bytes=+1", "INBOX", "1001 0 forced true ignored false"},
		{"*:messages=10 Trash:bytes=+100:messages=+1", "Trash", "0 11 forced true ignored false"},
		{"*:bytes=1000 Trash:ignore|*:bytes=5", "INBOX", "5 0 forced true ignored false"},
		{"*:bytes=1000 Trash:ignore|*:bytes=5", "Trash", "5 0 forced true ignored true"},
		{"*:bytes=1000 Trash:ignore|Trash:bytes=+7", "Trash", "1007 0 forced true ignored false"},
		{"*:bytes=1000|?:bytes=3", "INBOX", "3 0 forced false ignored false"},
	} {
		first, account, _ := strings.Cut(c.rules, "|")
		r, err := Parse(strings.Fields(first))
		if err == nil {
			r, err = r.With(account)
		}
		if err != nil {
			t.Errorf("%s: %v", c.rules, err)
			continue
		}
		l := r.within(c.folder, r.limit)
		if got := fmt.Sprintf("%d %d forced %t ignored %t", l.Bytes, l.Count, r.forced, r.Ignores(c.folder)); got != c.want {
			t.Errorf("%s, in %s: got %s, want %s", c.rules, c.folder, got, c.want)
		}
	}
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"", "1G", "*", "*:", ":storage=1", "*:ignore", "*:storage=", "*:storage=x", "*:storage=1X", "*:storage=+1G", "*:storage=10%",
		"*:storage=-1", "*:storage=9999999T", "*:size=1", "Trash:storage=+1G:", "Trash:bytes=-100%", "*:bytes=1BB",
	} {
		if r, err := Parse([]string{rule}); err == nil {
			t.Errorf("%q: got %+v, want an error", rule, r)
		}
		if _, err := (*Rules)(nil).With("*:storage=1G\n" + rule); err == nil {
			t.Errorf("%q of an account: want an error", rule)
		}
	}
	for _, grace := range []string{"", "x", "-1", "-5%"} {
		r, _ := Parse(nil)
		if _, err := r.Grace(grace); err == nil {
			t.Errorf("grace %q: want an error", grace)
		}
	}
}
