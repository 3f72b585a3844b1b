package processors

import (
	"testing"
	"testing/synctest"
	"time"
)

// Long work has all processors while it lasts, and a moment longer.
func TestKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got, sets := 0, 0
		k := newKeeper(2, 4, func(n int) { got, sets = n, sets+1 })
		want := func(when string, n, changes int) {
			t.Helper()
			k.mu.Lock() // set runs with it
			defer k.mu.Unlock()
			if got != n || sets != changes {
				t.Errorf("%s: %d processors after %d changes, want %d after %d", when, got, sets, n, changes)
			}
		}
		want("at the start", 2, 1)
		k.Begin()
		k.Begin()
		k.Done()
		time.Sleep(2 * after)
		want("at work", 4, 2)
		k.Done()
		time.Sleep(after / 2)
		k.Begin()
		k.Done()
		time.Sleep(after * 3 / 4)
		want("soon after work", 4, 2)
		time.Sleep(after / 2)
		synctest.Wait()
		want("after work", 2, 3)
	})
}

// Without a Keeper nothing changes.
func TestNone(t *testing.T) {
	t.Parallel()
	var k *Keeper
	k.Begin()
	k.Done()
	if k.Most() < 1 {
		t.Errorf("%d processors", k.Most())
	}
}
