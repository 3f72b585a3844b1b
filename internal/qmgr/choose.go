package qmgr

import (
	"cmp"
	"slices"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A choice is the messages that a control request is about. It is used in the
// connection's goroutine, and keeps nothing of what it has read.
type choice struct {
	store   *queue.Store
	filter  queue.Filter
	active  map[string]bool // what is being tried
	resolve resolver
	now     time.Time
}

// choice reads a request's filter; nil chooses all.
func (s *scheduler) choice(f *ipc.Filter) *choice {
	c := &choice{store: s.store, now: s.now(), active: map[string]bool{}}
	if f != nil {
		c.filter = queue.Filter(*f)
	}
	s.ask(func() {
		c.resolve = s.resolve
		for id := range s.messages {
			c.active[id] = true
		}
	})
	return c
}

// queue names the queue that a message in dir is listed in.
func (c *choice) queue(id, dir string) string {
	if c.active[id] {
		return "active"
	}
	return dir
}

// has tells whether a message is chosen that has been read.
func (c *choice) has(l *queue.Listed) bool {
	if l.Err != nil || !c.filter.InQueue(c.queue(l.ID, l.Dir)) {
		return false
	}
	return c.filter.Match(l.Message, c.now, func(address string) string {
		to, err := c.resolve(address, l.Message.Env.Sender)
		if err != nil {
			return ""
		}
		return to.nexthop
	})
}

// of returns those of the IDs that are in the queues that the filter names.
// What is in none is left to the operation.
func (c *choice) of(ids []string) []string {
	if len(c.filter.Queues) == 0 {
		return ids
	}
	return slices.DeleteFunc(ids, func(id string) bool {
		dir := ""
		if queue.ValidID(id) {
			dir = c.store.InQueue(id)
		}
		return dir != "" && !c.filter.InQueue(c.queue(id, dir))
	})
}

// each gives visit those in the directories that are chosen, some at a time, and
// none at all now and then, when it takes long to find some.
func (c *choice) each(dirs []string, visit func(dir string, ids []string) error) error {
	for _, dir := range dirs {
		var stop error
		some := func(ids []string) bool {
			if len(ids) == 0 {
				stop = visit(dir, nil)
			}
			for chunk := range slices.Chunk(ids, controlAtOnce) {
				if stop = visit(dir, chunk); stop != nil {
					break
				}
			}
			return stop == nil
		}
		var err error
		if c.filter.Needs() {
			err = c.read(dir, some)
		} else {
			err = c.store.EachID(dir, func(ids []string) bool {
				return some(slices.DeleteFunc(ids, func(id string) bool { return !c.filter.InQueue(c.queue(id, dir)) }))
			})
		}
		if err := cmp.Or(stop, err); err != nil {
			return err
		}
	}
	return nil
}

// read gives visit the messages in dir whose files say that they are chosen.
func (c *choice) read(dir string, visit func(ids []string) bool) error {
	var some []string
	last := time.Now()
	err := queue.List(c.store.Path(), dir, func(l *queue.Listed) bool {
		if c.has(l) {
			some = append(some, l.ID)
		}
		if len(some) < controlAtOnce && time.Since(last) < progressEvery {
			return true
		}
		ids := some
		some, last = nil, time.Now()
		return visit(ids)
	})
	if err == nil && len(some) > 0 {
		visit(some)
	}
	return err
}
