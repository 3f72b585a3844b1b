package qmgr

import (
	"strings"
	"sync"
	"sync/atomic"
)

// shelfCost is what an entry takes of a shelf beside its own octets: the map's
// room for it, and what its allocations are rounded up to.
const shelfCost = 96

// A shelf keeps what a listing has read of deferred messages, packed as it was
// sent, so that the next listing need not open every file: people look at a large
// queue again and again, and hardly anything in it has changed. Nothing but the store
// changes a queue file, and it tells the shelf of each change.
type shelf struct {
	inUse atomic.Bool // there are entries, or a listing is under way

	mu       sync.Mutex        // guards what follows
	entries  map[string][]byte // by ID
	octets   int
	limit    int
	listings int
	changed  map[string]bool // while listings are under way: what they have read may be old
}

func newShelf(limit int64) *shelf {
	return &shelf{entries: map[string][]byte{}, changed: map[string]bool{}, limit: int(limit)}
}

// begin notes that a listing has begun; end that it has ended.
func (h *shelf) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listings++
	h.inUse.Store(true)
}

func (h *shelf) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listings--; h.listings == 0 {
		clear(h.changed)
		h.inUse.Store(len(h.entries) > 0)
	}
}

// get returns what is known of a message, nil when nothing is. Nobody changes it.
func (h *shelf) get(id string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries[id]
}

// put keeps what a listing that is under way has read, if there is room, and
// nothing has changed since.
func (h *shelf) put(id string, packed []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	cost := len(packed) + shelfCost
	if h.changed[id] || h.entries[id] != nil || h.octets+cost > h.limit {
		return
	}
	h.entries[strings.Clone(id)] = append([]byte(nil), packed...)
	h.octets += cost
}

// forget drops what is known of a message, whose file has just changed. It may be
// called by any goroutine.
func (h *shelf) forget(id string) {
	if !h.inUse.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if old, ok := h.entries[id]; ok {
		h.octets -= len(old) + shelfCost
		delete(h.entries, id)
	}
	if h.listings > 0 {
		h.changed[id] = true
	}
}

// reset drops everything, and has a new limit.
func (h *shelf) reset(limit int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit, h.octets = int(limit), 0
	for id := range h.entries {
		if h.listings > 0 {
			h.changed[id] = true
		}
	}
	h.entries = map[string][]byte{}
}
