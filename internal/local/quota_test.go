package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/quota"
)

// A full mailbox: its mail goes back, or waits; the account's rules come before the
// site's; rules that cannot be read put mail off.
func TestQuota(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		site, own string
		tempfail  bool
		want      string // of a second message
	}{
		"full":         {"*:messages=1", "", false, "bounced 5.2.2 Full up"},
		"tempfail":     {"*:messages=1", "", true, "deferred 4.2.2 Full up"},
		"the account":  {"*:messages=1", "*:messages=2", false, "sent 2.0.0 delivered to maildir"},
		"storage":      {"*:storage=100", "*:bytes=1", false, "bounced 5.2.2 Full up"},
		"not limited":  {"", "", false, "sent 2.0.0 delivered to maildir"},
		"unreadable":   {"*:messages=1", "*:ignore", false, "deferred 4.3.5 the account's quota cannot be read"},
		"inbox is out": {"*:messages=1 INBOX:ignore", "", false, "sent 2.0.0 delivered to maildir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			calls := make(chan int, 10)
			a, _ := newTestAgent(t, map[string]transport{relayLocal: finder(func(*ipc.Recipient) (*mailbox, []ipc.Result, error) {
				return &mailbox{place: maildir.Place{Base: dir, Path: "m/"}, as: self(), quota: &c.own}, nil, nil
			})}, &counted{calls: calls})
			rules, err := quota.Parse(strings.Fields(c.site))
			if err != nil {
				t.Fatal(err)
			}
			a.quota = quotas{rules, c.tempfail, "Full up"}
			q := dial(t, a)
			var got ipc.Result
			for n := range 2 {
				req, f := request(t, content, "ann@mx.example")
				req.ID = "0A1B2C3D4E5F6" + string(rune('0'+n))
				got = ask(t, q, req, f)[0]
			}
			if brief(got) != c.want {
				t.Errorf("got %s, want %s", brief(got), c.want)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "m", "tmp")); len(left) > 0 {
				t.Errorf("tmp has %v", left)
			}
		})
	}
}
