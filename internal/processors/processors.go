// Package processors has a process use half the processors, until it has long
// work for all of them.
//
// Somebody's letter or login is in several processes' hands at once, each with
// little to do before the next has it. With a thread for each processor in each of
// them, they take processors from each other: Go wakes another thread whenever a
// goroutine becomes ready, to look for work that the first would have done (a
// third of the time for a letter, a tenth of that for a login, on two
// processors).
package processors

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// after is how long all processors are kept when the long work is done: the next
// may come soon, and a change stops the process for an instant.
const after = time.Second

// A Keeper is a process's. A nil one changes nothing.
type Keeper struct {
	few, most int
	set       func(int)

	mu    sync.Mutex // guards what follows
	work  int        // pieces of long work under way
	now   int        // processors in use
	timer *time.Timer
}

// Few begins with half the processors. Who sets GOMAXPROCS decides for
// the whole life of the process.
func Few() *Keeper {
	most := runtime.GOMAXPROCS(0)
	few := max(1, most/2)
	if os.Getenv("GOMAXPROCS") != "" {
		few = most
	}
	return newKeeper(few, most, func(n int) { runtime.GOMAXPROCS(n) })
}

func newKeeper(few, most int, set func(int)) *Keeper {
	k := &Keeper{few: few, most: most, set: set, now: most}
	k.use(few)
	k.timer = time.AfterFunc(after, k.rest)
	k.timer.Stop()
	return k
}

// Most is how many processors long work has.
func (k *Keeper) Most() int {
	if k == nil {
		return runtime.GOMAXPROCS(0)
	}
	return k.most
}

// Begin says that long work begins; Done, that it is done.
func (k *Keeper) Begin() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.work++
	k.use(k.most)
}

// Done ends what Begin began.
func (k *Keeper) Done() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.work--; k.work == 0 {
		k.timer.Reset(after)
	}
}

// rest goes back to few processors.
func (k *Keeper) rest() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.work == 0 {
		k.use(k.few)
	}
}

// use changes how many are used. The caller holds mu.
func (k *Keeper) use(n int) {
	if k.now != n {
		k.now = n
		k.set(n)
	}
}
