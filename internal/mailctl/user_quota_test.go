package mailctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/cli"
)

func TestUserQuota(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "quota_rule = *:storage=1M")
	d.must("x\n", "add", "ann@example.org")
	box := filepath.Join(d.dir, "vmail/example.org/ann/Maildir")
	if err := os.WriteFile(filepath.Join(box, "new/1.a,S=1000"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	last := ""
	step := func(want string, args ...string) {
		t.Helper()
		before := d.out.String()
		d.must("", args...)
		last = strings.TrimPrefix(d.out.String(), before)
		if !strings.Contains(last, want) {
			t.Errorf("%v: got\n%swant %q", args, last, want)
		}
	}
	step("quota: of main.cf\nused: 1000 of 1048576 (0%) octets, 1 messages\n", "quota", "ann@example.org")
	step("quota: *:bytes=4K\nused: 1000 of 4096 (24%) octets, 1 messages\n", "quota", "Ann@example.org", "4K")
	step("quota: *:storage=2:messages=5 Trash:ignore\nused: 1000 of 2048 (48%) octets, 1 of 5 (20%) messages\n",
		"quota", "ann@example.org", "*:storage=2:messages=5", "Trash:ignore")
	if users := d.read("users"); !strings.HasSuffix(users, "::userdb_quota_rule=*:storage=2:messages=5 userdb_quota_rule2=Trash:ignore\n") {
		t.Errorf("got\n%s", users)
	}
	step("quota: *:storage=2:messages=5 Trash:ignore\nused: 1000 of 2048", "show", "ann@example.org")
	step("quota: *:bytes=0\nused: 1000 octets, 1 messages\n", "quota", "ann@example.org", "0")
	step("quota: of main.cf\n", "quota", "ann@example.org", "none")
	d.is("vmail/example.org/ann/Maildir/maildirsize", false)
	d.check("ann@example.org", "x", nil)
	for _, c := range []struct {
		code int
		args []string
	}{
		{cli.ExUsage, []string{"quota"}},
		{cli.ExUsage, []string{"quota", "--x"}},
		{cli.ExUsage, []string{"quota", "ann@example.org", "much"}},
		{cli.ExUsage, []string{"quota", "ann@example.org", "Deleted Items:ignore"}},
		{cli.ExNoUser, []string{"quota", "ben@example.org", "1G"}},
		{cli.ExNoUser, []string{"quota", "ben@example.org"}},
	} {
		if got := exitStatus(t, d.run("", c.args...)); got != c.code {
			t.Errorf("%v: status %d, want %d", c.args, got, c.code)
		}
	}
}
