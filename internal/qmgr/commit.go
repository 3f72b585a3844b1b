package qmgr

import (
	"slices"

	"yubin/internal/durable"
	"yubin/internal/queue"
)

// A flushJob is one file, or only names, to be put on stable storage. When it
// carries a commit, the message is verified and prepared meanwhile.
type flushJob struct {
	item   durable.Item
	commit *queue.Commit
	then   func(m *message, flushErr, readErr error)
}

// A batch is flushed together.
type batch struct {
	jobs    []flushJob
	names   durable.Item
	mark    uint64 // of the store, for Flushed when names have been flushed
	resolve resolver
}

// flush has the item flushed with the next batch, and then called.
func (s *scheduler) flush(item durable.Item, then func(err error)) {
	s.jobs = append(s.jobs, flushJob{item: item, then: func(_ *message, err, _ error) { then(err) }})
}

// kick hands what has gathered to the committer, unless it is still busy: then
// more gathers.
func (s *scheduler) kick() {
	if s.flushing {
		return
	}
	s.recordResults()
	if len(s.jobs) == 0 {
		return
	}
	b := batch{jobs: s.jobs, mark: s.store.Mark(), resolve: s.resolve}
	committing := slices.ContainsFunc(s.jobs, func(j flushJob) bool { return j.commit != nil })
	if !committing && s.store.Dirty() > 0 {
		b.names = s.store.Names() // a commit's flush covers them by itself
	}
	s.jobs, s.flushing = nil, true
	s.batches <- b
}

// commitLoop is the committer's goroutine.
func (s *scheduler) commitLoop() {
	for b := range s.batches {
		s.commitBatch(&b)
	}
}

// commitBatch flushes a batch while its messages are verified.
func (s *scheduler) commitBatch(b *batch) {
	items := make([]durable.Item, len(b.jobs), len(b.jobs)+1)
	for i := range b.jobs {
		items[i] = b.jobs[i].item
	}
	if len(b.names.Dirs) > 0 {
		items = append(items, b.names)
	}
	messages := make([]*message, len(b.jobs))
	readErrs := make([]error, len(b.jobs))
	verified := make(chan struct{})
	go func() {
		defer close(verified)
		for i := range b.jobs {
			c := b.jobs[i].commit
			if c == nil {
				continue
			}
			m, err := c.Verify()
			if readErrs[i] = err; err == nil {
				messages[i] = newMessage(m, queue.DirIncoming, c.File, b.resolve)
			}
		}
	}()
	errs := s.flusher.FlushAll(items)
	<-verified
	s.post(func() {
		s.flushing = false
		if len(errs) > len(b.jobs) && errs[len(b.jobs)] == nil {
			s.store.Flushed(b.mark)
		}
		for i := range b.jobs {
			if c := b.jobs[i].commit; c != nil && errs[i] == nil {
				s.store.Flushed(c.Mark)
			}
			b.jobs[i].then(messages[i], errs[i], readErrs[i])
		}
	})
}
