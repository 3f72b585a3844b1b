//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// Nagios's and munin's plugins count what waits, in mailq's words and in the
// directories of the queue.
func TestMonitors(t *testing.T) {
	t.Parallel()
	need(t, "perl")
	i := instance.New(t, instance.Options{Main: []string{"defer_transports = virtual"}})
	argv := beside(t, i, nil, "env", "PATH="+i.Bin+":/usr/bin:/bin", "MAIL_CONFIG="+i.Etc(), "MUNIN_LIBDIR=/usr/share/munin")
	if err := os.Mkdir(filepath.Join(argv[2], "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(argv[2], "usr/bin/mailq"), fmt.Appendf(nil, "#!/bin/sh\nexec %s/mailq\n", i.Bin), 0o755); err != nil {
		t.Fatal(err)
	}
	check := func(code int, want string) {
		t.Helper()
		o := peer(t, "", append(argv, "/usr/lib/nagios/plugins/check_mailq", "-M", "postfix", "-w", "2", "-c", "4")...)
		if o.code != code || !strings.HasSuffix("\n"+o.output, "\n"+want+"\n") {
			t.Errorf("check_mailq: %d %q, want %d %q", o.code, o.output, code, want)
		}
	}
	check(0, "OK: postfix mailq reports queue is empty|unsent=0;2;4;0")
	var ids []string
	for n := range 3 {
		ids = append(ids, i.Submit("ann@example.org", bob, fmt.Sprintf("Subject: %d\n\nx\n", n)))
	}
	if r := i.Mailctl("queue", "hold", ids[0]); r.Code != 0 {
		t.Fatalf("hold: %+v", r)
	}
	waiting := func(dir string) int {
		files, err := os.ReadDir(i.Path("queue", dir))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	i.Until("two wait and one is held", func() bool { return waiting("deferred") == 2 && waiting("hold") == 1 })
	check(1, "WARNING: postfix mailq is 3 (threshold w = 2)|unsent=3;2;4;0")
	wantReport(t, succeed(t, "", append(argv, "/usr/share/munin/plugins/postfix_mailqueue")...),
		"deferred.value 2", "active.value 0", "maildrop.value 0", "incoming.value 0", "corrupt.value 0", "hold.value 1")
	i.Stop()
	// As root it reads the queue itself.
	check(1, "WARNING: postfix mailq is 3 (threshold w = 2)|unsent=3;2;4;0")
}

// munin counts a day's deliveries, and refusals by code, from where it stopped.
func munin(t *testing.T, d *day, logs string) {
	if err := os.WriteFile(filepath.Join(logs, "munin-plugin-postfix_mailstats.state"), []byte("0:0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	argv := beside(t, d.Instance, nil, "env", "logdir="+logs, "logfile=mail.log", "MUNIN_LIBDIR=/usr/share/munin", "MUNIN_PLUGSTATE="+logs)
	wantReport(t, succeed(t, "", append(argv, "/usr/share/munin/plugins/postfix_mailstats")...),
		"delivered.value 10", "r504.value 2", "r550.value 1", "r552.value 2", "r554.value 2")
}
