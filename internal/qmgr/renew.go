package qmgr

import (
	"slices"
	"strconv"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// maxAnew is how often, from child to child, a list may be expanded anew because a
// member that waited is in it no more. Who gets further copies has had that many.
const maxAnew = 3

// A renewal is a list of which several members of a message may be gone. It is
// expanded anew once for all of them: each would bring everybody a copy.
type renewal struct {
	list    string       // its address
	targets []ipc.Target // what it has now: who finds something else gets a child of its own
	child   string       // which is safe; "": it is being made
	waiting []*recipient // for it
}

// anew is how often lists have been expanded anew on the way to m.
func anew(m *message) int {
	n, _ := strconv.Atoi(m.Env.Attrs[queue.AttrAnew]) // none, or not ours: 0
	return max(n, 0)
}

// renewal is that of r's list as it is now; nil: there is none.
func (m *message) renewal(r *recipient) *renewal {
	for _, n := range m.renewals {
		if n.list == m.envelope(r).Address && slices.Equal(n.targets, r.forward.targets) {
			return n
		}
	}
	return nil
}

// renew tells whether a list is to be expanded anew for r. If not, it sees to r.
func (s *scheduler) renew(transport string, m *message, r *recipient) bool {
	if anew(m) >= maxAnew {
		fw := r.forward
		fw.res.outcome, fw.res.code, fw.res.text = bounced, "5.4.6", "the list has changed too often while the message waited"
		s.decide(m, r, transport, fw.res)
		return false
	}
	n := m.renewal(r)
	switch {
	case n == nil:
		m.renewals = append(m.renewals, &renewal{list: m.envelope(r).Address, targets: r.forward.targets})
		return true
	case n.child == "":
		n.waiting = append(n.waiting, r)
	default:
		s.share(transport, m, r, n.child)
	}
	return false
}

// renewed hears that the child of r is safe, or that there is none. Those who
// wait for it have it too, or are tried again.
func (s *scheduler) renewed(transport string, m *message, r *recipient, child string, err error) {
	n := m.renewal(r)
	if n == nil || n.child != "" {
		return // r has shared it
	}
	waiting := n.waiting
	n.child, n.waiting = child, nil
	if err != nil {
		m.renewals = slices.DeleteFunc(m.renewals, func(other *renewal) bool { return other == n })
	}
	for _, other := range waiting {
		if err != nil {
			s.forwarded(transport, m, other, child)(err)
		} else {
			s.share(transport, m, other, child)
		}
	}
}

// share records that a child which is there takes the place of r too.
func (s *scheduler) share(transport string, m *message, r *recipient, id string) {
	s.making++
	m.making++
	s.made(m, &child{id: id, record: s.expandedTo(id, r), then: s.forwarded(transport, m, r, id)}, nil, nil)
}
