// Package hands has goroutines that take one piece of work after another. The
// stack of a goroutine grows step by step, copied each time, for every
// connection and every login anew; one that has grown serves the next as well.
package hands

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// most is how many wait for work.
	most = 16
	// patience is how long they do.
	patience = 2 * time.Second
)

// A Pool has the goroutines. Its zero value is not ready, New makes one.
type Pool struct {
	work chan func()
	quit chan struct{} // closed by Close
	once sync.Once
	idle atomic.Int32
}

// New returns a Pool without a goroutine.
func New() *Pool { return &Pool{work: make(chan func()), quit: make(chan struct{})} }

// Close lets nobody wait for work any more.
func (p *Pool) Close() { p.once.Do(func() { close(p.quit) }) }

// Go has f run by a goroutine, at once.
func (p *Pool) Go(f func()) {
	select {
	case p.work <- f:
	default:
		go p.run(f)
	}
}

func (p *Pool) run(f func()) {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		f()
		if p.idle.Add(1) > most {
			p.idle.Add(-1)
			return
		}
		t.Reset(patience)
		select {
		case f = <-p.work:
			p.idle.Add(-1)
		case <-p.quit:
			p.idle.Add(-1)
			return
		case <-t.C:
			p.idle.Add(-1)
			return
		}
	}
}
