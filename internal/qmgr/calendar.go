package qmgr

import (
	"container/heap"
	"slices"
	"time"
)

// An entry is a deferred message that waits for its next attempt.
type entry struct {
	id    string
	next  time.Time
	dir   string // where its file is: deferred, unless it could not be moved there
	index int
}

// A calendar holds entries by time and by ID.
type calendar struct {
	heap entries
	byID map[string]*entry
}

func newCalendar() calendar { return calendar{byID: map[string]*entry{}} }

// put adds an entry or changes the one of that ID.
func (c *calendar) put(id, dir string, next time.Time) {
	if e := c.byID[id]; e != nil {
		e.next, e.dir = next, dir
		heap.Fix(&c.heap, e.index)
		return
	}
	e := &entry{id: id, dir: dir, next: next}
	c.byID[id] = e
	heap.Push(&c.heap, e)
}

// next returns the time of the earliest entry.
func (c *calendar) next() (time.Time, bool) {
	if len(c.heap) == 0 {
		return time.Time{}, false
	}
	return c.heap[0].next, true
}

// due takes the earliest entry out if it is due.
func (c *calendar) due(now time.Time) *entry {
	if len(c.heap) == 0 || c.heap[0].next.After(now) {
		return nil
	}
	e := heap.Pop(&c.heap).(*entry)
	delete(c.byID, e.id)
	return e
}

// remove takes the entry of that ID out; nil when there is none.
func (c *calendar) remove(id string) *entry {
	e := c.byID[id]
	if e != nil {
		heap.Remove(&c.heap, e.index)
		delete(c.byID, id)
	}
	return e
}

// keepEarliest drops all but the n earliest entries, and returns what it has dropped.
func (c *calendar) keepEarliest(n int) (dropped []*entry) {
	slices.SortFunc(c.heap, func(a, b *entry) int { return a.next.Compare(b.next) })
	dropped = c.heap[n:]
	for _, e := range dropped {
		delete(c.byID, e.id)
	}
	c.heap = slices.Clone(c.heap[:n]) // sorted is a heap
	for i, e := range c.heap {
		e.index = i
	}
	return dropped
}

// hasten makes all entries due at t, if they were later.
func (c *calendar) hasten(t time.Time) {
	for _, e := range c.heap {
		if e.next.After(t) {
			e.next = t
		}
	}
	heap.Init(&c.heap)
}

// len returns the number of entries.
func (c *calendar) len() int { return len(c.heap) }

type entries []*entry

func (h entries) Len() int           { return len(h) }
func (h entries) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h entries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *entries) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *entries) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
