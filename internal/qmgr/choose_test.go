package qmgr

import (
	"slices"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A filter chooses what an operation is carried out on; a dry run changes
// nothing; IDs may be limited to queues.
func TestFilteredOperations(t *testing.T) {
	t.Parallel()
	r, ids := waiting(t, 3)
	defer r.stopAll()
	other := r.writer().commit(envelope("eve@example.net", "bob@example.org"), "text\n").ID
	r.settled()
	all := slices.Sorted(slices.Values(append(slices.Clone(ids), other)))
	eve := &ipc.Filter{Sender: []string{"eve@*"}}
	for _, test := range []struct {
		name string
		req  ipc.ControlRequest
		done []string
	}{
		{"nothing is meant", ipc.ControlRequest{Op: ipc.OpDelete}, nil},
		{"dry", ipc.ControlRequest{Op: ipc.OpDelete, Filter: eve, Dry: true}, []string{other}},
		{"dry, all", ipc.ControlRequest{Op: ipc.OpDelete, All: true, Dry: true}, all},
		{"hold by sender", ipc.ControlRequest{Op: ipc.OpHold, Filter: eve}, []string{other}},
		{"hold by a sender who has no more", ipc.ControlRequest{Op: ipc.OpHold, Filter: eve}, nil},
		{"IDs in a queue", ipc.ControlRequest{Op: ipc.OpDelete, IDs: slices.Clone(all), Filter: &ipc.Filter{Queues: []string{"hold"}}, Dry: true}, []string{other}},
		{"requeue by queue", ipc.ControlRequest{Op: ipc.OpRequeue, Filter: &ipc.Filter{Queues: []string{"hold"}}}, []string{other}},
		{"flush by destination", ipc.ControlRequest{Op: ipc.OpFlush, Filter: &ipc.Filter{Destination: []string{"here"}}}, all},
		{"delete by reason", ipc.ControlRequest{Op: ipc.OpDelete, Filter: &ipc.Filter{Reason: []string{"box*full"}, Recipient: []string{"al@*"}}}, ids},
	} {
		got, _ := r.request(&test.req)
		done := slices.Sorted(slices.Values(got.Done))
		if got.Error != "" || len(got.Missing) > 0 || !slices.Equal(done, slices.Sorted(slices.Values(test.done))) {
			t.Errorf("%s: %+v, want %v", test.name, got, test.done)
		}
		r.settled()
	}
	listed, _ := r.request(&ipc.ControlRequest{Op: ipc.OpList, Filter: eve})
	if len(listed.Entries) != 1 || listed.Entries[0].ID != other || listed.Entries[0].Recipients[0].Attempts < 2 {
		t.Errorf("listed %+v", listed.Entries)
	}
	if n := r.names(queue.DirDeferred); !slices.Equal(n, []string{other}) {
		t.Errorf("deferred/ holds %v", n)
	}
}

// What somebody has declared to be over stays so over a restart, is shown so,
// and leaves no mark on the next message in its file.
func TestExpireOutlastsRestart(t *testing.T) {
	t.Parallel()
	r, ids := waiting(t, 1)
	r.request(&ipc.ControlRequest{Op: ipc.OpHold, IDs: ids})
	if err := r.s.store.Expire(ids[0], queue.DirHold); err != nil {
		t.Fatal(err)
	}
	listed, _ := r.request(&ipc.ControlRequest{Op: ipc.OpList, All: true})
	if len(listed.Entries) != 1 || !listed.Entries[0].Expired {
		t.Errorf("listed %+v", listed.Entries)
	}
	r.stopAll()
	r.start()
	r.request(&ipc.ControlRequest{Op: ipc.OpRelease, IDs: ids})
	r.wait("notice", func(*scheduler) bool {
		return len(r.names(queue.DirDeferred)) == 1 && r.names(queue.DirDeferred)[0] != ids[0]
	})
	r.settled()
	r.answer(deliverAll)
	if d := r.writer().commit(envelope("ann@example.com", "carol@example.org"), "text\n"); d.Error != "" {
		t.Fatal(d.Error)
	}
	r.wait("delivery", func(*scheduler) bool { return len(r.got("carol@example.org")) == 1 })
	r.stopAll()
	r.logged(ids[0], "status=force-expired")
}
