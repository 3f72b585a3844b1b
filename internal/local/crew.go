package local

import (
	"sync"
	"time"

	"yubin/internal/processors"
)

const (
	// slow is how long a task may take before another worker is called in.
	slow = 5 * time.Millisecond
	// long is how many tasks that wait are long work: a letter to a list, not
	// many letters, whose next ones need processors too.
	long = 256
)

// A crew does tasks. Tasks that only use the processor and memory are done by
// as many workers as the process has processors: more would only get in each
// other's way; a long queue has all processors of the machine. For each task that
// takes long, because a disk or a file server makes it wait, another worker is
// called in, up to a limit: a mailbox that hangs holds back no other.
type crew struct {
	base, most int
	processors *processors.Keeper

	mu    sync.Mutex // guards what follows
	queue []func()
	long  bool                // all processors are in use
	begun map[*time.Time]bool // when each worker took up its task
	watch *time.Timer         // nil: nobody waits for a worker
}

func newCrew(base, most int, p *processors.Keeper) *crew {
	return &crew{base: max(1, min(base, most)), most: max(1, most), processors: p, begun: map[*time.Time]bool{}}
}

// do has tasks done, in their order as far as workers are free.
func (c *crew) do(tasks ...func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, tasks...)
	if len(c.queue) >= long && !c.long {
		c.long = true
		c.processors.Begin()
	}
	c.callIn()
}

// workers is how many work while none is slow. The caller holds mu.
func (c *crew) workers() int {
	if c.long {
		return min(max(c.base, c.processors.Most()), c.most)
	}
	return c.base
}

// callIn starts workers while tasks wait and too few are getting on.
func (c *crew) callIn() {
	now := time.Now()
	quick := 0
	for at := range c.begun {
		if now.Sub(*at) < slow {
			quick++
		}
	}
	for n := len(c.queue); n > 0 && quick < c.workers() && len(c.begun) < c.most; n-- {
		at := now
		c.begun[&at] = true
		quick++
		go c.work(&at)
	}
	if len(c.queue) > 0 && len(c.begun) < c.most && c.watch == nil {
		c.watch = time.AfterFunc(slow, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.watch = nil
			c.callIn()
		})
	}
}

// work is a worker: it goes home when nothing waits, or when others have taken
// its place.
func (c *crew) work(at *time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		task := c.queue[0]
		c.queue = c.queue[1:]
		*at = time.Now()
		c.mu.Unlock()
		task()
		c.mu.Lock()
		if time.Since(*at) >= slow && len(c.begun) > c.workers() {
			break
		}
	}
	delete(c.begun, at)
	if len(c.queue) == 0 && c.long {
		c.long = false
		c.processors.Done()
	}
	c.callIn()
}
