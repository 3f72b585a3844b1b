package qmgr

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"yubin/internal/dsn"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// A child is a message made from another one. Its ID follows from the
// parent's: made twice, it is one. The order is: the child is safe; the parent's
// record of it is safe; the child is tried.
type child struct {
	id     string
	env    *queue.Envelope
	record queue.Record // of the parent
	// write writes the content. It runs in a goroutine of its own.
	write func(w io.Writer, parent *os.File) error
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
	parent, arrival, flags := m.file, m.arrival(), m.Flags
	s.helpers.Go(func() {
		err := c.fill(f, b.Size, parent, arrival, flags)
		s.post(func() { s.written(m, c, b, err) })
	})
}

// fill writes the child onto its blank.
func (c *child) fill(f *os.File, old int64, parent *os.File, arrival time.Time, flags uint32) error {
	w, err := queue.NewWriter(f, c.id, old, c.env)
	if err != nil {
		f.Close()
		return err
	}
	w.SetArrival(arrival)
	w.SetFlags(flags)
	if err := c.write(w, parent); err != nil {
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
	s.inFlight++
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
	f := s.record(m, []queue.Record{c.record})
	if f == nil {
		s.shelve(cm)
		s.ready(m, c, fmt.Errorf("message %s cannot note its child", m.ID))
		return
	}
	item := s.store.Names()
	item.File = f
	s.flush(item, func(err error) {
		f.Close()
		if err != nil {
			s.flushFailed(m.ID, err)
			s.shelve(cm)
			s.ready(m, c, err)
			return
		}
		if cm != nil {
			cm.first = true
			s.begin(cm)
		} else {
			s.adopt(c.id)
		}
		s.ready(m, c, nil)
	})
}

// shelve leaves a child in incoming/ that must not be tried before its parent
// has a record of it: the parent's next attempt comes upon it.
func (s *scheduler) shelve(cm *message) {
	if cm != nil {
		cm.first = true
		s.forget(cm)
	}
}

// adopt begins a child that was found in the queue.
func (s *scheduler) adopt(id string) {
	dir := s.store.InQueue(id)
	if dir == "" || dir == queue.DirHold || s.messages[id] != nil || s.loading[id] != nil || s.waiting.byID[id] != nil {
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
	env := &queue.Envelope{Sender: m.Env.Sender, Attrs: maps.Clone(m.Env.Attrs)}
	if fw.sender != nil {
		env.Sender = *fw.sender
	}
	if env.Attrs == nil {
		env.Attrs = map[string]string{}
	}
	env.Attrs[queue.AttrOrigin], env.Attrs[queue.AttrParent] = "qmgr", m.ID
	for _, t := range fw.targets {
		env.Recipients = append(env.Recipients, queue.Recipient{
			Address: t.Address, Exact: t.Exact, Original: textOr(e.Original, e.Address),
		})
	}
	c := &child{id: id, env: env, record: queue.Record{
		State: queue.Expanded, Time: s.now().UnixMicro(), Code: "2.0.0", Child: id, Recipients: []int{r.number},
	}}
	off, size := m.ContentOffset(), int64(m.Content)
	c.write = func(w io.Writer, parent *os.File) error {
		if _, err := io.WriteString(w, fw.header); err != nil {
			return err
		}
		_, err := io.CopyBuffer(w, io.NewSectionReader(parent, off, size), make([]byte, min(size+1, 64<<10)))
		return err
	}
	c.then = func(err error) {
		if err != nil {
			s.log.warn("%s: forward %s: %v", m.ID, id, err)
			fw.res.outcome, fw.res.code, fw.res.text = deferred, "4.3.0", "cannot make the forwarded message"
		} else {
			r.recorded = true
			fw.res.outcome, fw.res.code, fw.res.text = expanded, "2.0.0", "forwarded as "+id
		}
		s.decide(m, r, transport, fw.res)
	}
	if len(fw.targets) == 0 {
		c.then(errors.New("expanded to no address"))
		return
	}
	s.make(m, c)
}

// notice makes the letter that tells the sender which recipients the message
// did not reach. It tells whether one is under way.
func (s *scheduler) notice(m *message, rs []*recipient) bool {
	id, ok := queue.ChildID(m.ID, queue.ChildBounce, m.Notices)
	if !ok {
		s.log.warn("%s: too many generations of forwards: no notice", m.ID)
		s.drop(m, rs)
		return false
	}
	numbers := make([]int, len(rs))
	n := dsn.Notice{
		ID: id, Hostname: s.p.hostname, MailName: s.p.mailName, Time: s.now(), To: m.Env.Sender,
		Original: m.ID, Arrival: m.arrival(), EnvID: m.Env.Attrs[queue.AttrEnvID],
		Size: int64(m.Content), SizeLimit: s.p.bounceSize, HeaderOnly: m.Env.Attrs[queue.AttrRet] == "HDRS",
		Recipients: make([]dsn.Recipient, len(rs)),
	}
	for i, r := range rs {
		e := m.envelope(r)
		numbers[i] = r.number
		n.Recipients[i] = dsn.Recipient{
			Address: e.Address, Original: e.Original, Orcpt: e.Attrs[queue.AttrOrcpt],
			Code: permanent(r.code), Text: r.text, Host: r.host, Tried: time.UnixMicro(r.tried),
		}
	}
	off, size := m.ContentOffset(), int64(m.Content)
	s.make(m, &child{
		id: id,
		env: &queue.Envelope{
			Attrs:      map[string]string{queue.AttrOrigin: "qmgr", queue.AttrParent: m.ID, queue.AttrCovers: queue.FormatNumbers(numbers)},
			Recipients: []queue.Recipient{{Address: m.Env.Sender}},
		},
		record: queue.Record{State: queue.Returned, Time: s.now().UnixMicro(), Child: id, Recipients: numbers},
		write: func(w io.Writer, parent *os.File) error {
			n.Message = io.NewSectionReader(parent, off, size)
			b, err := dsn.Bounce(n)
			if err != nil {
				return err
			}
			_, err = w.Write(b)
			return err
		},
		then: func(err error) { s.noticed(m, rs, id, err) },
	})
	return m.making > 0
}

// permanent turns the code of a deferral that has gone on for too long into one
// of a failure (RFC 3463, 3.5: X.4.7 delivery time expired).
func permanent(code string) string {
	if strings.HasPrefix(code, "5.") {
		return code
	}
	return "5.4.7"
}

func (s *scheduler) noticed(m *message, rs []*recipient, id string, err error) {
	if err != nil {
		s.log.warn("%s: sender notification failed: %s", m.ID, maillog.Clean(err.Error()))
	} else {
		s.log.put(logLine{tag: "bounce", text: m.ID + ": sender non-delivery notification: " + id})
	}
	for _, r := range rs {
		if r.outcome = untried; err == nil {
			r.outcome, r.recorded = expanded, true
		}
	}
}

// drop ends recipients whose failure nobody is told of: the null sender is
// never answered (RFC 5321, 4.5.5).
func (s *scheduler) drop(m *message, rs []*recipient) {
	for _, r := range rs {
		r.outcome, r.recorded = dropped, false
		m.fresh++
	}
	s.log.info(m.ID, "from=<"+m.Env.Sender+">, not delivered, and nobody to tell")
}
