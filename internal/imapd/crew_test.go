package imapd

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A tester counts what it does.
type tester struct {
	run    func(batch int)
	closed *atomic.Int32
}

func (w *tester) do(batch int) { w.run(batch) }
func (w *tester) close()       { w.closed.Add(1) }

// Batches are used in order, each once and done before, whoever does them; every
// worker that was hired is closed, and helpers are free afterwards.
func TestCrew(t *testing.T) {
	t.Parallel()
	for _, helpers := range []int{0, 1, 3} {
		c := &crew{free: make(chan struct{}, helpers)}
		var hired, closed atomic.Int32
		var wg sync.WaitGroup
		for range 4 { // sessions
			wg.Go(func() {
				done := make([]atomic.Int32, 100)
				next := 0
				err := c.inOrder(100, func() worker {
					hired.Add(1)
					return &tester{func(batch int) { done[batch].Add(1) }, &closed}
				}, func(batch int) error {
					if batch != next || done[batch].Load() != 1 {
						t.Errorf("batch %d, done %d times, where %d was to come", batch, done[batch].Load(), next)
					}
					next++
					return nil
				})
				if err != nil || next != 100 {
					t.Errorf("%d batches, %v", next, err)
				}
			})
		}
		wg.Wait()
		if len(c.free) != 0 || hired.Load() != closed.Load() {
			t.Errorf("%d helpers are not free, %d workers of %d closed", len(c.free), closed.Load(), hired.Load())
		}
	}
}

// An error ends the work, and nobody is far ahead of what is used.
func TestCrewStops(t *testing.T) {
	t.Parallel()
	c := &crew{free: make(chan struct{}, 3)}
	stop := errors.New("stop")
	var most atomic.Int32
	var closed atomic.Int32
	err := c.inOrder(1000, func() worker {
		return &tester{func(batch int) { most.Store(max(most.Load(), int32(batch))) }, &closed}
	}, func(batch int) error {
		if batch == 20 {
			return stop
		}
		return nil
	})
	if err != stop || most.Load() > 20+ahead+1 || len(c.free) != 0 {
		t.Errorf("%v; batch %d was begun; %d helpers", err, most.Load(), len(c.free))
	}
}

// A panic of a helper is its session's.
func TestCrewPanics(t *testing.T) {
	t.Parallel()
	c := &crew{free: make(chan struct{}, 3)}
	var closed atomic.Int32
	defer func() {
		if why := fmt.Sprint(recover()); !strings.Contains(why, "batch 5") {
			t.Errorf("panic: %v", why)
		}
		if len(c.free) != 0 {
			t.Errorf("%d helpers are not free", len(c.free))
		}
	}()
	c.inOrder(1000, func() worker {
		return &tester{func(batch int) {
			if batch >= 50 {
				panic(fmt.Sprintf("batch %d", batch))
			}
		}, &closed}
	}, func(int) error { return nil })
}
