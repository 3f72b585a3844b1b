package imapd

import (
	"fmt"
	"runtime/debug"
	"sync"

	"yubin/internal/processors"
)

// A crew is who helps sessions with what takes long: as many goroutines in the
// process as it has processors beside the sessions' own, whoever asks first. A helper
// is free again after each batch, so that none is kept from others.
type crew struct {
	free       chan struct{}
	processors *processors.Keeper
}

func newCrew(p *processors.Keeper) *crew { return &crew{make(chan struct{}, p.Most()-1), p} }

// ahead is how many batches are worked at before they are used.
const ahead = 4

// A worker does batches. It is one goroutine's at a time.
type worker interface {
	do(batch int)
	close()
}

// inOrder has workers do the batches 0 to n-1, and calls use for each, in order,
// when it is done; as long as use has no error.
func (c *crew) inOrder(n int, hire func() worker, use func(batch int) error) error {
	if n > 1 {
		c.processors.Begin()
		defer c.processors.Done()
	}
	j := &job{crew: c, n: n, hire: hire, done: make([]bool, n)}
	j.news.L = &j.mu
	me := hire()
	defer me.close()
	defer j.end()
	for b := range n {
		j.recruit()
		for !j.ready(b, me) {
		}
		if err := use(b); err != nil {
			return err
		}
		j.mu.Lock()
		j.used = b + 1
		j.mu.Unlock()
	}
	return nil
}

// A job is one call of inOrder.
type job struct {
	*crew
	n    int
	hire func() worker

	mu      sync.Mutex // guards what follows
	news    sync.Cond  // a batch is done, or a helper gone
	next    int        // the first batch that nobody has begun
	used    int
	done    []bool
	over    bool
	helpers int
	idle    []worker
	broken  any // what a helper's panic said
}

// claim takes a batch that nobody has begun; -1: there is none, or it would be
// too early.
func (j *job) claim() int {
	if j.over || j.next >= min(j.n, j.used+ahead) {
		return -1
	}
	j.next++
	return j.next - 1
}

// ready tells whether a batch is done. Until then the caller does it, or another,
// or waits.
func (j *job) ready(b int, me worker) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		panic(j.broken) // it ends this session, and no other
	}
	if j.done[b] {
		return true
	}
	k := j.claim()
	if k < 0 {
		j.news.Wait()
		return false
	}
	j.work(me, k)
	return j.done[b]
}

// work does a batch. mu is held, but not meanwhile.
func (j *job) work(w worker, batch int) {
	func() {
		j.mu.Unlock()
		defer j.mu.Lock() // after a panic too
		w.do(batch)
	}()
	j.done[batch] = true
	j.news.Signal()
}

// recruit takes a helper if there is one, and work for it.
func (j *job) recruit() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next+1 >= min(j.n, j.used+ahead) {
		return
	}
	select {
	case j.free <- struct{}{}:
		j.helpers++
		go j.help()
	default:
	}
}

// help does batches as long as nobody else wants the helper.
func (j *job) help() {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer func() {
		if why := recover(); why != nil {
			j.broken = fmt.Sprintf("%v\n%s", why, debug.Stack())
			<-j.free
			j.leave(nil)
		}
	}()
	var w worker
	for {
		k := j.claim()
		if k < 0 {
			break
		}
		if w == nil {
			if n := len(j.idle); n > 0 {
				w, j.idle = j.idle[n-1], j.idle[:n-1]
			} else {
				w = j.hire()
			}
		}
		j.work(w, k)
		<-j.free
		select {
		case j.free <- struct{}{}:
			continue
		default:
		}
		j.leave(w)
		return
	}
	<-j.free
	j.leave(w)
}

// leave ends a helper's work.
func (j *job) leave(w worker) {
	if w != nil {
		j.idle = append(j.idle, w)
	}
	j.helpers--
	j.news.Signal()
}

// end waits for the helpers.
func (j *job) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.over = true
	for j.helpers > 0 {
		j.news.Wait()
	}
	for _, w := range j.idle {
		w.close()
	}
}
