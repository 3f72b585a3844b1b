package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A hall is what master knows of sessions: who has logged in, and the processes
// that serve them.
type hall struct {
	arrivals chan *arrival
	hosts    map[hostKey]*process // those that take sessions
	number   int                  // of session processes, those that end included
	last     uint64               // the number of the last session
	guests   map[guest]int        // how many sessions
}

// A guest is whose sessions are counted together.
type guest struct{ service, user, client string }

// A hostKey tells which process serves a mailbox: one that runs the same
// program in the same way, as the same account, and that the mailbox falls to.
type hostKey struct {
	path, args, account string
	share               uint32
}

// An arrival is a session on its way to its process.
type arrival struct {
	start     ipc.SessionStart
	conn, ack fdpass.Handle
}

func (a *arrival) close() {
	a.conn.Close()
	a.ack.Close()
}

// refuse tells the login process why there is no session. One that does not
// hear it has the end of the descriptor.
func (a *arrival) refuse(why string) {
	if b, err := json.Marshal(ipc.SessionAck{Error: why}); err == nil {
		a.ack.Reply(b)
	}
}

// programs are the programs of the services that people read mail with.
var sessionPrograms = map[string]string{"pop3": "pop3d", "imap": "imapd"}

// errFull is a session process that has as many sessions as it may.
var errFull = fmt.Errorf("its session process has %d sessions already", maxVisits)

// errBusy is a session process that takes nothing more for now.
var errBusy = errors.New("its session process does not take it")

// seat gives a new session to its process.
func (m *master) seat(a *arrival, now time.Time) {
	defer a.close()
	st := &a.start
	g := guest{st.Service, st.Account.User, st.Facts.Client}
	if most := config.MailMaxUserIPConnections.Of(m.plan.config); most > 0 && m.hall.guests[g] >= most {
		why := fmt.Sprintf("Maximum number of connections from user+IP exceeded (%s=%d)", config.MailMaxUserIPConnections.Name, most)
		m.logins.On(maillog.LoginFailure).Info("%s-login: %s: user=<%s>, rip=%s, session=<%s>", st.Service, why, st.Account.User, st.Facts.Client, st.Facts.Session)
		a.refuse(why)
		return
	}
	err := m.welcome(a, now)
	if err == nil {
		m.hall.guests[g]++
		return
	}
	m.log.Error("%s session of %s: %v", maillog.Clean(st.Service), maillog.Clean(st.Account.User), err)
	a.refuse("Internal error occurred. Refer to server log for more information.")
}

// welcome finds or starts the process and passes the connection on.
func (m *master) welcome(a *arrival, now time.Time) error {
	p, fresh, err := m.hostOf(&a.start)
	if err != nil {
		return err
	}
	m.hall.last++
	a.start.Number = m.hall.last
	b, err := json.Marshal(ipc.SessionOrder{Start: &a.start, Parting: true})
	if err != nil {
		return err
	}
	if len(b) > fdpass.MaxPacket { // the process would not know it from a damaged connection
		return fmt.Errorf("an order of %d octets, at most %d can be sent", len(b), fdpass.MaxPacket)
	}
	v := visitOf(&a.start, p.pid, now)
	if !p.host.enter(v) {
		return errFull
	}
	err = sendNow(p.status, b, a.conn, a.ack)
	if err == nil {
		return nil
	}
	p.host.leave(v.Number)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return errBusy
	case errors.Is(err, unix.EPIPE) && !fresh: // it has died this instant
		m.closeHost(p)
		return m.welcome(a, now)
	}
	return err
}

func visitOf(st *ipc.SessionStart, pid int, now time.Time) *ipc.Visit {
	return &ipc.Visit{
		Number: st.Number, Service: st.Service, User: st.Account.User, Client: st.Facts.Client,
		TLS: st.Facts.TLS != nil, Session: st.Facts.Session, Since: now.UnixMicro(), PID: pid,
	}
}

// hostOf returns the process that the session belongs to, and whether it was
// started for it.
func (m *master) hostOf(st *ipc.SessionStart) (p *process, fresh bool, err error) {
	s, err := m.sessionService(st)
	if err != nil {
		return nil, false, err
	}
	as, err := m.sessionAccount(&st.Account)
	if err != nil {
		return nil, false, err
	}
	key := hostKey{path: s.path, args: strings.Join(sessionArgs(s.def.Args), "\x00"), account: "master", share: m.share(&st.Account)}
	if as != nil {
		key.account = fmt.Sprint(as.UID, as.GID, as.Groups)
	}
	if p := m.hall.hosts[key]; p != nil {
		return p, false, nil
	}
	if err := m.mayStart(key, config.SessionProcessLimit.Of(m.plan.config)); err != nil {
		return nil, false, err
	}
	p, err = m.parent.startHost(s, as, newHost(key, m.logins))
	if err != nil {
		return nil, false, fmt.Errorf("start its process: %w", err)
	}
	m.procs[p] = struct{}{}
	m.hall.hosts[key] = p
	m.hall.number++
	return p, true, nil
}

