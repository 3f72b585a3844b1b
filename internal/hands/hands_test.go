package hands

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// All work is done at once, however much it is; few goroutines wait for more, and
// not for long.
func TestPool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		var all sync.WaitGroup
		gate := make(chan bool)
		for range 4 * most {
			all.Add(1)
			p.Go(func() { defer all.Done(); <-gate })
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		synctest.Wait()
		if n := p.idle.Load(); n != most {
			t.Errorf("%d wait for work, want %d", n, most)
		}
		before := runtime.NumGoroutine()
		done := make(chan bool)
		p.Go(func() { done <- true })
		<-done
		synctest.Wait()
		if n := p.idle.Load(); n != most || runtime.NumGoroutine() > before {
			t.Errorf("%d wait for work after another piece, want %d", n, most)
		}
		time.Sleep(patience + 1)
		synctest.Wait()
		if n := p.idle.Load(); n != 0 {
			t.Errorf("%d wait for work in vain, want none", n)
		}
		for range 2 {
			p.Go(func() { done <- true })
			<-done
			p.Close()
		}
	})
}
