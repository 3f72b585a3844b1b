package mailbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// A modWorld is one Maildir, two processes with a session each, and what
// clients were told at one time or another.
type modWorld struct {
	*box
	r       *rand.Rand
	views   [2]*View
	trees   [2]*Tree
	stores  [2]*Store
	boot    int
	flushed []byte
	clients []*client
	next    int
	clock   time.Time // machines do not start in a millisecond
}

// start begins process i.
func (w *modWorld) start(i int) {
	w.t.Helper()
	s := newStore(func(format string, args ...any) {})
	s.o.Flush = flushes(&w.flushed)
	s.o.boot = fmt.Sprint("boot ", w.boot)
	s.o.now = func() time.Time { return w.clock }
	tree, err := s.Tree(account(w.dir))
	if err != nil {
		w.t.Fatal(err)
	}
	w.stores[i], w.trees[i] = s, tree
	w.views[i], err = tree.Open(Inbox, ReadWrite)
	if err != nil {
		w.t.Fatal(err)
	}
}

// end ends it, in order or not.
func (w *modWorld) end(i int, clean bool) {
	w.views[i].Close()
	w.trees[i].Close()
	if clean {
		w.stores[i].Close()
	}
}

// powerFails stops both processes. The file is as the last flush left it, or
// more of it is there; some flags are the old ones again.
func (w *modWorld) powerFails() {
	w.end(0, false)
	w.end(1, false)
	w.boot++
	if w.r.IntN(3) > 0 {
		w.write(modFile, string(w.flushed))
	}
	for _, f := range w.files() {
		if base, _, ok := strings.Cut(f, ":"); ok && w.r.IntN(4) == 0 {
			w.mv(f, base+":2,")
		}
	}
	w.start(0)
	w.start(1)
}

// step is one thing that happens.
func (w *modWorld) step() string {
	w.clock = w.clock.Add(time.Second)
	i := w.r.IntN(2)
	v := w.views[i]
	uids := func() (uids []uint32) {
		s := v.Snapshot()
		for range min(s.Len(), 1+w.r.IntN(3)) {
			uids = append(uids, s.Message(w.r.IntN(s.Len())).UID)
		}
		return uids
	}
	change := FlagChange{Add: Flags(1 << w.r.IntN(6)), Remove: Flags(1 << w.r.IntN(6)), Replace: w.r.IntN(3) == 0}
	if w.r.IntN(4) == 0 {
		change.AddKeywords = []string{fmt.Sprint("k", w.r.IntN(4))}
	}
	files := w.files()
	file := ""
	if len(files) > 0 {
		file = files[w.r.IntN(len(files))]
	}
	base, _, _ := strings.Cut(file, ":")
	var err error
	what := ""
	switch n := w.r.IntN(100); {
	case n < 30:
		what = "store"
		_, err = v.Store(uids(), change)
	case n < 40:
		what = "store if unchanged"
		w.storeUnchanged(i, uids(), change)
	case n < 48:
		what = "expunge"
		_, err = v.Expunge(uids()[:min(1, v.Snapshot().Len())])
	case n < 56:
		what = "append"
		w.tree = w.trees[i]
		w.append("x")
	case n < 66:
		what = "delivery"
		w.next++
		w.write(fmt.Sprintf("new/%d.h", 100+w.next), "x\n")
	case n < 78:
		what = "a person's mv"
		if file != "" {
			w.mv(file, "cur/"+strings.TrimPrefix(strings.TrimPrefix(base, "cur/"), "new/")+":2,"+[]string{"", "S", "FS", "T"}[w.r.IntN(4)])
		}
	case n < 82:
		what = "a person's rm"
		if file != "" {
			w.rm(file)
		}
	case n < 90:
		what = "a refresh"
		_, err = v.Refresh()
	case n < 94:
		what = "a new process"
		w.end(i, w.r.IntN(2) == 0)
		w.start(i)
	case n < 96:
		what = "the file lost"
		os.Remove(w.path(modFile))
	case n < 98:
		what = "the file damaged"
		if data, err := os.ReadFile(w.path(modFile)); err == nil && len(data) > 0 {
			data[w.r.IntN(len(data))] ^= 1 << w.r.IntN(8)
			w.write(modFile, string(data))
			w.end(0, false) // who has read it does not look at it again
			w.end(1, false)
			w.start(0)
			w.start(1)
		}
	default:
		what = "no power"
		w.powerFails()
	}
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
	return what
}

// storeUnchanged wants all that has changed since a client looked to be left alone.
func (w *modWorld) storeUnchanged(i int, uids []uint32, change FlagChange) {
	v := w.views[i]
	if len(w.clients) == 0 {
		return
	}
	c := w.clients[w.r.IntN(len(w.clients))]
	changed, _, err := v.StoreUnchanged(uids, change, c.highest)
	if err != nil {
		w.t.Error(err)
		return
	}
	if c.validity != v.Snapshot().UIDValidity() {
		return
	}
	before := newClient(v.Snapshot()).known
	for _, uid := range changed {
		if _, there := before[uid]; there && c.known[uid] == "" {
			w.t.Errorf("UID %d was changed for a client that does not know it", uid)
		}
	}
}

// look is a client's SELECT; every client of earlier may come now.
func (w *modWorld) look(when string) {
	v := w.views[w.r.IntN(2)]
	old := newClient(v.Snapshot())
	if _, err := v.TrackModSeqs(); err != nil {
		w.t.Fatal(err)
	}
	s := v.Snapshot()
	if old.highest > 0 {
		old.resync(w.t, when+", the session", s)
	}
	for _, c := range w.clients {
		c.resync(w.t, when, s)
	}
	if w.r.IntN(2) == 0 || len(w.clients) == 0 {
		w.clients = append(w.clients, newClient(s))
	}
	if len(w.clients) > 12 {
		k := w.r.IntN(len(w.clients))
		w.clients = append(w.clients[:k], w.clients[k+1:]...)
	}
}

// Two processes, deliveries, a person with mv and rm, kills, power failures and
// a file that is lost or damaged: a client that knows what there was at any earlier
// time, and is told what VANISHED and what CHANGEDSINCE, knows what there is;
// HIGHESTMODSEQ, wherever it asks, never goes back.
func TestModSeqRandom(t *testing.T) {
	t.Parallel()
	for range 8 {
		seed := rand.Uint64()
		b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "new/3.h")
		w := &modWorld{box: b, r: rand.New(rand.NewPCG(seed, 1)), clock: time.Now()}
		w.start(0)
		w.start(1)
		var steps []string
		for range 300 {
			steps = append(steps, w.step())
			if w.r.IntN(2) == 0 {
				w.look(steps[len(steps)-1])
			}
			if t.Failed() {
				t.Fatalf("seed %d: %q", seed, steps[max(0, len(steps)-12):])
			}
		}
		// In the end both see what is on the disk.
		for _, v := range w.views {
			if _, err := v.TrackModSeqs(); err != nil {
				t.Fatal(err)
			}
			if _, err := v.Reread(); err != nil {
				t.Fatal(err)
			}
			if n := len(w.files()); n != v.Snapshot().Len() {
				t.Errorf("seed %d: %d files, %d messages", seed, n, v.Snapshot().Len())
			}
			for _, c := range w.clients {
				c.resync(t, "the end", v.Snapshot())
			}
		}
		w.end(0, true)
		w.end(1, true)
	}
}
