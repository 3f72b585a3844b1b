package qmgr

import (
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"yubin/internal/downgrade"
	"yubin/internal/dsn"
	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// notify is what the sender wants to hear of a recipient.
func (m *message) notify(r *recipient) smtp.Notify {
	// What cannot be read stands for a sender who has not said.
	n, _ := smtp.ParseNotify(m.envelope(r).Attrs[queue.AttrNotify])
	return n
}

// reportFor is what the sender is to be told of a delivery of which the agent
// says report: nothing, unless he has asked.
func (m *message) reportFor(r *recipient, report string) string {
	always := m.Env.Attrs[queue.AttrVerbose] != "" // sendmail -v: wherever it goes
	switch {
	case m.Env.Sender == "" || !always && m.notify(r)&smtp.NotifySuccess == 0 && !m.traces(r, report):
		return ""
	case report == ipc.Delivered || report == ipc.Relayed:
		return report
	case always:
		return ipc.Relayed
	}
	return ""
}

// tell makes the next notice to the sender that is due: of failures, then of
// deliveries. It tells whether one is under way.
func (s *scheduler) tell(m *message) bool {
	var failed, unwanted, reports []*recipient
	for i := range m.rcpt {
		switch r := &m.rcpt[i]; {
		case r.outcome == bounced && s.notifiesFailure(m, r):
			failed = append(failed, r)
		case r.outcome == bounced:
			unwanted = append(unwanted, r)
		case r.outcome == sent && r.report != "":
			reports = append(reports, r)
		}
	}
	if len(failed)+len(unwanted) > 0 && s.copy(m, slices.Concat(failed, unwanted), false) {
		return true
	}
	if len(unwanted) > 0 {
		s.drop(m, unwanted)
	}
	if len(failed) > 0 && s.notice(m, failed, false) {
		return true
	}
	if len(reports) == 0 || m.told {
		return false
	}
	if !m.noted {
		m.noted = true
		if s.note(m) {
			return true
		}
	}
	m.told = true
	return s.notice(m, reports, true)
}

// note makes safe what is known of a message before its sender is told: a crash
// must not have it delivered again. It tells whether that is under way.
func (s *scheduler) note(m *message) bool {
	f := s.record(m, m.records())
	if f == nil {
		return false
	}
	s.making++
	m.making++
	s.flush(durable.Item{File: f}, func(err error) {
		f.Close()
		s.flushFailed(m.ID, err)
		s.making--
		m.making--
		s.settle(m)
	})
	return true
}

// notifiesFailure tells whether somebody is told of a failure: the sender, or for
// the null sender, who never is (RFC 5321, 4.5.5), the postmaster.
func (s *scheduler) notifiesFailure(m *message, r *recipient) bool {
	if m.Env.Sender == "" {
		return s.p.doubleBounces != "" && m.Env.Attrs[queue.AttrPostmaster] == ""
	}
	n := m.notify(r)
	return n == 0 || n&smtp.NotifyFailure != 0
}

// hears is who gets the notices of a message.
func (s *scheduler) hears(m *message) string {
	if m.Env.Sender == "" {
		return s.p.doubleBounces
	}
	return m.Env.Sender
}

// notice makes the letter that tells the sender which recipients the message
// did not reach, or which it did. It tells whether one is under way.
func (s *scheduler) notice(m *message, rs []*recipient, arrived bool) bool {
	id, ok := queue.ChildID(m.ID, queue.ChildBounce, m.Notices)
	if !ok {
		s.log.warn("%s: too many generations of forwards: no notice", m.ID)
		s.drop(m, rs)
		return false
	}
	c := s.noticeChild(m, id, s.noticeOf(m, rs, id, arrived), rs)
	c.then = func(err error) { s.noticed(m, rs, id, err) }
	s.make(m, c)
	return m.making > 0
}

// noticeChild is the letter that a notice is sent in.
func (s *scheduler) noticeChild(m *message, id string, n dsn.Notice, rs []*recipient) *child {
	numbers := make([]int, len(rs))
	for i, r := range rs {
		numbers[i] = r.number
	}
	attrs := map[string]string{queue.AttrOrigin: "qmgr", queue.AttrParent: m.ID, queue.AttrCovers: queue.FormatNumbers(numbers)}
	if v := m.Env.Attrs[queue.AttrRequireTLS]; v != "" {
		attrs[queue.AttrRequireTLS] = v // RFC 8689, 5
	}
	if m.Env.Sender == "" {
		attrs[queue.AttrPostmaster] = "yes" // the end: of its failure nobody hears
	}
	if v := m.Env.Attrs[queue.AttrUTF8]; v != "" {
		attrs[queue.AttrUTF8] = v // RFC 6533, 4
	}
	n.Words = s.p.words.Of(&n)
	off, size, binary := m.ContentOffset(), int64(m.Content), m.Flags&queue.FlagBinary != 0
	return &child{
		id: id, header: true,
		env: &queue.Envelope{
			Attrs:      attrs,
			Recipients: []queue.Recipient{{Address: s.hears(m)}},
		},
		record: queue.Record{State: queue.Returned, Time: s.now().UnixMicro(), Child: id, Recipients: numbers},
		write: func(w io.Writer, parent *os.File) error {
			n.Message = io.NewSectionReader(parent, off, size)
			if binary {
				t, err := downgrade.NewText(downgrade.Section(parent, off, size), downgrade.Shape{Eight: true})
				if err != nil {
					return err
				}
				n.Message, n.Size = t.ReaderAt(), t.Size()
			}
			b, err := dsn.Write(n)
			if err != nil {
				return err
			}
			_, err = w.Write(b)
			return err
		},
	}
}

// noticeOf is what a notice says.
func (s *scheduler) noticeOf(m *message, rs []*recipient, id string, arrived bool) dsn.Notice {
	n := dsn.Notice{
		ID: id, Hostname: s.p.hostname, MailName: s.p.mailName, Time: s.now(), To: s.hears(m), Postmaster: m.Env.Sender == "",
		Original: m.ID, Arrival: m.arrival(), EnvID: m.Env.Attrs[queue.AttrEnvID], Arrived: arrived,
		Size: int64(m.Content), SizeLimit: s.p.bounceSize, HeaderOnly: m.Env.Attrs[queue.AttrRet] == "HDRS" || m.Env.Attrs[queue.AttrRequireTLS] != "",
		UTF8:       m.Env.Attrs[queue.AttrUTF8] != "",
		Recipients: make([]dsn.Recipient, len(rs)),
	}
	n.Probe = arrived && m.probe()
	n.Trace = arrived && (n.Probe || m.Env.Attrs[queue.AttrVerbose] != "")
	for i, r := range rs {
		e := m.envelope(r)
		n.Recipients[i] = dsn.Recipient{
			Address: e.Address, Original: e.Original, Orcpt: e.Attrs[queue.AttrOrcpt],
			Action: r.report, Code: r.code, Text: r.text, Host: r.host, Tried: time.UnixMicro(r.tried),
		}
		nr := &n.Recipients[i]
		switch code := permanent(r.code); {
		case !arrived && code != r.code:
			nr.Action, nr.Code, nr.Was = dsn.Failed, code, r.code
		case !arrived:
			nr.Action, nr.Was = dsn.Failed, r.was
		case r.report == dsn.Expanded:
			nr.Text, nr.Host = "alias expanded", "" // to whom is not for everybody to know
		}
	}
	return n
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
		for _, r := range rs {
			if r.outcome == bounced { // a delivery stays one, and its report due
				r.outcome = untried
			}
		}
		return
	}
	what := "sender non-delivery notification"
	if m.Env.Sender == "" {
		what = "postmaster non-delivery notification"
	}
	if rs[0].report != "" {
		what = "sender delivery status notification"
	}
	s.log.notice(m.ID, what, id)
	for _, r := range rs {
		r.outcome, r.recorded, r.report = expanded, true, ""
	}
}

// drop ends recipients of whom nobody is told.
func (s *scheduler) drop(m *message, rs []*recipient) {
	why := "not delivered, and nobody to tell"
	if m.Env.Sender != "" {
		why = "not delivered, and the sender is not told"
	}
	for _, r := range rs {
		if r.report != "" {
			why, r.report = "delivered, and the sender is not told", ""
			continue
		}
		r.outcome, r.recorded = dropped, false
		m.fresh++
	}
	s.log.info(m.ID, maillog.Expired, "sender: <"+m.Env.Sender+">, "+why)
}
