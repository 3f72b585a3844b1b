package mailbox

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever changes a folder, all who watch it are woken; the instance outlives the
// last a little.
func TestWatch(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v, w := b.view(ReadWrite), b.view(Peek)
	watcher := &v.f.store.watcher
	watcher.linger = time.Millisecond
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
			case <-time.After(time.Minute):
				t.Fatalf("heard only %v", heard)
			}
		}
	}
	stopV()
	stopV()
	watcher.end() // w watches
	if !watcher.open() {
		t.Error("the instance was closed while somebody watched")
	}
	stopW()
	awaitClosed(t, watcher)
}

func (w *watcher) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.file != nil
}

// awaitClosed waits until the instance is closed.
func awaitClosed(t *testing.T, w *watcher) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); w.open(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the instance is still open")
		}
	}
}

// Of a folder that was deleted while it was watched nothing is kept, though
// others are watched still.
func TestWatchDeleted(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	v := b.view(Peek)
	defer v.Watch(func() {})()
	if err := b.tree.Create("A"); err != nil {
		t.Fatal(err)
	}
	woken := make(chan bool, 100)
	stop, err := b.tree.Watch("A", func() { woken <- true })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(b.path(".A")); err != nil {
		t.Fatal(err)
	}
	w := &v.f.store.watcher
	kept := func() [3]int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return [3]int{len(w.by), len(w.news), len(w.fresh)}
	}
	for kept() != [3]int{2, 1, 0} {
		select {
		case <-woken:
		case <-time.After(time.Minute):
			t.Fatalf("kept: %v", kept())
		}
	}
	stop()
}

// Where the system gives no more watches (max_user_watches) who watches is woken
// now and then, by one ticker for all, which goes with the last; the
// administrator is told once.
func TestWatchPolls(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v, u := b.view(Peek), b.view(Peek)
	warned := 0
	w := &v.f.store.watcher
	w.every, w.linger, w.warn = time.Millisecond, time.Millisecond, func(string, ...any) { warned++ }
	// The second watch of a folder is one too many, which takes the first along.
	watches := 0
	setFault(b, v, func(op, _ string) error {
		if op == "watch" {
			if watches++; watches%2 == 0 {
				return unix.ENOSPC
			}
		}
		return nil
	})
	woken := make(chan string, 1000)
	stopV, stopU := v.Watch(func() { woken <- "v" }), u.Watch(func() { woken <- "u" })
	heard := map[string]int{}
	for heard["v"] < 3 || heard["u"] < 3 {
		select {
		case who := <-woken:
			heard[who]++
		case <-time.After(time.Minute):
			t.Fatalf("heard %v", heard)
		}
	}
	stopV()
	stopU()
	if warned != 1 {
		t.Errorf("the administrator was told %d times", warned)
	}
	awaitClosed(t, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unpoll != nil || len(w.polled)+len(w.by)+len(w.news) > 0 {
		t.Error("something is still watched")
	}
}

// A folder is watched though nobody has it open, and names are.
func TestTreeWatch(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	if err := b.tree.Create("a"); err != nil {
		t.Fatal(err)
	}
	woken := make(chan string, 1000)
	stop, err := b.tree.Watch("a", func() { woken <- "a" })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer b.tree.WatchNames(func() { woken <- "names" })()
	if _, err := b.tree.Watch("nowhere", func() {}); !errors.Is(err, ErrNoFolder) {
		t.Errorf("a folder that is not there: %v", err)
	}
	for _, c := range []struct {
		want string
		do   func() error
	}{
		{"a", func() error { return os.WriteFile(b.path(".a/new/1.h"), nil, 0o600) }},
		{"names", func() error { return b.tree.Create("b") }},
		{"names", func() error { return b.tree.Subscribe("b", true) }},
		{"names", func() error { return b.tree.Rename("b", "c") }},
		{"names", func() error { return b.tree.Delete("c") }},
		{"a", func() error { return os.Remove(b.path(".a/new/1.h")) }},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		for got := ""; got != c.want; {
			select {
			case got = <-woken:
			case <-time.After(time.Minute):
				t.Fatalf("not woken for %s", c.want)
			}
		}
		for len(woken) > 0 {
			<-woken
		}
	}
}
