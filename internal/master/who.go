package master

import (
	"slices"
	"time"

	"yubin/internal/ipc"
)

// visits are all sessions, in the order in which they began.
func (m *master) visits() []ipc.Visit {
	var list []ipc.Visit
	for p := range m.procs {
		if p.host != nil {
			list = append(list, p.host.all()...)
		}
	}
	slices.SortFunc(list, func(a, b ipc.Visit) int { return int(int64(a.Number) - int64(b.Number)) })
	return list
}

// visitsAReply is how many sessions go into one reply: fewer than a packet
// holds, with the longest names.
const visitsAReply = 100

// answerAll answers with a list. Who asks may take time to read it.
func (p *petition) answerAll(list []ipc.Visit) {
	for len(list) > visitsAReply {
		p.from.Unix().SetDeadline(time.Now().Add(requestTime))
		if p.from.Send(&ipc.MasterReply{Visits: list[:visitsAReply], More: true}) != nil {
			p.from.Close()
			return
		}
		list = list[visitsAReply:]
	}
	p.answer(ipc.MasterReply{Visits: list})
}

// kick tells the sessions of a user to end, and returns how many there are.
func (m *master) kick(user string) (n int) {
	for p := range m.procs {
		if p.host == nil {
			continue
		}
		for _, v := range p.host.all() {
			if v.User == user {
				p.order(ipc.SessionOrder{Kick: v.Number})
				n++
			}
		}
	}
	m.log.Info("master disconnects %d sessions of %s", n, user)
	return n
}
