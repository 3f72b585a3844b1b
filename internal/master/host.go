package master

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A host is what a session process has beside other processes. Such a process
// runs as a user who may do with it what she likes: what it says is believed of
// its own sessions only, and it is never waited for.
type host struct {
	key hostKey
	log *maillog.Logger

	mu     sync.Mutex // guards visits
	visits map[uint64]*ipc.Visit

	spoken int       // lines in the second that began at since; hear's
	since  time.Time // hear's
}

func newHost(key hostKey, log *maillog.Logger) *host {
	return &host{key: key, log: log, visits: map[uint64]*ipc.Visit{}}
}

// maxVisits is how many sessions a process may have: more than it has files for.
// One that never says that a session has ended shall not fill our memory.
const maxVisits = openFiles / 4

// enter notes a session; it is false when there are too many.
func (h *host) enter(v *ipc.Visit) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.visits) >= maxVisits {
		return false
	}
	h.visits[v.Number] = v
	return true
}

// leave returns the session that has ended; nil: there was none.
func (h *host) leave(number uint64) *ipc.Visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.visits[number]
	delete(h.visits, number)
	return v
}

func (h *host) visit(number uint64) *ipc.Visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.visits[number]
}

// all are the sessions, in the order in which they began.
func (h *host) all() []ipc.Visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []ipc.Visit
	for _, n := range slices.Sorted(maps.Keys(h.visits)) {
		list = append(list, *h.visits[n])
	}
	return list
}

// maxSpoken is how many lines a session process may log in a second. It waits
// when it has more.
const maxSpoken = 500

// spoke logs what the process says about a session, also with its end; it is
// true for a line that is no more than that. The session's name in the log comes
// from master.
func (h *host) spoke(line string) bool {
	word, rest, _ := strings.Cut(line, " ")
	if word != ipc.StatusSay && word != ipc.StatusEnd {
		return false
	}
	number, text, said := strings.Cut(rest, " ")
	if n, err := strconv.ParseUint(number, 10, 64); err == nil && said {
		h.note(n, text)
	}
	return word == ipc.StatusSay
}

func (h *host) note(number uint64, text string) {
	v := h.visit(number)
	if v == nil {
		return
	}
	if now := time.Now(); now.Sub(h.since) >= time.Second {
		h.since, h.spoken = now, 0
	}
	if h.spoken++; h.spoken > maxSpoken {
		time.Sleep(time.Until(h.since.Add(time.Second)))
	}
	t := h.log.Text(128)
	t.Printf("%s(%s)<%d><%s>: ", v.Service, v.User, v.PID, v.Session)
	t.Pairs(text)
	t.Note("service", v.Service)
	t.Note("user", v.User)
	t.Note("mpid", strconv.Itoa(v.PID))
	t.Note("session", v.Session)
	h.log.On(maillog.Session).Write(&t)
}

// heardHost acts on what a session process said.
func (m *master) heardHost(r report) {
	p := r.from
	word, value, _ := strings.Cut(r.line, " ")
	switch word {
	case "":
		p.silent = true
		m.buryIfGone(p, time.Now())
	case ipc.StatusReady:
		p.ready = true
	case ipc.StatusStopped:
		m.closeHost(p)
		p.order(ipc.SessionOrder{Last: true})
	case ipc.StatusEnd:
		number, _, _ := strings.Cut(value, " ")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			m.farewell(p.host.leave(n))
		}
	}
}

// closeHost gives p no session any more.
func (m *master) closeHost(p *process) {
	p.stopped = true
	if m.hall.hosts[p.host.key] == p {
		delete(m.hall.hosts, p.host.key)
	}
}

// retireHost has p end when its sessions have, or session_drain_time is over.
func (m *master) retireHost(p *process) {
	m.closeHost(p)
	p.order(ipc.SessionOrder{Retire: true})
}

// farewell takes a session off the count.
func (m *master) farewell(v *ipc.Visit) {
	if v == nil {
		return
	}
	g := guest{v.Service, v.User, v.Client}
	if m.hall.guests[g]--; m.hall.guests[g] <= 0 {
		delete(m.hall.guests, g)
	}
}

// buryHost draws the conclusions from the end of a session process.
func (m *master) buryHost(p *process) {
	m.logEnd(p)
	m.closeHost(p)
	m.hall.number--
	for _, v := range p.host.all() {
		m.logins.On(maillog.Session).Info("%s(%s)<%d><%s>: Error: the session process ended", v.Service, v.User, v.PID, v.Session)
		m.farewell(&v)
	}
}

// order says something to a session process. One that takes nothing more has
// itself to blame.
func (p *process) order(o ipc.SessionOrder) {
	if b, err := json.Marshal(o); err == nil {
		sendNow(p.status, b)
	}
}

// sendNow sends a packet if there is room for it, and never waits.
func sendNow(to syscall.Conn, b []byte, handles ...fdpass.Handle) error {
	raw, err := to.SyscallConn()
	if err != nil {
		return err
	}
	oob := fdpass.Rights(handles)
	var sendErr error
	if err := raw.Control(func(fd uintptr) {
		sendErr = unix.Sendmsg(int(fd), b, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}); err != nil {
		return err
	}
	return sendErr
}
