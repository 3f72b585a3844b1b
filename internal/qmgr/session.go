package qmgr

import (
	"errors"
	"io"
	"os"

	"yubin/internal/dsn"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// maxSession is the most of what was said in a session, octets.
const maxSession = 8 << 10

// tellOfSession tells the postmaster of a session that an agent had in
// delivering m. Nothing hangs on such a letter: after a crash, or when there is no
// room, it is missing. Of letters to the postmaster himself he is told nothing,
// which could have no end.
func (s *scheduler) tellOfSession(m *message, said *ipc.Session) {
	if s.p.errors == "" || s.full != "" || m.Env.Attrs[queue.AttrPostmaster] != "" {
		return
	}
	s.told.Max = s.p.sessions
	ok, omitted := s.told.Take(s.now())
	if !ok {
		return
	}
	t := dsn.Transcript{
		Hostname: s.p.hostname, MailName: s.p.mailName, Time: s.now(), To: s.p.errors, Client: true, Peer: line(said.Peer, maxHost),
		Classes: []string{"protocol"}, Reason: line(said.Reason, maxHost), Said: said.Text[:min(len(said.Text), maxSession)], Omitted: omitted,
	}
	if err := s.letter(&t, m.ID); err != nil {
		s.log.warn("%s: postmaster notification failed: %s", m.ID, maillog.Clean(err.Error()))
	}
}

// letter sends one to the postmaster.
func (s *scheduler) letter(t *dsn.Transcript, about string) error {
	b, f, err := s.store.Lend()
	if err != nil {
		return err
	}
	t.ID = b.ID
	c := &child{id: b.ID, header: true, env: &queue.Envelope{
		Attrs:      map[string]string{queue.AttrOrigin: "qmgr", queue.AttrPostmaster: "yes"},
		Recipients: []queue.Recipient{{Address: t.To}},
	}}
	c.write = func(w io.Writer, _ *os.File) error {
		text, err := t.Write()
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	s.making++
	edit, at := s.rewrite, s.now()
	s.helpers.Go(func() {
		err := c.fill(edit, f, b.Size, nil, at)
		s.post(func() { s.letterWritten(b, about, err) })
	})
	return nil
}

// letterWritten commits a letter to the postmaster.
func (s *scheduler) letterWritten(b queue.Blank, about string, err error) {
	s.making--
	var qc *queue.Commit
	if err != nil {
		s.store.Return(b)
	} else {
		qc, err = s.store.Commit(b, b.ID)
	}
	if err != nil {
		s.log.warn("%s: postmaster notification failed: %s", about, maillog.Clean(err.Error()))
		return
	}
	s.arrive(b.ID)
	s.jobs = append(s.jobs, flushJob{
		item: s.store.Item(qc), commit: qc,
		then: func(m *message, flushErr, readErr error) {
			if err := errors.Join(flushErr, readErr); err != nil {
				s.refuse(qc, flushErr != nil, err)
				return
			}
			s.log.notice(about, ofSession, b.ID)
			s.admit(m)
		},
	})
}
