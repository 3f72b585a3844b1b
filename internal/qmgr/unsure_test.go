package qmgr

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"yubin/internal/ipc"
)

// What an earlier process may have delivered stays in doubt over attempts in which no
// agent could look: the one that can is told to.
func TestDoubtStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var mu sync.Mutex
	var unsure []bool
	full := outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.3.0", Text: "cannot find out where the mailbox is"}})
	seen := func(q *ipc.Request, c string) *ipc.Reply {
		mu.Lock()
		defer mu.Unlock()
		if unsure = append(unsure, q.Unsure); len(unsure) == 4 {
			return deliverAll(q, c)
		}
		return full(q, c)
	}
	r.deliver = seen
	r.start()
	r.ticked()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	r.tryAgain(d.ID)
	r.stopAll()

	r.missing = map[string]bool{"local": true}
	r.start()
	r.ticked()
	r.tryAgain(d.ID)
	r.mu.Lock()
	r.missing = nil
	r.mu.Unlock()
	r.s.ask(r.s.reviveTransports)
	r.tryAgain(d.ID)
	r.tryAgain(d.ID)
	r.stopAll()
	if want := []bool{false, false, true, true}; !slices.Equal(unsure, want) {
		t.Errorf("agents were told %v, want %v", unsure, want)
	}
}

// tryAgain has a deferred message tried, and waits for the end of that.
func (r *rig) tryAgain(id string) {
	r.t.Helper()
	r.s.ask(func() {
		if found, err := r.s.tryNow(id, ""); !found || err != nil {
			r.t.Errorf("try %s: %v, %v", id, found, err)
		}
	})
	r.settled()
}

// ticked waits until the clock of the file system, which is coarse, shows that a change
// is one of this queue manager's time.
func (r *rig) ticked() {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "x")
	for {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			r.t.Fatal(err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			r.t.Fatal(err)
		}
		if !time.Unix(st.Ctim.Unix()).Before(r.s.begun) {
			return
		}
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
	}
}
