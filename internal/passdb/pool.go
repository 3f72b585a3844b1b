package passdb

import (
	"context"
	"sync"

	"yubin/internal/processors"
)

// A Hasher checks passwords, as many at once as there are processors. Cheap and
// dear hashes have processors of their own each, so that no cheap one waits for
// a dear one.
type Hasher struct {
	cheap, dear *pool
	key         []byte // of salts that are made up
	processors  *processors.Keeper
}

// NewHasher returns a Hasher; a process has one. key is what salts are made of
// that stand in for those of users who have none: as long as it is the same,
// they are. nil: as long as the process lives. Dear hashes are worth all
// processors of p.
func NewHasher(key []byte, p *processors.Keeper) *Hasher {
	n := p.Most()
	if key == nil {
		key = random(32)
	}
	return &Hasher{newPool(n), newPool(n), key, p}
}

// A pool lets a number of people in at once. Where more want in, each who (a
// client) has a queue, and the queues take turns: ten thousand attempts of one
// client are one place in the queue of all.
type pool struct {
	mu     sync.Mutex // guards what follows
	free   int
	queues map[string][]chan struct{}
	turn   []string // those who have a queue, next first
}

func newPool(n int) *pool { return &pool{free: n, queues: map[string][]chan struct{}{}} }

// enter waits for a place. An error is that of ctx.
func (p *pool) enter(ctx context.Context, who string) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	admitted := make(chan struct{})
	if len(p.queues[who]) == 0 {
		p.turn = append(p.turn, who)
	}
	p.queues[who] = append(p.queues[who], admitted)
	p.mu.Unlock()
	select {
	case <-admitted:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-admitted: // just now
		p.pass()
	default:
		p.withdraw(who, admitted)
	}
	return ctx.Err()
}

// leave gives a place back.
func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
}

// pass gives a place to whoever is next.
func (p *pool) pass() {
	if len(p.turn) == 0 {
		p.free++
		return
	}
	who := p.turn[0]
	p.turn = p.turn[1:]
	q := p.queues[who]
	close(q[0])
	if len(q) == 1 {
		delete(p.queues, who)
		return
	}
	p.queues[who] = q[1:]
	p.turn = append(p.turn, who)
}

// withdraw takes somebody out of a queue.
func (p *pool) withdraw(who string, admitted chan struct{}) {
	q := p.queues[who]
	for i, c := range q {
		if c == admitted {
			q = append(q[:i:i], q[i+1:]...)
			break
		}
	}
	if len(q) > 0 {
		p.queues[who] = q
		return
	}
	delete(p.queues, who)
	for i, w := range p.turn {
		if w == who {
			p.turn = append(p.turn[:i:i], p.turn[i+1:]...)
			return
		}
	}
}
