package master

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A line of a session goes into the log under the name that master gave it, also
// when it comes with the end; lines of others do not.
func TestSpoke(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "dovecot", File: f})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h := newHost(hostKey{}, log)
	h.enter(&ipc.Visit{Number: 7, Service: "pop3", User: "ann", PID: 5, Session: "s"})
	for line, done := range map[string]bool{
		"SAY 7 one": true, "SAY 8 foreign": true, "SAY x": true, "END 7 two": false, "END 8 foreign": false, "END 7": false, "READY": false,
	} {
		if got := h.spoke(line); got != done {
			t.Errorf("%q: %v", line, got)
		}
	}
	b, err := os.ReadFile(name)
	for _, want := range []string{"pop3(ann)<5><s>: one\n", "pop3(ann)<5><s>: two\n"} {
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("the log lacks %q: %s, %v", want, b, err)
		}
	}
	if strings.Count(string(b), "\n") != 2 {
		t.Errorf("the log has more: %s", b)
	}
}
