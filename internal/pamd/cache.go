package pamd

import (
	"sync"
	"time"

	"yubin/internal/ipc"
)

// A cache remembers answers of name services for a while: that somebody exists
// and that nobody does, and not that it is unknown. Who asks for what is being
// asked already waits for that answer.
type cache struct {
	ttl  time.Duration
	size int
	now  func() time.Time

	mu      sync.Mutex // guards entries
	entries map[string]*entry
}

// An entry is an answer, once done is closed.
type entry struct {
	done  chan struct{}
	reply ipc.NSSReply
	until time.Time // zero while it is being asked
}

func newCache(ttl time.Duration, size int) *cache {
	return &cache{ttl: ttl, size: size, now: time.Now, entries: map[string]*entry{}}
}

// get returns the answer for key, by ask unless it is remembered.
func (c *cache) get(key string, ask func() ipc.NSSReply) ipc.NSSReply {
	c.mu.Lock()
	e := c.entries[key]
	if e != nil && (e.until.IsZero() || c.now().Before(e.until)) {
		c.mu.Unlock()
		<-e.done
		return e.reply
	}
	c.room()
	e = &entry{done: make(chan struct{}), reply: ipc.NSSReply{Error: "the question was not answered"}}
	c.entries[key] = e
	c.mu.Unlock()

	// Should ask panic, those who wait are told.
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.until = c.now().Add(c.ttl)
		if (e.reply.Error != "" || c.ttl <= 0) && c.entries[key] == e {
			delete(c.entries, key)
		}
		close(e.done)
	}()
	e.reply = ask()
	return e.reply
}

// room makes room for one more; what goes is whatever the map names first. What
// is being asked stays: those are no more than there are clients.
func (c *cache) room() {
	for key, e := range c.entries {
		if len(c.entries) < c.size {
			return
		}
		if !e.until.IsZero() {
			delete(c.entries, key)
		}
	}
}
