package smtpc

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/dsn"
	"yubin/internal/maillog"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// An endpoint is a server at one address.
type endpoint struct {
	host string         // its name, as far as it has one
	addr netip.AddrPort // not valid for a Unix socket
	path string         // of a Unix socket
}

// name is the endpoint for people: host[address].
func (p endpoint) name() string {
	if !p.addr.IsValid() {
		return p.host + "[" + p.path + "]"
	}
	return p.host + "[" + p.addr.Addr().String() + "]"
}

// relay is the endpoint in the log: host[address]:port.
func (p endpoint) relay() string {
	if !p.addr.IsValid() {
		return p.name()
	}
	return p.name() + ":" + strconv.Itoa(int(p.addr.Port()))
}

// A session is a connection with a server. One goroutine at a time uses it.
type session struct {
	o    *settings
	log  *maillog.Logger
	conn net.Conn // TLS, when that has begun
	raw  net.Conn // beneath it
	r    *bufio.Reader
	w    *bufio.Writer
	peer endpoint
	name string // peer.name(), for texts
	ext  extensions
	tls  *tlsState // nil: plain text

	began   time.Time
	parked  time.Time // since when it waits for work
	sent    int       // transactions
	secret  bool      // what is said is not for people to see
	doubt   bool      // the last transaction did not end well: ask before the next
	ended   bool      // nothing more can be said
	goodbye *reply    // 421, with which the server ends the session

	said   *dsn.Dialogue // nil: the postmaster wants to hear of nothing
	wrong  bool          // he is to hear of this session
	reason string        // why it ended, where that is what was wrong

	limit atomic.Int64 // nanoseconds since 1970: by then everything ends; 0: not yet
	key   poolKey
	timer *time.Timer // while parked: ends the wait
	uses  int         // requests
}

// sendBuffer is what a session gathers before it writes, octets: many sessions
// are open at once.
const sendBuffer = 16 << 10

// newSession takes over a connection.
func newSession(o *settings, log *maillog.Logger, p endpoint, c net.Conn) *session {
	s := &session{o: o, log: log, peer: p, name: p.name(), raw: c, began: time.Now()}
	if o.tells {
		s.said = &dsn.Dialogue{}
	}
	s.use(c)
	return s
}

// use speaks over c from now on. What the server has sent before is forgotten:
// the caller has looked that there is nothing.
func (s *session) use(c net.Conn) {
	s.conn, s.r, s.w = c, bufio.NewReaderSize(c, maxReplyLine), bufio.NewWriterSize(c, sendBuffer)
}

// stopTime is what a session has left when the process must end.
const stopTime = 3 * time.Second

// watch bounds everything that the session does once ctx has ended. The
// function that it returns ends the watch.
func (s *session) watch(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() {
		t := time.Now().Add(stopTime)
		s.limit.Store(t.UnixNano())
		s.raw.SetDeadline(t)
	})
}

// within gives what is done next d in all.
func (s *session) within(d time.Duration) {
	t := time.Now().Add(d)
	s.conn.SetDeadline(t)
	// watch may have set an earlier one meanwhile.
	if l := s.limit.Load(); l != 0 && l < t.UnixNano() {
		s.conn.SetDeadline(time.Unix(0, l))
	}
}

// lost is the error for a connection that ended, or must end, in a step.
func (s *session) lost(phase string, err error) error {
	s.ended = true
	if s.limit.Load() != 0 {
		err = errStopping
	}
	l := &lost{s.name, phase, err}
	if errors.Is(err, errGarbled) {
		s.wrong, s.reason = true, l.Error()
	}
	return l
}

// line writes a command into the buffer. Callers have seen to it that nothing
// in it can end the line.
func (s *session) line(text string) {
	s.showCommand(text)
	s.w.WriteString(text)
	s.w.WriteString("\r\n")
}

// reply reads the next reply. A connection that cannot be written to any more
// may still hold one, with the reason.
func (s *session) reply(phase string) (*reply, error) {
	werr := s.w.Flush()
	r, err := readReply(s.r)
	if err != nil {
		if werr != nil && !errors.Is(err, errGarbled) {
			err = werr
		}
		return nil, s.lost(phase, err)
	}
	s.showReply(r)
	s.wrong = s.wrong || misunderstood(r, phase)
	if r.code == 421 {
		s.ended, s.goodbye = true, r
	}
	if werr != nil {
		s.ended = true
	}
	return r, nil
}

// unasked ends a session in which the server has said something that nobody has
// asked for: it would be taken for the answer to what comes next, and a letter
// for delivered.
func (s *session) unasked(phase string) error {
	if s.r.Buffered() == 0 {
		return nil
	}
	if r, err := readReply(s.r); err == nil && r.code == 421 {
		s.showReply(r)
		s.goodbye = r
	}
	return s.lost(phase, errUnasked)
}

// command sends one command and reads its reply, within d.
func (s *session) command(phase string, d time.Duration, text string) (*reply, error) {
	s.within(d)
	s.line(text)
	return s.reply(phase)
}

// quit ends the session politely, and does not wait long.
func (s *session) quit() {
	if !s.ended {
		s.within(min(s.o.wait.quit, 5*time.Second))
		s.line("QUIT")
		if s.w.Flush() == nil && !s.o.skipQuit {
			s.within(s.o.wait.quit)
			s.reply("sending the QUIT command")
		}
	}
	s.close()
}

// close ends the connection.
func (s *session) close() {
	s.ended = true
	s.conn.Close()
}

// rset clears what the server knows of a transaction. It tells whether the
// session is of use.
func (s *session) rset() bool {
	r, err := s.command("sending the RSET probe", s.o.wait.rset, "RSET")
	s.doubt = false
	return err == nil && r.class() == 2 && !s.ended
}

// doubtAfter is how long a session may have waited and still be trusted.
const doubtAfter = time.Second

// fresh tells whether a session that has waited for work can take some. What
// the server has said meanwhile can only be its farewell.
func (s *session) fresh() bool {
	if s.ended || s.r.Buffered() > 0 {
		return false
	}
	switch s.pending() {
	case unix.EAGAIN:
	case nil:
		if s.tls == nil {
			return false
		}
		s.doubt = true // it may be a record that TLS wants, such as a session ticket
	default:
		return false
	}
	if s.doubt || time.Since(s.parked) > doubtAfter {
		return s.rset()
	}
	return true
}

var errEnd = errors.New("end of connection")

// pending looks whether the server has sent something: nil; EAGAIN: nothing;
// else the connection has ended.
func (s *session) pending() error {
	c, ok := s.raw.(syscall.Conn)
	if !ok {
		return unix.EAGAIN
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	s.raw.SetReadDeadline(time.Time{})
	var n int
	var peek error
	err = raw.Read(func(fd uintptr) bool {
		n, _, peek = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return true
	})
	switch {
	case err != nil:
		return err
	case peek == nil && n == 0:
		return errEnd
	}
	return peek
}
