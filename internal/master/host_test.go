package master

import (
	"testing"

	"yubin/internal/ipc"
)

// A process that keeps its ended sessions to itself, as its user can have it
// do, gets no more than so many.
func TestFullHost(t *testing.T) {
	t.Parallel()
	h := newHost(hostKey{}, nil)
	for n := range uint64(maxVisits) {
		if !h.enter(&ipc.Visit{Number: n}) {
			t.Fatalf("session %d was refused", n)
		}
	}
	if h.enter(&ipc.Visit{Number: maxVisits}) {
		t.Error("one too many was taken")
	}
	h.leave(7)
	if !h.enter(&ipc.Visit{Number: maxVisits}) {
		t.Error("its place was not free again")
	}
}

// A user whose processes never end, because she has stopped them, takes nobody
// else's place.
func TestRetiredHosts(t *testing.T) {
	t.Parallel()
	ann, ben := hostKey{account: "ann"}, hostKey{account: "ben"}
	m := &master{procs: map[*process]struct{}{}}
	for m.mayStart(ann, 1000) == nil {
		m.procs[&process{host: newHost(ann, nil)}] = struct{}{}
		m.hall.number++
	}
	if m.hall.number != maxRetired {
		t.Errorf("ann has %d processes, want %d", m.hall.number, maxRetired)
	}
	if err := m.mayStart(ben, 1000); err != nil {
		t.Errorf("ben: %v", err)
	}
	if m.mayStart(ben, maxRetired) == nil {
		t.Error("the limit for all does not hold")
	}
}
