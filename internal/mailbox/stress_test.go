package mailbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/maildir"
)

// A model is what a stress test knows: which UID has which base name, for
// everybody and for ever.
type model struct {
	t     *testing.T
	mu    sync.Mutex
	names map[uint32]string
	uids  map[string]uint32
}

func (m *model) see(s *Snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := uint32(0)
	for i := range s.Len() {
		uid, base := s.Message(i).UID, s.Base(i)
		if uid <= last || uid >= s.UIDNext() {
			m.t.Errorf("UID %d behind %d, UIDNEXT %d", uid, last, s.UIDNext())
		}
		last = uid
		if old, ok := m.names[uid]; ok && old != base {
			m.t.Errorf("UID %d is %s, was %s", uid, base, old)
		}
		if old, ok := m.uids[base]; ok && old != uid {
			m.t.Errorf("%s has UID %d, had %d", base, uid, old)
		}
		m.names[uid], m.uids[base] = base, uid
	}
}

// Deliveries, two processes with two sessions each, and a person with mv and
// rm: no UID is ever another message's, no content another's, nothing that was
// delivered is lost, and in the end all see the same.
func TestStress(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	other := newStore(nil)
	defer other.Close()
	m := &model{t: t, names: map[uint32]string{}, uids: map[string]uint32{}}
	const deliveries = 300
	var wg, deliverers sync.WaitGroup
	stop := make(chan struct{})
	deliverers.Go(func() {
		boxes := maildir.NewBoxes(2)
		defer boxes.Close()
		for n := range deliveries {
			name := maildir.Name(time.Unix(1700000000, 0), fmt.Sprintf("%014X", n), 0, "h")
			text := fmt.Sprintf("Name: %s\n\n", name)
			d, err := boxes.Deliver(&maildir.Place{Base: filepath.Dir(b.dir), Path: "Maildir/", Beneath: true},
				&maildir.Message{Name: name, Content: strings.NewReader(text), Length: int64(len(text))})
			if err != nil {
				t.Error(err)
				return
			}
			d.Close()
		}
	})
	for i, s := range []*Store{b.st, b.st, other, other} {
		wg.Go(func() { stressSession(t, s, b.dir, m, stop, i%2 == 0) })
	}
	wg.Go(func() { stressPerson(b.dir, stop) })
	deliverers.Wait()
	time.AfterFunc(300*time.Millisecond, func() { close(stop) })
	wg.Wait()
	// A change that fell together with one of our own shows a moment later.
	v := b.view(ReadWrite)
	deadline := time.Now().Add(time.Minute)
	for !slices.Equal(describe(v.Snapshot()), stressLast(t, other, b.dir)) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
		refresh(t, v)
	}
	b.want(v, stressLast(t, other, b.dir)...)
	if n := len(b.files()); n != v.Snapshot().Len() {
		t.Errorf("%d files, %d messages", n, v.Snapshot().Len())
	}
	if n := len(m.names); n > deliveries {
		t.Errorf("%d UIDs for %d messages", n, deliveries)
	}
	if len(b.warn) > 0 {
		t.Errorf("warnings: %q", b.warn)
	}
}

// stressLast is what another process sees in the end.
func stressLast(t *testing.T, s *Store, dir string) []string {
	t.Helper()
	tree, err := s.Tree(account(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	v, err := tree.Open(Inbox, ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	refresh(t, v)
	return describe(v.Snapshot())
}

// stressSession reads, changes flags and removes.
func stressSession(t *testing.T, s *Store, dir string, m *model, stop chan struct{}, removes bool) {
	tree, err := s.Tree(account(dir))
	if err != nil {
		t.Error(err)
		return
	}
	defer tree.Close()
	v, err := tree.Open(Inbox, ReadWrite)
	if err != nil {
		t.Error(err)
		return
	}
	defer v.Close()
	for {
		select {
		case <-stop:
			if _, err := v.Refresh(); err != nil {
				t.Error(err)
			}
			m.see(v.Snapshot())
			return
		default:
		}
		if _, err := v.Refresh(); err != nil {
			t.Error(err)
			return
		}
		snap := v.Snapshot()
		m.see(snap)
		if snap.Len() == 0 {
			continue
		}
		i := rand.IntN(snap.Len())
		uid := snap.Message(i).UID
		switch rand.IntN(8) {
		case 0, 1, 2:
			stressRead(t, v, i)
		case 3, 4:
			_, err = v.Store([]uint32{uid}, FlagChange{Add: Flags(1 << rand.IntN(6))})
		case 5, 6:
			_, err = v.Store([]uint32{uid}, FlagChange{Remove: Seen | Flagged, AddKeywords: []string{fmt.Sprintf("k%d", uid%5)}})
		case 7:
			if removes && rand.IntN(4) == 0 {
				_, err = v.Expunge([]uint32{uid})
			}
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// stressRead wants a message to be the one of that name, or gone.
func stressRead(t *testing.T, v *View, i int) {
	c, err := v.Content(i)
	if err == ErrGone {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	var text strings.Builder
	if _, err := c.WriteTo(&text); err != nil {
		t.Error(err)
	}
	base, _, _ := strings.Cut(v.Snapshot().Base(i), ",")
	if text.String() != "Name: "+base+"\r\n\r\n" {
		t.Errorf("content of %s: %q", base, text.String())
	}
}

// stressPerson renames files, moves them between new/ and cur/, and removes
// some.
func stressPerson(dir string, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		entries, _ := os.ReadDir(filepath.Join(dir, "cur"))
		if len(entries) == 0 {
			continue
		}
		name := entries[rand.IntN(len(entries))].Name()
		base, _, _ := strings.Cut(name, ":")
		old := filepath.Join(dir, "cur", name)
		switch rand.IntN(5) {
		case 0, 1:
			os.Rename(old, filepath.Join(dir, "cur", base+":2,S"))
		case 2:
			os.Rename(old, filepath.Join(dir, "new", base))
		case 3:
			os.Rename(old, filepath.Join(dir, "cur", base+":2,FT"))
		case 4:
			if rand.IntN(20) == 0 {
				os.Remove(old)
			}
		}
	}
}
