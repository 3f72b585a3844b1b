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
func (u *usher) pass(_ context.Context, s *ipc.SessionStart, conn, ack *os.File) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.c != nil {
		u.c.Unix().SetWriteDeadline(time.Now().Add(sessionPatience))
		err := u.c.Send(s, conn, ack)
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
	return c.Send(s, conn, ack)
}
