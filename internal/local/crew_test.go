package local

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Quick tasks are done by few workers, in order; each that hangs is replaced,
// up to the limit.
func TestCrew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(1, 3, nil)
		var order []int
		release := make(chan struct{})
		var hung atomic.Int32
		hang := func() { hung.Add(1); <-release }
		c.do(func() { order = append(order, 1) }, func() { order = append(order, 2) }, func() { order = append(order, 3) })
		synctest.Wait()
		if len(order) != 3 || order[0] != 1 || order[2] != 3 {
			t.Errorf("quick tasks: %v, want 1 2 3", order)
		}
		done := make(chan struct{})
		start := time.Now()
		c.do(hang, hang, func() { close(done) })
		<-done
		if took := time.Since(start); took != 2*slow {
			t.Errorf("a task behind two that hang was done after %v, want %v", took, 2*slow)
		}
		c.do(hang, hang)
		time.Sleep(time.Second)
		if n := hung.Load(); n != 3 {
			t.Errorf("%d tasks hang at once, want the limit of 3", n)
		}
		close(release)
		synctest.Wait()
		if len(c.begun) != 0 || len(c.queue) != 0 || hung.Load() != 4 {
			t.Errorf("%d workers, %d tasks left, %d had hung; want none, none, 4", len(c.begun), len(c.queue), hung.Load())
		}
	})
}

// A long queue is worked on by as many workers as there are processors, at once.
func TestLongQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{long - 1, long} {
			want := 1
			if n == long {
				want = runtime.GOMAXPROCS(0)
			}
			c := newCrew(1, 1000, nil)
			release := make(chan struct{})
			var begun atomic.Int32
			c.do(slices.Repeat([]func(){func() { begun.Add(1); <-release }}, n)...)
			synctest.Wait()
			if got := int(begun.Load()); got != want {
				t.Errorf("%d tasks wait: %d workers, want %d", n, got, want)
			}
			close(release)
			synctest.Wait()
			if c.long || begun.Load() != int32(n) {
				t.Errorf("%d tasks: %d were done, and the queue is long: %t", n, begun.Load(), c.long)
			}
		}
	})
}
