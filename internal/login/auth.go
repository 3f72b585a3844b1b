package login

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/auth"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/sock"
)

// plaintext are the mechanisms that show the secret to whoever listens.
var plaintext = []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}

// Mechanisms are those that the client may use now. Where authd does not answer
// there are none.
func (c *Client) Mechanisms(ctx context.Context) []string {
	any, plain := c.MayLogIn()
	if !any {
		return nil
	}
	list, err := c.srv.Auth.Mechanisms(ctx, &c.facts)
	if err != nil {
		c.srv.Log.Warn("mechanisms: %v", err)
		return nil
	}
	if !plain {
		list = slices.DeleteFunc(slices.Clone(list), func(m string) bool { return slices.Contains(plaintext, m) })
	}
	return list
}

// ErrCancelled is what ask returns when the client has given up.
var ErrCancelled = errors.New("authentication cancelled")

// A Result is how a login went.
type Result struct {
	In   bool   // a session process has the client: nothing may be said any more
	Code string // one of ipc's
	Text string // for the client
}

// A Start is what a protocol has to say of the session to come.
type Start struct {
	Tag     string
	Enabled []string
}

// Login runs an exchange and hands the connection over when it succeeds. ask
// sends a challenge and returns the client's response. An error is one of ask's
// other than ErrCancelled: the connection is of no use.
func (c *Client) Login(ctx context.Context, mechanism string, initial []byte, start Start, ask func(challenge []byte) ([]byte, error)) (Result, error) {
	c.tries++
	c.method = maillog.Clean(mechanism)
	any, plain := c.MayLogIn()
	if !any || !plain && slices.Contains(plaintext, mechanism) {
		c.RefusePlaintext(c.method)
		return Result{Code: ipc.AuthCodePrivacy, Text: "Plaintext authentication disallowed on non-secure (SSL/TLS) connections."}, nil
	}
	x, step := c.srv.Auth.Begin(ctx, mechanism, initial, &c.facts)
	for !step.Final() {
		response, err := ask(step.Challenge)
		if err != nil {
			x.Cancel()
		}
		if errors.Is(err, ErrCancelled) {
			c.failed++
			return Result{Code: ipc.AuthCodeMalformed, Text: "Authentication aborted by client."}, nil
		}
		if err != nil {
			return Result{}, err
		}
		step = x.Next(ctx, response)
	}
	if step.User != "" {
		c.user = maillog.Clean(step.User)
	}
	switch step.State {
	case ipc.AuthOK:
		return c.succeed(ctx, x, step, start, ask)
	case ipc.AuthFailed:
		c.failed++
	}
	return Result{Code: step.Code, Text: step.Text}, nil
}

// succeed ends an exchange that authd is content with. What the mechanism says
// with success is a challenge to the client, which answers with nothing
// (RFC 4422, 3.6).
func (c *Client) succeed(ctx context.Context, x auth.Exchange, step auth.Step, start Start, ask func([]byte) ([]byte, error)) (Result, error) {
	if len(step.Challenge) > 0 {
		response, err := ask(step.Challenge)
		if errors.Is(err, ErrCancelled) || err == nil && len(response) > 0 {
			c.failed++
			return Result{Code: ipc.AuthCodeFailed, Text: "Authentication failed."}, nil
		}
		if err != nil {
			return Result{}, err
		}
	}
	if err := c.Flush(); err != nil {
		return Result{}, err
	}
	pid, err := c.handOver(ctx, x, start)
	var refused refusal
	switch {
	case err == nil:
		c.in = true
		c.srv.logins.Info("%s-login: Login: %s", c.srv.Protocol.Name, c.elements(pid))
		return Result{In: true}, nil
	case errors.As(err, &refused):
		return Result{Code: ipc.AuthCodeUnavailable, Text: string(refused)}, nil
	}
	c.srv.Log.Warn("session of %s: %v", c.user, err)
	return Result{Code: ipc.AuthCodeUnavailable, Text: "Internal error occurred. Refer to server log for more information."}, nil
}

// A refusal is why there is no session, in words for the client.
type refusal string

func (r refusal) Error() string { return string(r) }

// ackTime is how long a session process may take to begin, when many begin at
// once on a slow machine.
const ackTime = 30 * time.Second

// handOver gives the connection to a session process and returns that process's
// ID. After an error the client is still ours.
func (c *Client) handOver(ctx context.Context, x auth.Exchange, start Start) (pid int, err error) {
	ack, theirAck, err := pair(unix.SOCK_SEQPACKET)
	if err != nil {
		return 0, err
	}
	defer ack.Close()
	conn, carried, err := c.connection()
	if err != nil {
		theirAck.Close()
		return 0, err
	}
	err = x.HandOver(ctx, ipc.AuthSessionStart{
		Entry: c.srv.Entry, Tag: start.Tag, Unread: slices.Clone(c.Pending()), Secure: c.Secure(), Enabled: start.Enabled,
	}, conn, theirAck)
	conn.Close()
	theirAck.Close()
	if err == nil {
		pid, err = c.acknowledged(ack)
	}
	if err != nil {
		if carried != nil {
			carried.Close()
		}
		return 0, err
	}
	if carried != nil {
		c.pump = newPump(c.Net(), carried, c.srv.sessionTimeout)
	}
	return pid, nil
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

// connection is what a session process gets: the connection itself, or, for
// TLS, one end of a pair whose other end is carried.
func (c *Client) connection() (theirs *os.File, carried net.Conn, err error) {
	if c.overTLS {
		carried, theirs, err = pair(unix.SOCK_STREAM)
		return theirs, carried, err
	}
	raw, err := rawOf(c.raw)
	if err != nil {
		return nil, nil, err
	}
	fd := -1
	if e := raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 3) }); e != nil {
		return nil, nil, e
	}
	if err != nil {
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "connection"), nil, nil
}

// pumped is how much may be on its way in a pair.
const pumped = 32 << 10

// pair returns a connected pair of Unix sockets, one end to keep and one to
// give away.
func pair(kind int) (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if kind == unix.SOCK_STREAM {
		for _, fd := range fds {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, pumped)
		}
	}
	f := os.NewFile(uintptr(fds[0]), "pair")
	ours, err = net.FileConn(f)
	f.Close()
	theirs = os.NewFile(uintptr(fds[1]), "pair")
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return sock.Wrap(ours), theirs, nil
}
