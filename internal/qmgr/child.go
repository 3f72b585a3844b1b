package qmgr

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"yubin/internal/dsn"
	"yubin/internal/header"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/smtp"
)

// A child is a message made from another one. Its ID follows from the
// parent's: made twice, it is one. The order is: the child is safe; the parent's
// record of it is safe; the child is tried.
type child struct {
	id     string
	env    *queue.Envelope
	record queue.Record // of the parent; the zero value: none
	// write writes the content. It runs in a goroutine of its own.
	write  func(w io.Writer, parent *os.File) error
	header bool // our own: its addresses are rewritten too
	flags  uint32
	// then hears that the record is safe, or that there is no child.
	then func(err error)
}

// make begins to make a child of m, which stays in memory until it is done.
func (s *scheduler) make(m *message, c *child) {
	b, f, err := s.store.Lend()
	if err == nil && m.file == nil {
		if m.file, err = s.store.OpenMessage(m.ID, m.dir); err != nil {
			f.Close()
			s.store.Return(b)
		}
	}
	if err != nil {
		c.then(err)
		return
	}
	s.making++
	m.making++
	parent, arrival := m.file, m.since()
	edit := s.rewrite // which may have to read tables
	s.helpers.Go(func() {
		err := c.fill(edit, f, b.Size, parent, arrival)
		s.post(func() { s.written(m, c, b, err) })
	})
}

// fill writes the child onto its blank.
func (c *child) fill(edit *rewrite.Rewriter, f *os.File, old int64, parent *os.File, arrival time.Time) error {
	if err := edit.Envelope(c.env, rewrite.Options{}); err != nil {
		f.Close()
		return err
	}
	w, err := queue.NewWriter(f, c.id, old, c.env)
	if err != nil {
		f.Close()
		return err
	}
	w.SetArrival(arrival)
	w.SetFlags(c.flags)
	if c.header {
		filter := header.NewFilter(w, nil, nil)
		filter.Edit(edit.Header(true, rewrite.Options{}))
		err = errors.Join(c.write(filter, parent), filter.Close())
	} else {
		err = c.write(w, parent)
	}
	if err != nil {
		w.Abandon()
		return err
	}
	return w.Close()
}

// written commits a child.
func (s *scheduler) written(m *message, c *child, b queue.Blank, err error) {
	var qc *queue.Commit
	if err != nil {
		s.store.Return(b)
	} else if qc, err = s.store.Commit(b, c.id); errors.Is(err, queue.ErrInQueue) {
		s.made(m, c, nil, nil) // before a crash, or before its record failed
		return
	}
	if err != nil {
		s.made(m, c, nil, err)
		return
	}
	s.arrive(c.id)
	s.jobs = append(s.jobs, flushJob{
		item: s.store.Item(qc), commit: qc,
		then: func(cm *message, flushErr, readErr error) {
			err := errors.Join(flushErr, readErr)
			if err != nil {
				s.refuse(qc, flushErr != nil, err)
			}
			s.made(m, c, cm, err)
		},
	})
}

// made records the child, which is safe, in its parent.
func (s *scheduler) made(m *message, c *child, cm *message, err error) {
	if err != nil {
		s.ready(m, c, err)
		return
	}
	if c.record.State == queue.Waiting {
		s.launch(cm, c.id)
		s.ready(m, c, nil)
		return
	}
	if s.sick[m.ID] {
		m.Note(&c.record)
		s.shelve(m, c, cm)
		return
	}
	f := s.record(m, []queue.Record{c.record})
	if f == nil {
		s.unmake(cm)
		s.ready(m, c, fmt.Errorf("message %s cannot note its child", m.ID))
		return
	}
	item := s.store.Names()
	item.File = f
	s.flush(item, func(err error) {
		f.Close()
		if err != nil {
			s.flushFailed(m.ID, err)
			s.shelve(m, c, cm)
			return
		}
		s.launch(cm, c.id)
		s.ready(m, c, nil)
	})
}

// launch begins a child: one that was made, or nil and the ID of one that was
// there.
func (s *scheduler) launch(cm *message, id string) {
	if cm == nil {
		s.adopt(id)
		return
	}
	s.admit(cm)
}

// unmake takes back a child that its parent has no record of. The parent's next
// attempt makes it anew: by then a notice may have more recipients to tell of.
func (s *scheduler) unmake(cm *message) {
	if cm == nil {
		return
	}
	cm.first = true
	s.forget(cm)
	end := s.store.Finish
	if s.arrived(cm.ID).expire { // and its file bears the mark
		end = func(id, from string, _ int64) error { return s.store.Remove(id, from) }
	}
	if err := end(cm.ID, cm.dir, cm.Size); err != nil {
		s.log.warn("%s: %v", cm.ID, err)
	}
}

// adopt begins a child that was found in the queue.
func (s *scheduler) adopt(id string) {
	dir := s.store.InQueue(id)
	if dir == "" || dir == queue.DirHold || s.messages[id] != nil || s.coming(id) || s.waiting.byID[id] != nil || slices.Contains(s.backlog, id) {
		return
	}
	if dir == queue.DirIncoming {
		s.inFlight++
	}
	s.load(id, dir)
}

