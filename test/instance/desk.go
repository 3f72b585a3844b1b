package instance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Desk is a system to which users submit letters, by the services that the
// shipped master.cf has ready.
type Desk struct {
	*Instance
	Host string // its address
}

// Ports of a Desk: submission begins in the clear, submissions with TLS.
const (
	SubmissionPort  = "5870"
	SubmissionsPort = "4650"
)

// NewDesk makes a Desk, which has no account yet and is not started. ann has a
// mailbox beside the usual ones, nobody is in mynetworks, and mail to
// elsewhere.test is taken and thrown away.
func NewDesk(t testing.TB, main ...string) *Desk {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	main = append([]string{
		"auth_failure_delay = 0s", "mynetworks = 192.0.2.1",
		"transport_maps = inline:{elsewhere.test=discard:gone}",
	}, main...)
	return &Desk{New(t, Options{
		Addr: host + ":2525", Main: main, Master: shippedSubmission(t, host), Mailboxes: []string{"alice", "bob", "ann"}, Stopped: true,
	}), host}
}

// AddUser makes an account, as people do.
func (d *Desk) AddUser(name, password string) {
	d.T.Helper()
	if r := d.Run(password+"\n", "mailctl", "-c", d.Etc(), "user", "add", name); r.Code != 0 {
		d.T.Fatalf("mailctl user add: %+v", r)
	}
}

// KeepPlain makes an account whose password is kept as it is, so that every
// mechanism can check it.
func (d *Desk) KeepPlain(name, password string) {
	d.T.Helper()
	d.check(os.WriteFile(d.Path("etc", "users"), []byte(name+":{PLAIN}"+password+"\n"), 0o600))
}

// shippedSubmission are the services of the shipped master.cf that are comments,
// at ports of host.
func shippedSubmission(t testing.TB, host string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(binDir(t)), "etc", "master.cf"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	on := false
	for line := range strings.Lines(string(b)) {
		rest, comment := strings.CutPrefix(strings.TrimRight(line, "\n"), "#")
		name, fields, _ := strings.Cut(rest, " ")
		port := map[string]string{"submission": SubmissionPort, "submissions": SubmissionsPort}[name]
		switch {
		case comment && port != "":
			lines, on = append(lines, host+":"+port+" "+fields), true
		case on && comment && strings.HasPrefix(rest, "  -o"):
			lines = append(lines, rest)
		default:
			on = false
		}
	}
	if len(lines) < 20 {
		t.Fatalf("etc/master.cf has %d lines of submission", len(lines))
	}
	return lines
}
