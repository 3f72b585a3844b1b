package pamd

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/ipc"
)

// Answers are remembered for a while, errors are not.
func TestCache(t *testing.T) {
	t.Parallel()
	c := newCache(10*time.Second, 5)
	now := time.Now()
	c.now = func() time.Time { return now }
	asked := map[string]int{}
	get := func(key string, a ipc.NSSReply) { c.get(key, func() ipc.NSSReply { asked[key]++; return a }) }
	ann := ipc.NSSReply{User: &ipc.NSSUser{Name: "ann"}}
	for range 3 {
		get("ann", ann)
		get("zoe", ipc.NSSReply{})
		get("down", ipc.NSSReply{Error: "down"})
	}
	if asked["ann"] != 1 || asked["zoe"] != 1 || asked["down"] != 3 {
		t.Errorf("asked %v, want 1, 1 and 3", asked)
	}
	now = now.Add(10 * time.Second)
	if get("ann", ann); asked["ann"] != 2 {
		t.Error("an old answer was given")
	}
	for i := range 100 {
		get(fmt.Sprint(i), ipc.NSSReply{})
	}
	if len(c.entries) > 5 {
		t.Errorf("%d entries, want 5 at most", len(c.entries))
	}
}

// The same question at the same time is asked once; one that panics leaves
// nobody waiting.
func TestCacheAsksOnce(t *testing.T) {
	t.Parallel()
	c := newCache(0, 5)
	waits, begun := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { recover() }()
		c.get("ann", func() ipc.NSSReply { close(begun); <-waits; panic("as asked") })
	})
	<-begun
	wg.Go(func() {
		// It may come late, and then asks itself.
		c.get("ann", func() ipc.NSSReply { return ipc.NSSReply{} })
	})
	close(waits)
	wg.Wait()
	if len(c.entries) != 0 {
		t.Errorf("with a time of 0 %d entries stay", len(c.entries))
	}
}

// Names that nobody can have are asked of nobody, and not kept.
func TestImpossibleNames(t *testing.T) {
	t.Parallel()
	d := &daemon{cache: newCache(time.Minute, 5)} // and no worker
	for _, q := range []ipc.NSSRequest{{User: "root\x00x"}, {Group: "root\x00x"}, {User: strings.Repeat("x", 100000)}, {Group: strings.Repeat("x", 513)}} {
		if a := d.look(t.Context(), &q); a != (ipc.NSSReply{}) || len(d.cache.entries) > 0 {
			t.Errorf("%.20q: %+v, %d entries", q.User+q.Group, a, len(d.cache.entries))
		}
	}
}
