package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A ledger is what a sink knows of the messages that came. One goroutine writes
// it, the load's reads it.
type ledger struct {
	mu      sync.Mutex // guards what follows
	got     []receipt  // by number of the message
	total   int        // messages, doubles included
	stalled int        // peers that wait for an answer in vain
}

// A receipt says how often a message came, and when first.
type receipt struct {
	times int
	at    time.Time
}

// took enters messages whose final dot was answered.
func (l *ledger) took(ids []int) {
	if len(ids) == 0 {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		for len(l.got) <= id {
			l.got = append(l.got, receipt{})
		}
		if l.got[id].times == 0 {
			l.got[id].at = now
		}
		l.got[id].times++
		l.total++
	}
}

// stall enters a peer that gets no more answers.
func (l *ledger) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalled++
}

// state is how many messages came, and how many peers are stalled.
func (l *ledger) state() (total, stalled int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total, l.stalled
}

// await waits until progress, which grows, has come to n. It gives up when
// nothing happens for a while.
func (l *ledger) await(ctx context.Context, n int, what string, progress func() int) error {
	const patience = 60 * time.Second
	have, since := progress(), time.Now()
	for have < n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if now := progress(); now > have {
			have, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return fmt.Errorf("%d of %d %s, and no more for %v", have, n, what, patience)
		}
	}
	return nil
}

// messages waits until n messages have come.
func (l *ledger) messages(ctx context.Context, n int) error {
	return l.await(ctx, n, "messages arrived", func() int { total, _ := l.state(); return total })
}

// waiting waits until n peers are stalled.
func (l *ledger) waiting(ctx context.Context, n int) error {
	return l.await(ctx, n, "connections are open", func() int { _, stalled := l.state(); return stalled })
}

// last is when the last of the messages with these numbers came that wanted
// names.
func (l *ledger) last(from, to int, wanted func(id int) bool) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last time.Time
	for id := from; id < min(to, len(l.got)); id++ {
		if wanted(id) && l.got[id].at.After(last) {
			last = l.got[id].at
		}
	}
	return last
}

// check makes sure that of the messages 0 to n-1 those that wanted names came
// once, and nothing else came.
func (l *ledger) check(n int, wanted func(id int) bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lost, doubled, strange int
	for id := range max(n, len(l.got)) {
		times := 0
		if id < len(l.got) {
			times = l.got[id].times
		}
		switch want := id < n && wanted(id); {
		case want && times == 0:
			lost++
		case want && times > 1:
			doubled++
		case !want && times > 0:
			strange++
		}
	}
	if lost+doubled+strange > 0 {
		return fmt.Errorf("of %d messages %d did not reach the sink, %d did twice or more, and %d that should not have did", n, lost, doubled, strange)
	}
	return nil
}
