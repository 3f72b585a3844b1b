package smtpc

import (
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// deadline is when the message is to be delivered by.
func (m *letter) deadline() (queue.Deadline, bool) {
	return queue.ReadDeadline(m.req.Attrs[queue.AttrDeliverBy])
}

// deliverBy returns the value of BY for the server, "" for none (RFC 2852, 4). A
// message that is to be delivered in time or not at all goes to no server that
// does not promise to heed that. A mailbox, behind LMTP, is the end of the way.
func deliverBy(s *session, m *letter, now time.Time) (string, error) {
	d, ok := m.deadline()
	if !ok {
		return "", nil
	}
	left := d.At.Sub(now).Truncate(time.Second)
	switch {
	case d.Return && left <= 0:
		return "", fails(5, timeOver, "delivery time expired")
	case s.ext.deliverBy && d.Return && left < s.ext.deliverMin:
		return "", fails(5, timeOver, "delivery time expires before host %s can deliver", s.name)
	case s.ext.deliverBy:
		return smtp.DeliverBy{In: max(left, -maxBy), Return: d.Return, Trace: d.Trace}.String(), nil
	case d.Return && !s.o.lmtp:
		return "", fails(5, noFeature, "the sender wants it delivered in time or not at all (DELIVERBY), which host %s does not offer", s.name)
	}
	return "", nil
}

// maxBy is the largest number of seconds that BY has digits for.
const maxBy = 999999999 * time.Second

// report is what a sender is told of a message that the server has taken: a
// server with DSN tells him itself (RFC 3461, 5.2.2), and whoever has set a
// deadline hears where it is not heeded (RFC 2852, 4), or goes on from.
func (s *session) report(m *letter) string {
	d, ok := m.deadline()
	switch {
	case ok && !s.o.lmtp && (d.Trace || !s.ext.deliverBy):
		return ipc.Relayed
	case s.ext.dsn:
		return ""
	case s.o.assumeFinal:
		return ipc.Delivered
	}
	return ipc.Relayed
}
