package authd

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/instance"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// sessionPatience is how long master may take to take a connection.
const sessionPatience = 10 * time.Second

// A usher gives the connections of people who have logged in to master.
type usher struct {
	queueDir string

	mu sync.Mutex // guards c
	c  *fdpass.Conn
}

// pass gives one away. Nothing is answered: the session process, or master in its
// place, says on ack what has become of it. A connection to master that broke
// was another master's.
func (u *usher) pass(_ context.Context, s *ipc.SessionStart, conn, ack fdpass.Handle) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.c != nil {
		u.c.Unix().SetWriteDeadline(time.Now().Add(sessionPatience))
		err := u.c.SendHandles(s, conn, ack)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		u.c.Close()
		u.c = nil
	}
	c, err := instance.DialSessions(u.queueDir)
	if err != nil {
		return err
	}
	// Whoever listens there has every session: only who runs the system may.
	peer, err := c.Peer()
	if err == nil && peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
		err = errors.New("it is not master that listens for sessions")
	}
	if err != nil {
		c.Close()
		return err
	}
	u.c = c
	c.Unix().SetWriteDeadline(time.Now().Add(sessionPatience))
	return c.SendHandles(s, conn, ack)
}

// A seat is a connection that wants a session, with what the program that has it
// says of it. Its descriptors have one owner.
type seat struct {
	start   *ipc.AuthSessionStart
	handles []fdpass.Handle
}

// good tells whether there is all that a session needs.
func (s *seat) good() bool { return s.start != nil && len(s.handles) == 2 }

// take makes the caller the owner.
func (s *seat) take() *seat {
	t := *s
	s.handles = nil
	return &t
}

func (s *seat) close() {
	fdpass.CloseHandles(s.handles)
	s.handles = nil
}

// settle gives the connection of a login that succeeded to master, and returns
// what the program is told.
func (x *exchange) settle(s *seat) *ipc.AuthReply {
	defer s.close()
	facts := *x.facts
	err := x.v.l.sessions(x.ctx, &ipc.SessionStart{
		Version: ipc.SessionVersion, Service: facts.Service, Account: x.found.Account, Facts: facts,
		Method: x.mechanism, Start: *s.start,
	}, s.handles[0], s.handles[1])
	if err != nil {
		x.v.l.log.Warn("session of %s: %v", maillog.Clean(x.found.User), err)
		return unavailable(x.number)
	}
	return &ipc.AuthReply{Exchange: x.number, State: ipc.AuthOK, User: x.found.User, Seated: true}
}
