package qmgr

import (
	"strings"

	"yubin/internal/dsn"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// probe tells that the message is one of sendmail -bv: agents find out whether
// they could deliver it, whatever they find is the end, and the sender is told.
func (m *message) probe() bool { return m.Env.Attrs[queue.AttrProbe] != "" }

// probed turns the outcome of a recipient of a probe into what is reported, and
// returns the word for the log.
func (m *message) probed(res *result) (status string) {
	status = dsn.Undeliverable
	switch res.outcome {
	case sent:
		status = dsn.Deliverable
	case expanded: // its members are probed by a message of their own, and reported
		return dsn.Deliverable
	}
	res.outcome, res.report = sent, ""
	if m.Env.Sender != "" {
		res.report = status
	}
	return status
}

// aliased says what a recipient of a probe is expanded to.
func aliased(to []ipc.Target) string {
	list := make([]string, 0, len(to))
	for _, t := range to {
		list = append(list, t.Address)
	}
	return line("aliased to "+strings.Join(list, ", "), maxText)
}
