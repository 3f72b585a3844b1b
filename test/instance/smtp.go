package instance

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A Session is an SMTP dialogue, spoken by hand so that tests see the wire. What
// is sent and each reply have Wait; the session as a whole has no bound.
type Session struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

// Dial connects to smtpd and takes the greeting.
func (i *Instance) Dial() *Session {
	i.T.Helper()
	s, err := Dial(i.T, i.Addr)
	i.check(err)
	return s
}

// Dial connects to an SMTP server and takes its greeting, which must be 220.
func Dial(t testing.TB, addr string) (*Session, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return Greeted(t, c)
}

// Greeted is Dial with a connection that is there already; it is closed when
// the greeting is wrong.
func Greeted(t testing.TB, c net.Conn) (*Session, error) {
	s := &Session{t, c, bufio.NewReader(c)}
	reply, err := s.Reply()
	if err == nil && !strings.HasPrefix(reply, "220 ") {
		err = fmt.Errorf("greeting %q", reply)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// StartTLS begins TLS on a session in the clear, which is of no use afterwards.
func (s *Session) StartTLS(o *tls.Config) *Session {
	s.t.Helper()
	s.Want("220 2.0.0 ", "STARTTLS")
	return s.Inside(o)
}

// Inside makes a handshake: what follows is within TLS.
func (s *Session) Inside(o *tls.Config) *Session {
	s.t.Helper()
	c := tls.Client(s.c, o)
	c.SetDeadline(time.Now().Add(Wait))
	if err := c.Handshake(); err != nil {
		s.t.Fatalf("TLS handshake: %v", err)
	}
	return &Session{s.t, c, bufio.NewReader(c)}
}

// TLS is what the handshake has agreed on.
func (s *Session) TLS() tls.ConnectionState { return s.c.(*tls.Conn).ConnectionState() }

// Close ends the connection without a word.
func (s *Session) Close() { s.c.Close() }

// Send writes text as it is.
func (s *Session) Send(text string) error {
	s.c.SetWriteDeadline(time.Now().Add(Wait))
	_, err := s.c.Write([]byte(text))
	return err
}

// Reply reads one reply, lines joined by "\n".
func (s *Session) Reply() (string, error) {
	s.c.SetReadDeadline(time.Now().Add(Wait))
	var lines []string
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return strings.Join(lines, "\n"), err
		}
		if !strings.HasSuffix(line, "\r\n") {
			return "", fmt.Errorf("reply line %q does not end in CRLF", line)
		}
		line = strings.TrimSuffix(line, "\r\n")
		lines = append(lines, line)
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(lines, "\n"), nil
		}
	}
}

// Cmd sends a command line and returns the reply.
func (s *Session) Cmd(line string) (string, error) {
	if err := s.Send(line + "\r\n"); err != nil {
		return "", err
	}
	return s.Reply()
}

// Want sends a command and fails the test unless the reply starts with prefix.
func (s *Session) Want(prefix, line string) string {
	s.t.Helper()
	reply, err := s.Cmd(line)
	if err != nil || !strings.HasPrefix(reply, prefix) {
		s.t.Fatalf("%s: got %q, %v; want %q", line, reply, err, prefix)
	}
	return reply
}

// Deliver sends one message (lines ending in LF, no lone dots) and returns the
// queue ID of the final 250. Its error tells whether the message was refused;
// nothing is known when the connection broke after the final dot.
func (s *Session) Deliver(from string, to []string, message string) (id string, err error) {
	cmds := []string{"MAIL FROM:<" + from + ">"}
	for _, r := range to {
		cmds = append(cmds, "RCPT TO:<"+r+">")
	}
	for _, c := range append(cmds, "DATA") {
		reply, err := s.Cmd(c)
		if err != nil {
			return "", err
		}
		if reply[0] != '2' && reply[0] != '3' {
			return "", fmt.Errorf("%s: %s", c, reply)
		}
	}
	reply, err := s.Cmd(strings.ReplaceAll(message, "\n", "\r\n") + ".")
	if err != nil {
		return "", err
	}
	id, ok := strings.CutPrefix(reply, "250 2.0.0 Ok: queued as ")
	if !ok {
		return "", fmt.Errorf("end of data: %s", reply)
	}
	return id, nil
}

// Submit delivers one message over a connection of its own.
func (i *Instance) Submit(from, to, message string) (id string) {
	i.T.Helper()
	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO client.test")
	id, err := s.Deliver(from, []string{to}, message)
	i.check(err)
	s.Want("221", "QUIT")
	return id
}
