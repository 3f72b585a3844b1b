package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A load is a number of sessions at once that repeat a dialogue, SMTP mail
// unless they have a script, each over a connection of its own and spoken
// plainly: the next command goes out when the reply to the last is there
// (smtp-source does the same).
//
// The server under test shares the processors with the load, so the load is
// one thread over epoll: a message costs it some twenty system calls and no
// allocation. Over TLS it is a goroutine a session (tls.go).
type load struct {
	addr     *unix.SockaddrInet4
	sessions int
	script   []step
	tls      *tls.Config
	rcpts    [][]byte                      // RCPT commands, taken in turn
	rcpt     func(b []byte, id int) []byte // when set: appends the RCPT command of message id
	first    int                           // number of the first message
	messages int                           // the load ends after so many; 0: after its time
	body     []byte                        // content with its final dot
	warm     time.Duration
	time     time.Duration // the load ends so long after its start
}

// A tally is what a load did.
type tally struct {
	sent    int // accepted in all
	counted int // accepted after the warm-up
	failed  int
	why     string // the first failure
	start   time.Time
	warmed  time.Time
	end     time.Time
}

// A client is one session of a load.
type client struct {
	fd   int
	step int
	id   int       // number of the message
	line [512]byte // room for a command of its own
	in   [2048]byte
	n    int
	out  []byte // what the socket did not take yet
}

// count enters a message that was accepted.
func (t *tally) count(now time.Time) {
	t.sent++
	if now.After(t.warmed) {
		t.counted++
	}
}

// retryAfter is the pause of a session whose message failed: a server that
// refuses everything must not be hammered.
const retryAfter = 20 * time.Millisecond

type loop struct {
	load
	tally
	epoll   int
	clients []client
	next    int           // number of the next message
	resume  []pausedUntil // failed sessions, in order of time
	open    int
}

type pausedUntil struct {
	at time.Time
	i  int
}

// run runs the load to its end. It returns an error only when it could not do
// its own work; what the server refused is in the tally.
func (l load) run(ctx context.Context) (tally, error) {
	if l.script == nil {
		l.script = l.mail(ehlo)
	}
	if l.tls != nil {
		return l.runTLS(ctx)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return tally{}, fmt.Errorf("epoll: %w", err)
	}
	defer unix.Close(epoll)
	lp := &loop{load: l, epoll: epoll, clients: make([]client, l.sessions), next: l.first}
	lp.start = time.Now()
	lp.warmed = lp.start.Add(l.warm)
	for i := range lp.clients {
		if err := lp.connect(i); err != nil {
			return lp.tally, err
		}
	}
	err = lp.serve(ctx, lp.start.Add(l.time))
	lp.end = time.Now()
	for i := range lp.clients {
		if lp.clients[i].fd >= 0 {
			unix.Close(lp.clients[i].fd)
		}
	}
	return lp.tally, err
}

// serve answers events until every session has ended its last message.
func (lp *loop) serve(ctx context.Context, end time.Time) error {
	var events [128]unix.EpollEvent
	for lp.open > 0 || len(lp.resume) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.EpollWait(lp.epoll, events[:], lp.wait())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		now := time.Now()
		if now.After(end.Add(maxStall)) {
			return fmt.Errorf("%d sessions hang %v after the end of the load", lp.open, maxStall)
		}
		for _, e := range events[:max(n, 0)] {
			i := int(e.Fd)
			more, err := lp.event(i, e.Events, now)
			if err != nil {
				lp.fail(i, err, now)
				continue
			}
			if !more {
				lp.hangUp(i)
				if lp.goesOn(now, end) {
					if err := lp.connect(i); err != nil {
						return err
					}
				}
			}
		}
		for len(lp.resume) > 0 && !now.Before(lp.resume[0].at) {
			i := lp.resume[0].i
			lp.resume = lp.resume[1:]
			if lp.goesOn(now, end) {
				if err := lp.connect(i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// maxStall is how long a session may take over its last message.
const maxStall = 60 * time.Second

// goesOn reports whether another message is to be sent.
func (lp *loop) goesOn(now, end time.Time) bool {
	return now.Before(end) && (lp.messages == 0 || lp.next < lp.first+lp.messages)
}

// wait is the time-out of epoll in milliseconds.
func (lp *loop) wait() int {
	if len(lp.resume) > 0 {
		return int(max(0, time.Until(lp.resume[0].at).Milliseconds()+1))
	}
	return 200
}

// connect opens session i's next connection. A port is let go with a reset
// (hangUp), so that no run is bounded by ports in TIME-WAIT.
func (lp *loop) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c := &lp.clients[i]
	c.fd, c.step, c.n, c.out, c.id = fd, 0, 0, nil, lp.next
	lp.next++
	lp.open++
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err := unix.Connect(fd, lp.addr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		lp.fail(i, err, time.Now())
		return nil
	}
	err = unix.EpollCtl(lp.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

func (lp *loop) hangUp(i int) {
	unix.Close(lp.clients[i].fd)
	lp.clients[i].fd = -1
	lp.open--
}

func (lp *loop) fail(i int, err error, now time.Time) {
	lp.failed++
	if lp.why == "" {
		lp.why = fmt.Sprintf("step %d: %v", lp.clients[i].step, err)
	}
	lp.hangUp(i)
	lp.resume = append(lp.resume, pausedUntil{now.Add(retryAfter), i})
}

// event moves session i on; more is false when its dialogue is over.
func (lp *loop) event(i int, what uint32, now time.Time) (more bool, err error) {
	c := &lp.clients[i]
	if what&unix.EPOLLOUT != 0 {
		return true, lp.write(i, c.out)
	}
	n, err := unix.Read(c.fd, c.in[c.n:])
	if err != nil {
		return false, err
	}
	if n == 0 {
		return false, fmt.Errorf("connection closed after %q", c.in[:c.n])
	}
	c.n += n
	if !lp.script[c.step].whole(c.in[:c.n]) {
		if c.n == len(c.in) {
			return false, errors.New("reply too long")
		}
		return true, nil
	}
	send, done, err := lp.answer(c, c.in[:c.n])
	if err != nil {
		return false, err
	}
	if done {
		lp.count(now)
	}
	if send == nil {
		return false, nil
	}
	c.n = 0
	return true, lp.write(i, send)
}

// write sends what the socket takes and leaves the rest to EPOLLOUT.
func (lp *loop) write(i int, b []byte) error {
	c := &lp.clients[i]
	waited := len(c.out) > 0
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	c.out = b
	if waited == (len(b) > 0) {
		return nil
	}
	events := uint32(unix.EPOLLIN)
	if len(b) > 0 {
		events = unix.EPOLLIN | unix.EPOLLOUT
	}
	return unix.EpollCtl(lp.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: events, Fd: int32(i)})
}
