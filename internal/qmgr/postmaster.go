package qmgr

import (
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// A courtesy is a copy of a notice that the postmaster gets, if notify_classes
// wants it.
type courtesy struct {
	to   string // "": nobody
	kind queue.Child
	log  string
}

func (s *scheduler) courtesy(delayed bool) courtesy {
	if delayed {
		return courtesy{s.p.delayCopies, queue.ChildWarning, "postmaster delay notification"}
	}
	return courtesy{s.p.bounceCopies, queue.ChildCopy, "postmaster non-delivery notification"}
}

// copy makes the postmaster's copy of a notice of failure or of delay, before the
// notice itself: made again after a crash it is the same one. A copy that cannot
// be made is done without. It tells whether one is under way.
func (s *scheduler) copy(m *message, rs []*recipient, delayed bool) bool {
	had, n := &m.copied, m.Notices
	if delayed {
		had, n = &m.copies, m.Warnings
	}
	c := s.courtesy(delayed)
	if *had || c.to == "" || m.Env.Sender == "" {
		return false
	}
	*had = true
	id, ok := queue.ChildID(m.ID, c.kind, n)
	if !ok {
		return false
	}
	notice := s.noticeOf(m, rs, id, false)
	if delayed {
		notice = s.warningOf(m, rs, id)
	}
	notice.To, notice.Postmaster, notice.Sender, notice.HeaderOnly = c.to, true, m.Env.Sender, true
	ch := s.noticeChild(m, id, notice, rs)
	ch.record = queue.Record{}
	ch.env.Recipients = []queue.Recipient{{Address: c.to}}
	delete(ch.env.Attrs, queue.AttrCovers)
	ch.env.Attrs[queue.AttrPostmaster] = "yes"
	ch.then = func(err error) {
		if err != nil {
			s.log.warn("%s: postmaster notification failed: %s", m.ID, maillog.Clean(err.Error()))
			return
		}
		s.log.notice(m.ID, c.log, id)
	}
	s.make(m, ch)
	return m.making > 0
}
