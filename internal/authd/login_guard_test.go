package authd

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func mustEnter(t *testing.T, g *guard, user, client string) *visit {
	t.Helper()
	v, err := g.enter(t.Context(), user, client)
	if err != nil {
		t.Fatalf("%s from %s: %v", user, client, err)
	}
	return v
}

// waits makes an attempt and returns how long it waited.
func waits(t *testing.T, g *guard, user, client string, end func(*visit)) time.Duration {
	t.Helper()
	start := time.Now()
	v := mustEnter(t, g, user, client)
	took := time.Since(start)
	end(v)
	return took
}

func wrong(v *visit) { v.fail("") }

func right(v *visit) { v.succeed() }

func TestPenalty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var got []time.Duration
		for range 10 {
			got = append(got, waits(t, g, "bob", "192.0.2.1/32", wrong))
		}
		s := time.Second
		if want := []time.Duration{0, 0, 0, 1 * s, 2 * s, 4 * s, 8 * s, 15 * s, 15 * s, 15 * s}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if g.quiet() {
			t.Error("quiet with failures")
		}
		time.Sleep(mostScore * forget)
		if !g.quiet() {
			t.Error("never quiet")
		}
		if d := waits(t, g, "bob", "192.0.2.1/32", right); d != 0 {
			t.Errorf("after half an hour: waited %v", d)
		}
	})
}

// Strangers' failures do not keep the owner out, neither where she has been nor
// anywhere else; who has failed waits for all that fail with that name.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		const home, office, cafe, alley = "home", "office", "cafe", "alley"
		waits(t, g, "ann", home, right)
		for i := range 50 {
			waits(t, g, "ann", fmt.Sprint("stranger", i), wrong)
		}
		for range 20 {
			waits(t, g, "ann", office, wrong) // somebody behind the same address
		}
		if d := waits(t, g, "ann", home, right); d != 0 {
			t.Errorf("at home: waited %v", d)
		}
		if d := waits(t, g, "ann", cafe, right); d != 0 {
			t.Errorf("elsewhere: waited %v", d)
		}
		waits(t, g, "ann", alley, wrong)
		if d := waits(t, g, "ann", alley, wrong); d != longestPenalty {
			t.Errorf("the second guess of a stranger: waited %v, want %v", d, longestPenalty)
		}
		if d := waits(t, g, "bob", alley+"2", wrong) + waits(t, g, "bob", alley+"2", right); d != 0 {
			t.Errorf("another user: waited %v", d)
		}
		// Behind an address from which somebody guesses, those who logged in there
		// before do not wait.
		waits(t, g, "eve", "shared", right)
		for range 20 {
			waits(t, g, "ann", "shared", wrong)
		}
		if d := waits(t, g, "eve", "shared", right); d != 0 {
			t.Errorf("behind a shared address: waited %v", d)
		}
		// Her own failures count there, until she is right.
		for range 5 {
			waits(t, g, "eve", "shared", wrong)
		}
		if d := waits(t, g, "eve", "shared", right); d != 4*time.Second {
			t.Errorf("after five of her own: waited %v", d)
		}
		if d := waits(t, g, "eve", "shared", right); d != 0 {
			t.Errorf("after success: waited %v", d)
		}
	})
}

// A telephone with an old password is not a guesser.
func TestSamePasswordAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		for range 20 {
			if d := waits(t, g, "ann", "home", func(v *visit) { v.fail("old") }); d != 0 {
				t.Fatalf("waited %v", d)
			}
		}
		for i := range 4 {
			waits(t, g, "ann", "home", func(v *visit) { v.fail(fmt.Sprint(i)) })
		}
		if d := waits(t, g, "ann", "home", wrong); d == 0 {
			t.Error("other passwords cost nothing")
		}
	})
}

// Ten thousand attempts of one client at once: few are made, the others are
// turned away, what is kept of them is little, and another client does not wait.
func TestFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var all sync.WaitGroup
		var mu sync.Mutex
		made, crowded := 0, 0
		for i := range 10000 {
			all.Go(func() {
				v, err := g.enter(t.Context(), fmt.Sprint("user", i), "flood")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					crowded++
					return
				}
				made++
				time.AfterFunc(10*time.Millisecond, func() { v.fail(fmt.Sprint(i)) })
			})
		}
		synctest.Wait()
		if d := waits(t, g, "ann", "home", right); d != 0 {
			t.Errorf("another client waited %v", d)
		}
		mu.Lock()
		g.mu.Lock() // lanes go on when others fail
		if l := g.lanes["flood"]; made != freely || crowded != 10000-freely-mostWaiting || len(l.waiting) != mostWaiting {
			t.Errorf("%d made, %d turned away, %d wait", made, crowded, len(l.waiting))
		}
		g.mu.Unlock()
		mu.Unlock()
		all.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		if made > freely+4 || made+crowded != 10000 || !g.lanes["flood"].idle() {
			t.Errorf("in the end: %d made, %d turned away, %+v", made, crowded, g.lanes["flood"])
		}
	})
}

// Who gives up leaves no trace, and takes nobody's turn.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var inside []*visit
		for range freely {
			inside = append(inside, mustEnter(t, g, "ann", "home"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 2)
		go func() { _, err := g.enter(ctx, "ann", "home"); result <- err }()
		go func() {
			v, err := g.enter(t.Context(), "ann", "home")
			if err == nil {
				v.abandon()
			}
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; err != context.Canceled {
			t.Errorf("got %v", err)
		}
		inside[0].abandon()
		if err := <-result; err != nil {
			t.Errorf("the next: %v", err)
		}
		for _, v := range inside[1:] {
			v.abandon()
		}
		for range 8 {
			waits(t, g, "ann", "home", wrong)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.enter(ctx, "ann", "home"); err != context.DeadlineExceeded {
			t.Errorf("in a penalty: got %v", err)
		}
		if !g.lanes["home"].idle() {
			t.Errorf("got %+v", g.lanes["home"])
		}
	})
}

// The tables have bounds, whatever names and addresses are tried.
func TestGuardIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		held := mustEnter(t, g, "held", "held")
		for i := range mostRecords + mostRecords/4 {
			name := fmt.Sprint(i)
			waits(t, g, name, name, right)
			waits(t, g, name, name+"x", wrong)
		}
		if len(g.lanes) > mostRecords || len(g.users) > mostRecords || len(g.known) > mostRecords {
			t.Errorf("%d lanes, %d users, %d known: want at most %d", len(g.lanes), len(g.users), len(g.known), mostRecords)
		}
		if g.lanes["held"] != held.lane {
			t.Error("a lane in use was forgotten")
		}
		held.abandon()
	})
}

func TestClientKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.10": "192.0.2.10/32", "::ffff:192.0.2.10": "192.0.2.10/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "x": "",
	} {
		if got := clientKey(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
