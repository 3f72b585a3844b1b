package mailbox

import (
	"os"
	"testing"
	"time"
)

// Whoever changes a folder, all who watch it are woken; the instance goes with
// the last.
func TestWatch(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v, w := b.view(ReadWrite), b.view(Peek)
	woken := make(chan string, 100)
	stopV, stopW := v.Watch(func() { woken <- "v" }), w.Watch(func() { woken <- "w" })
	for _, change := range []func(){
		func() { b.write("tmp/2.h", "x"); b.mv("tmp/2.h", "new/2.h") },
		func() { b.mv("cur/1.h:2,", "cur/1.h:2,S") },
		func() { os.Remove(b.path("cur/1.h:2,S")) },
	} {
		change()
		heard := map[string]bool{}
		for len(heard) < 2 {
			select {
			case who := <-woken:
				heard[who] = true
			case <-time.After(20 * time.Second):
				t.Fatalf("heard only %v", heard)
			}
		}
	}
	stopV()
	stopV()
	stopW()
	if f := v.f.store.watcher.file; f != nil {
		t.Error("the instance is still open")
	}
}
