package lull

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Memory is given back once in a lull after much work, and never within work.
func TestKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		k := newKeeper(quiet, func() { n.Add(1) })
		for _, c := range []struct {
			name        string
			work, total int
			each        time.Duration
		}{
			{"at the start", 0, 0, 0},
			{"after little", enough - 1, 0, 0},
			{"after enough", 1, 1, 0},
			{"after nothing", 0, 1, 0},
			{"after much", 10 * enough, 2, quiet / 2},
		} {
			for range c.work {
				k.Stir()
				time.Sleep(c.each)
				synctest.Wait()
				if c.each > 0 && int(n.Load()) == c.total {
					t.Fatalf("%s: while there was work", c.name)
				}
			}
			time.Sleep(2 * quiet)
			synctest.Wait()
			if int(n.Load()) != c.total {
				t.Errorf("%s: collected %d times, want %d", c.name, n.Load(), c.total)
			}
		}
	})
}