func (s *scheduler) ready(m *message, c *child, err error) {
	s.making--
	m.making--
	c.then(err)
	s.settle(m)
}

// expand makes the message that goes to the addresses that a recipient was
// expanded to.
func (s *scheduler) expand(transport string, m *message, r *recipient) {
	fw, e := r.forward, m.envelope(r)
	id, ok := queue.ChildID(m.ID, queue.ChildForward, r.number)
	if !ok {
		// So many generations are a loop (RFC 3463, 3.5: X.4.6).
		fw.res.outcome, fw.res.code, fw.res.text = bounced, "5.4.6", "mail forwarding loop for "+e.Address
		s.decide(m, r, transport, fw.res)
		return
	}
	if fw.anew && !s.renew(transport, m, r) {
		return
	}
	env := &queue.Envelope{Sender: m.Env.Sender, Attrs: maps.Clone(m.Env.Attrs)}
	if env.Attrs == nil {
		env.Attrs = map[string]string{}
	}
	delete(env.Attrs, queue.AttrReport)
	// What the sender asked for goes on (RFC 3461, 5.2.7).
	attrs, original := e.Attrs, textOr(e.Original, e.Address)
	if fw.res.report = s.expansionReport(m, r); fw.res.report != "" {
		env.Attrs[queue.AttrReport] = fw.res.report
		attrs = maps.Clone(e.Attrs)
		attrs[queue.AttrNotify] = m.notify(r).WithoutSuccess().String()
	}
	if fw.sender != nil {
		// To a list the message is delivered; the copies are the list's own (5.2.7.1 there).
		env.Sender, attrs, original = *fw.sender, nil, ""
		delete(env.Attrs, queue.AttrEnvID)
		delete(env.Attrs, queue.AttrRet)
		delete(env.Attrs, queue.AttrDeliverBy)
	}
	delete(env.Attrs, queue.AttrFilter) // it has been there
	delete(env.Attrs, queue.AttrHold)
	env.Attrs[queue.AttrOrigin], env.Attrs[queue.AttrParent] = "qmgr", m.ID
	for _, t := range fw.targets {
		env.Recipients = append(env.Recipients, queue.Recipient{
			Address: t.Address, Exact: t.Exact, Member: t.Member, Original: original, Attrs: attrs,
		})
	}
	if fw.anew {
		env.Attrs[queue.AttrAnew] = strconv.Itoa(anew(m) + 1)
	}
	c := &child{id: id, env: env, record: s.expandedTo(id, r), flags: m.Flags, then: s.forwarded(transport, m, r, id)}
	fields := fw.header
	if m.Flags&queue.FlagBinary != 0 {
		fields = strings.ReplaceAll(fields, "\n", "\r\n")
	}
	off, size := m.ContentOffset(), int64(m.Content)
	c.write = func(w io.Writer, parent *os.File) error {
		if _, err := io.WriteString(w, fields); err != nil {
			return err
		}
		_, err := io.CopyBuffer(w, io.NewSectionReader(parent, off, size), make([]byte, min(size+1, 64<<10)))
		return err
	}
	if len(fw.targets) == 0 {
		c.then(errors.New("expanded to no address"))
		return
	}
	s.make(m, c)
}

// expansionReport is what a sender who has asked for it is told of an expansion:
// to a list the message is delivered, of an alias for several addresses he hears
// this and no successes (RFC 3461, 5.2.7.1 and 5.2.7.3).
func (s *scheduler) expansionReport(m *message, r *recipient) string {
	fw := r.forward
	switch {
	case m.probe() || fw.anew || m.Env.Sender == "" || m.notify(r)&smtp.NotifySuccess == 0:
		return ""
	case fw.sender != nil:
		return dsn.Delivered
	case len(fw.targets) > 1:
		return dsn.Expanded
	}
	return ""
}

// expandedTo is the record that a child takes the place of r.
func (s *scheduler) expandedTo(child string, r *recipient) queue.Record {
	return queue.Record{
		State: queue.Expanded, Time: s.now().UnixMicro(), Code: "2.0.0", Child: child, Recipients: []int{r.number}, Report: r.forward.res.report,
	}
}

// forwarded returns what hears that the child of r is safe, or that there is none.
func (s *scheduler) forwarded(transport string, m *message, r *recipient, child string) func(error) {
	fw := r.forward
	return func(err error) {
		if err != nil {
			s.log.warn("%s: forward %s: %v", m.ID, child, err)
			fw.res.outcome, fw.res.code, fw.res.text, fw.res.report = deferred, "4.3.0", "cannot make the forwarded message", ""
		} else {
			r.recorded = true
			fw.res.outcome, fw.res.code, fw.res.text = expanded, "2.0.0", "forwarded as "+child
			switch {
			case m.probe():
				fw.res.text = aliased(fw.targets)
			case fw.res.report != "":
				fw.res.outcome = sent // and done when the sender has been told
			}
		}
		s.decide(m, r, transport, fw.res)
		if fw.anew {
			s.renewed(transport, m, r, child, err)
		}
	}
}
