package login

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/auth"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/sock"
)

// A seat is a client's connection, ready to be given to a session process.
// Until one has taken it the client is still ours.
type seat struct {
	theirs  auth.Seat
	ack     *sock.Conn    // where the session process says that it has it
	carried *sock.Conn    // the outer end of what carries TLS; nil: none
	count   *atomic.Int64 // of early seats; nil: it is none
}

// maxEarly is how many seats a process makes before it knows that they will be
// wanted: those who guess passwords shall not use up descriptors.
const maxEarly = 500

// oneStep are the mechanisms whose initial response is all that is said. With
// it goes the seat, and a session begins without another request.
var oneStep = []string{"PLAIN", "XOAUTH2", "OAUTHBEARER", "EXTERNAL"}

// early makes a seat that goes along with the beginning of a login; nil: the
// connection is handed over later.
func (c *Client) early(mechanism string, initial []byte, start Start) *seat {
	if initial == nil || !slices.Contains(oneStep, mechanism) || c.Flush() != nil {
		return nil
	}
	if c.srv.early.Add(1) > maxEarly {
		c.srv.early.Add(-1)
		return nil
	}
	s, err := c.newSeat(start)
	if err != nil {
		c.srv.early.Add(-1)
		return nil
	}
	s.count = &c.srv.early
	return s
}

// newSeat makes a seat. What the client was told has been sent.
func (c *Client) newSeat(start Start) (s *seat, err error) {
	s = new(seat)
	if s.ack, s.theirs.Ack, err = pair(unix.SOCK_SEQPACKET); err != nil {
		return nil, err
	}
	if c.overTLS {
		s.carried, s.theirs.Conn, err = pair(unix.SOCK_STREAM)
	} else {
		s.theirs.Conn, err = copyOf(c.raw)
	}
	if err != nil {
		s.ack.Close()
		s.theirs.Ack.Close()
		return nil, err
	}
	s.theirs.Start = ipc.AuthSessionStart{
		Entry: c.srv.Entry, Tag: start.Tag, Unread: slices.Clone(c.Pending()), Secure: c.Secure(), Enabled: start.Enabled,
	}
	return s, nil
}

func (s *seat) offer() *auth.Seat {
	if s == nil {
		return nil
	}
	return &s.theirs
}

// leave closes what was lent to authd.
func (s *seat) leave() {
	if s.theirs.Ack >= 0 {
		s.theirs.Conn.Close()
		s.theirs.Ack.Close()
		s.theirs.Conn, s.theirs.Ack = -1, -1
	}
}

// close is the end of a seat, whoever has the client now.
func (s *seat) close() {
	if s == nil || s.ack == nil {
		return
	}
	s.leave()
	s.ack.Close()
	s.ack = nil
	if s.carried != nil {
		s.carried.Close()
	}
	if s.count != nil {
		s.count.Add(-1)
	}
}

// A refusal is why there is no session, in words for the client.
type refusal string

func (r refusal) Error() string { return string(r) }

// ackTime is how long a session process may take to begin, when many begin at
// once on a slow machine.
const ackTime = 30 * time.Second

// seated waits for the session process, which has the connection or, where step
// is no success, may have it.
func (c *Client) seated(s *seat, step auth.Step) (Result, error) {
	if step.User != "" {
		c.user = maillog.Clean(step.User)
	}
	s.leave()
	pid, err := c.acknowledged(s.ack)
	if err != nil {
		return c.seatless(err), nil
	}
	c.in = true
	if s.carried != nil {
		c.pump = newPump(c.Net(), s.carried, c.srv.sessionTimeout)
		s.carried = nil
	}
	t := c.line("Login: ")
	c.elements(&t, pid)
	c.srv.logins.On(maillog.Login).Write(&t)
	return Result{In: true}, nil
}

// seatless is the result of a login that has succeeded and led to no session.
func (c *Client) seatless(err error) Result {
	var refused refusal
	if errors.As(err, &refused) {
		return Result{Code: ipc.AuthCodeUnavailable, Text: string(refused)}
	}
	c.srv.Log.Warn("session of %s: %v", c.user, err)
	return Result{Code: ipc.AuthCodeUnavailable, Text: "Internal error occurred. Refer to server log for more information."}
}

// acknowledged waits for the session process, or master in its place.
func (c *Client) acknowledged(ack net.Conn) (pid int, err error) {
	ack.SetReadDeadline(time.Now().Add(ackTime))
	b := make([]byte, 2<<10)
	n, err := ack.Read(b)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// Should the session begin after all, two would answer.
			c.raw.Close()
		}
		return 0, errors.New("no session process has taken it")
	}
	var a ipc.SessionAck
	if err := json.Unmarshal(b[:n], &a); err != nil {
		return 0, err
	}
	if a.Error != "" {
		return 0, refusal(strings.TrimSpace(maillog.Clean(a.Error)))
	}
	return a.PID, nil
}

// copyOf is another descriptor of a connection.
func copyOf(c net.Conn) (fdpass.Handle, error) {
	raw, err := rawOf(c)
	if err != nil {
		return -1, err
	}
	fd := -1
	if e := raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 3) }); e != nil {
		return -1, e
	}
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fdpass.Handle(fd), nil
}

// pumped is how much may be on its way in a pair.
const pumped = 32 << 10

// pair returns a connected pair of Unix sockets, one end to keep and one to
// give away.
func pair(kind int) (ours *sock.Conn, theirs fdpass.Handle, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	if kind == unix.SOCK_STREAM {
		for _, fd := range fds {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, pumped)
		}
	}
	if ours, err = sock.Adopt(fds[0], nil, nil); err != nil {
		unix.Close(fds[1])
		return nil, -1, err
	}
	return ours, fdpass.Handle(fds[1]), nil
}
