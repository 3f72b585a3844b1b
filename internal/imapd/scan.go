package imapd

import (
	"context"
	"errors"
	"fmt"

	"yubin/internal/mailbox"
	"yubin/internal/mailrecord"
	"yubin/internal/mailsearch"
)

// scanBatch is how many messages one worker looks at before it is somebody
// else's turn.
const scanBatch = 64

// A searcher looks at batches of messages for a search.
type searcher struct {
	*mailsearch.Searcher
	c     candidate
	n     int // messages
	found [][]int
	errs  []error
}

func (s *searcher) close() { s.c.look.close() }

func (s *searcher) do(batch int) {
	for i := batch * scanBatch; i < min((batch+1)*scanBatch, s.n); i++ {
		s.c.consider(i)
		ok, err := s.Match(&s.c)
		s.c.close()
		if err = errors.Join(err, s.c.err); errors.Is(err, mailbox.ErrGone) {
			continue // what is gone matches nothing
		}
		if err != nil {
			s.errs[batch] = err
			return
		}
		if ok {
			s.found[batch] = append(s.found[batch], i)
		}
	}
}

// scan looks at all messages; an index that knows which to look at would have its
// place here.
func (p *program) scan(ctx context.Context, compiled *mailsearch.Program) (found []int, err error) {
	n := p.box.snap.Len()
	if n == 0 {
		return nil, nil
	}
	if p.box.view.Snapshot().Len() > 0 { // not all has gone meanwhile
		p.box.view.Recent(0) // so that no worker has to find out
	}
	lib := p.library()
	defer lib.close()
	batches := (n + scanBatch - 1) / scanBatch
	results, errs := make([][]int, batches), make([]error, batches)
	hire := func() worker {
		s := &searcher{Searcher: compiled.Searcher(), n: n, found: results, errs: errs}
		s.c = candidate{program: p, message: message{look: lib.look()}}
		return s
	}
	patience := newPatience()
	err = p.srv.crew.inOrder(batches, hire, func(batch int) error {
		if errs[batch] != nil {
			return p.failed("search", errs[batch])
		}
		found = append(found, results[batch]...)
		return p.still(ctx, patience, fmt.Sprintf("Searched %d%% of the mailbox", (batch+1)*100/batches))
	})
	return found, err
}

// A gatherer looks at the headers of batches of messages.
type gatherer struct {
	c    candidate
	list []int
	take func(at int, c *candidate, k *mailrecord.Keys)
	errs []error
}

func (g *gatherer) close() { g.c.look.close() }

func (g *gatherer) do(batch int) {
	for at := batch * scanBatch; at < min((batch+1)*scanBatch, len(g.list)); at++ {
		g.c.consider(g.list[at])
		k, err := g.c.Keys()
		if errors.Is(err, mailbox.ErrGone) {
			err = nil
			k = &mailrecord.Keys{}
		}
		if err == nil {
			g.take(at, &g.c, k)
			err = g.c.err
		}
		g.c.close()
		if err != nil && !errors.Is(err, mailbox.ErrGone) {
			g.errs[batch] = err
			return
		}
	}
}

// eachHeader calls take for the messages in list, at any place of it at any time.
func (v *visit) eachHeader(ctx context.Context, lib *library, list []int, take func(at int, c *candidate, k *mailrecord.Keys)) error {
	batches := (len(list) + scanBatch - 1) / scanBatch
	errs := make([]error, batches)
	p := &program{visit: v}
	hire := func() worker {
		return &gatherer{list: list, take: take, errs: errs, c: candidate{program: p, message: message{look: lib.look()}}}
	}
	patience := newPatience()
	return v.srv.crew.inOrder(batches, hire, func(batch int) error {
		if errs[batch] != nil {
			return v.failed("look at messages", errs[batch])
		}
		return v.still(ctx, patience, fmt.Sprintf("Read %d%% of the headers", (batch+1)*100/batches))
	})
}
