package qmgr

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A second listing opens no file of what has not changed, and shows what has.
func TestListingKeeps(t *testing.T) {
	t.Parallel()
	r, ids := waiting(t, 4)
	defer r.stopAll()
	list := func() (entries []ipc.Entry) {
		t.Helper()
		got, _ := r.request(&ipc.ControlRequest{Op: ipc.OpList, All: true, Packed: true})
		if err := ipc.Unpack(got.Packed, func(e *ipc.Entry) error {
			c := *e
			c.Recipients = slices.Clone(e.Recipients)
			entries = append(entries, c)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return entries
	}
	first := list()
	if len(first) != 4 || first[0].ID != ids[0] || len(first[0].Recipients) != 2 || first[0].Recipients[0].Reason != "mailbox full" {
		t.Fatalf("listed %+v", first)
	}
	// Behind qmgr's back, which nobody does: what it keeps does not notice.
	path := filepath.Join(r.dir, queue.DirDeferred, ids[3])
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if second := list(); len(second) != 4 || second[3].ID != ids[3] {
		t.Errorf("listed again: %+v", second)
	}
	r.request(&ipc.ControlRequest{Op: ipc.OpHold, IDs: ids[:1]})
	r.request(&ipc.ControlRequest{Op: ipc.OpDelete, IDs: ids[1:2]})
	r.request(&ipc.ControlRequest{Op: ipc.OpFlush, IDs: ids[2:3]})
	r.wait("another attempt", func(s *scheduler) bool { return len(s.messages) == 0 && s.shelf.get(ids[2]) == nil })
	r.settled()
	third := list()
	if len(third) != 3 || third[0].ID != ids[2] || third[0].Recipients[0].Attempts != 2 || third[1].ID != ids[3] || third[2].Queue != queue.DirHold {
		t.Errorf("after changes: %+v", third)
	}
}

// A shelf takes no more than its limit, and nothing that has changed while a listing
// was under way.
func TestShelf(t *testing.T) {
	t.Parallel()
	h := newShelf(3 * (shelfCost + 4))
	h.begin()
	h.forget("changed")
	for _, id := range []string{"changed", "a", "b", "b", "c", "d"} {
		h.put(id, []byte("1234"))
	}
	for id, want := range map[string]bool{"changed": false, "a": true, "b": true, "c": true, "d": false} {
		if got := h.get(id) != nil; got != want {
			t.Errorf("%s is kept: %t", id, got)
		}
	}
	h.end()
	h.forget("a")
	h.begin()
	h.put("changed", []byte("1"))
	if h.get("a") != nil || h.get("changed") == nil || len(h.changed) != 0 {
		t.Errorf("%v, %v", h.entries, h.changed)
	}
	h.reset(0)
	if h.get("b") != nil || !h.changed["b"] || h.octets != 0 {
		t.Errorf("after the reset: %v, %v, %d", h.entries, h.changed, h.octets)
	}
}
