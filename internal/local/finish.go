package local

import (
	"sync"
	"time"

	"yubin/internal/agent"
	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/smtp"
)

// pace is the shortest time between the starts of two flushes, unless a request
// is pressing. Nobody waits for a delivery with a connection open; under load
// some milliseconds gather many deliveries for one flush and one packet of
// replies.
const pace = 20 * time.Millisecond

// A finisher flushes what was written and says so to the queue manager.
type finisher struct {
	flush  flusher
	done   func(*task) []ipc.Result // what became of it
	answer func([]agent.Answered)
	press  chan struct{} // something pressing is in tasks

	mu     sync.Mutex // guards what follows
	tasks  []*task
	active bool
	last   time.Time // start of the last flush
}

func newFinisher(flush flusher, done func(*task) []ipc.Result, answer func([]agent.Answered)) *finisher {
	return &finisher{flush: flush, done: done, answer: answer, press: make(chan struct{}, 1)}
}

// add takes a task that is written, or that has failed.
func (f *finisher) add(t *task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tasks = append(f.tasks, t)
	if t.req.Pressing {
		select {
		case f.press <- struct{}{}:
		default:
		}
	}
	if !f.active {
		f.active = true
		go f.run()
	}
}

// run makes rounds until nothing is left.
func (f *finisher) run() {
	for {
		f.mu.Lock()
		if len(f.tasks) == 0 {
			f.active = false
			f.mu.Unlock()
			return
		}
		rest := pace - time.Since(f.last)
		f.mu.Unlock()
		f.rest(rest)
		f.mu.Lock()
		batch := f.tasks
		f.tasks, f.last = nil, time.Now()
		f.mu.Unlock()
		f.round(batch)
	}
}

// rest waits for more to come.
func (f *finisher) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.press:
	}
}

// round flushes a batch and answers.
func (f *finisher) round(batch []*task) {
	var items []durable.Item
	var of []*task
	for _, k := range batch {
		if k.delivery != nil {
			items = append(items, durable.Item{File: k.delivery.File, Dirs: k.delivery.Dirs})
			of = append(of, k)
		}
	}
	if len(items) > 0 {
		for i, err := range f.flush.FlushAll(items) {
			if err != nil {
				of[i].err = mailboxFailure(err)
			} else {
				of[i].delivery.Flushed()
			}
			of[i].delivery.Close()
		}
	}
	answers := make([]agent.Answered, len(batch))
	for i, k := range batch {
		answers[i] = agent.Answered{Request: k.req, Results: f.done(k)}
	}
	f.answer(answers)
}

// results says what became of one recipient.
func (a *deliverer) results(k *task) []ipc.Result {
	took := time.Since(k.start).Microseconds()
	if k.err != nil {
		r := result(k.req.Transport, k.r, k.err)
		r.Transfer = took
		if r.Status == ipc.Deferred {
			a.log.As(k.req.Transport).Warn("%s: to=<%s>: %v", k.req.ID, k.r.Address, k.err)
		}
		return []ipc.Result{r}
	}
	if k.results != nil {
		for i := range k.results {
			k.results[i].Transfer = took
		}
		return k.results
	}
	return []ipc.Result{{
		Index: k.r.Index, Status: ipc.Sent, Code: smtp.Undefined.Code(2), Text: clip(k.text),
		Relay: k.req.Transport, Transfer: took, Report: ipc.Delivered,
	}}
}