// maxRetired is how many processes a mailbox may have that take no sessions any more
// and have not ended. A user who keeps them from it shall not use up everybody's.
const maxRetired = 64

// mayStart says why there can be no other session process.
func (m *master) mayStart(key hostKey, most int) error {
	if m.hall.number >= most {
		return fmt.Errorf("there are %d session processes, as many as %s allows", m.hall.number, config.SessionProcessLimit.Name)
	}
	retired := 0
	for p := range m.procs {
		if p.host != nil && p.host.key == key {
			retired++
		}
	}
	if retired >= maxRetired {
		return fmt.Errorf("%d of its session processes should have ended and have not: are they stopped?", retired)
	}
	return nil
}

// sessionService is the entry of master.cf that the client came to. The login
// process names it, so it is believed only as far as the protocol goes, which
// authd knows.
func (m *master) sessionService(st *ipc.SessionStart) (*service, error) {
	program := sessionPrograms[st.Service]
	for _, s := range m.plan.services {
		if program != "" && s.def.Command == program && s.def.Name == st.Start.Entry {
			return s, nil
		}
	}
	return nil, fmt.Errorf("master.cf has no service %q for it", maillog.Clean(st.Start.Entry))
}

// sessionAccount is whom the session's process runs as; nil: as master.
func (m *master) sessionAccount(a *ipc.Account) (*credential, error) {
	if !m.plan.accounts.root {
		if a.UID != os.Geteuid() {
			return nil, fmt.Errorf("the mailbox is uid %d's, and master runs as uid %d: only root can serve others' mailboxes", a.UID, os.Geteuid())
		}
		return nil, nil
	}
	if a.UID <= 0 || a.GID <= 0 {
		return nil, fmt.Errorf("the account has uid %d and gid %d: root's mail is not served, give it to a person in the alias file", a.UID, a.GID)
	}
	groups := append([]int{a.GID}, a.Groups...)
	slices.Sort(groups)
	return &credential{UID: a.UID, GID: a.GID, Groups: slices.Compact(groups)}, nil
}

// share is which of the processes of its account a mailbox falls to.
func (m *master) share(a *ipc.Account) uint32 {
	h := fnv.New32a()
	h.Write([]byte(filepath.Join(a.Base, a.Mailbox)))
	return h.Sum32() % uint32(config.SessionProcesses.Of(m.plan.config))
}

// sessionArgs are a service's options without that which says how clients
// come in: pop3 and pop3s have their sessions in the same process.
func sessionArgs(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "-o" && i+1 < len(args) {
			if name, _, _ := strings.Cut(args[i+1], "="); strings.HasSuffix(strings.TrimSpace(name), "_tls_wrappermode") {
				i++
				continue
			}
		}
		out = append(out, args[i])
	}
	return out
}

// inheritSessions is the socket of the program that we were; one of version 1
// had none.
func (m *master) inheritSessions(queueDir string, fd int) (*net.UnixListener, error) {
	if fd == 0 {
		return m.claim.ListenSessions(queueDir)
	}
	return inheritListener(fd)
}

// attendSessions takes the connections of people who have logged in from authd
// until l is closed.
func attendSessions(ctx context.Context, l *net.UnixListener, to chan<- *arrival, log *maillog.Logger) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go receive(ctx, fdpass.New(c), to, log)
	}
}

// receive takes what one authd brings, for as long as it lives.
func receive(ctx context.Context, c *fdpass.Conn, to chan<- *arrival, log *maillog.Logger) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if !mayAsk(c) {
		return
	}
	for {
		a := new(arrival)
		handles, err := c.RecvHandles(&a.start)
		if errors.Is(err, fdpass.ErrFiles) { // whoever waits for an answer has the end of his descriptor
			log.Warn("session of %s: %v", maillog.Clean(a.start.Account.User), err)
			continue
		}
		if err == nil && (len(handles) != 2 || a.start.Version != ipc.SessionVersion) {
			err = fmt.Errorf("a session of version %d with %d descriptors, want version %d and 2", a.start.Version, len(handles), ipc.SessionVersion)
		}
		if err != nil {
			fdpass.CloseHandles(handles)
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				log.Warn("sessions from authd: %v", err)
			}
			return
		}
		a.conn, a.ack = handles[0], handles[1]
		select {
		case to <- a:
		case <-ctx.Done():
			a.close()
			return
		}
	}
}
