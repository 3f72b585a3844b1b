// Package remote asks servers that answer one thing at a time on a connection, at
// inet:host:port or unix:path: tables, and policies. Connections are kept for the next
// question. What is asked, and how an answer is read, is the caller's.
package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"time"
)

// Limits bound the use of a Server.
type Limits struct {
	Time  time.Duration // of a question, waiting for its turn included
	Turns int           // questions at once
	Idle  time.Duration // how long a connection is kept that has served
	Age   time.Duration // after which one serves no more; 0: any
	Uses  int           // after which one serves no more; 0: any
}

// A Server is asked.
type Server struct {
	network, address string
	limits           Limits
	turns            chan struct{}
	idle             chan *line
}

// A line is a connection.
type line struct {
	net.Conn
	replies *bufio.Reader
	made    time.Time
	used    time.Time // last
	uses    int
}

func newServer(network, address string, l Limits) *Server {
	return &Server{network, address, l, make(chan struct{}, l.Turns), make(chan *line, l.Turns)}
}

// At reads "inet:host:port" or "unix:path"; a path may be relative to the directory
// queue, if that is not "".
func At(where, queue string, l Limits) (*Server, error) {
	kind, address, _ := strings.Cut(where, ":")
	switch kind {
	case "inet":
		return Host(address, l)
	case "unix":
		switch {
		case address == "":
			return nil, errors.New("unix: wants a path")
		case path.IsAbs(address):
		case queue == "":
			return nil, fmt.Errorf("want an absolute path behind unix:, have %q", address)
		default:
			address = path.Join(queue, address)
		}
		return newServer("unix", address, l), nil
	}
	return nil, fmt.Errorf("want inet:host:port or unix:path, have %q", where)
}

// Host reads "host:port", where host may be in brackets; without one it is this host.
func Host(address string, l Limits) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return nil, fmt.Errorf("want host:port, have %q", address)
	}
	if host == "" {
		host = "localhost"
	}
	return newServer("tcp", net.JoinHostPort(host, port), l), nil
}

// String is the address.
func (s *Server) String() string { return s.address }

// Ask sends a request and has read read the reply, which fits no more than what the
// reader holds at once if it uses ReadSlice. A connection that has served before may
// have been closed by the server meanwhile: then a new one is tried.
func (s *Server) Ask(request []byte, read func(*bufio.Reader) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.Time)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return fmt.Errorf("%s is too slow: %d questions wait for it", s.address, s.limits.Turns)
	}
	for {
		l, fresh, err := s.line(ctx)
		if err != nil {
			return err
		}
		deadline, _ := ctx.Deadline()
		err = l.SetDeadline(deadline)
		if err == nil {
			_, err = l.Write(request)
		}
		if err == nil {
			err = read(l.replies)
		}
		if err == nil && l.replies.Buffered() == 0 {
			s.keep(l)
			return nil
		}
		l.Close()
		if err == nil || fresh || ctx.Err() != nil {
			return err
		}
	}
}

// line returns a connection, a fresh one if none is idle.
func (s *Server) line(ctx context.Context) (l *line, fresh bool, err error) {
	for {
		select {
		case l = <-s.idle:
			if time.Since(l.used).Abs() < s.limits.Idle {
				return l, false, nil
			}
			l.Close()
			continue
		default:
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, s.network, s.address)
		if err != nil {
			return nil, false, err
		}
		return &line{Conn: conn, replies: bufio.NewReader(conn), made: time.Now()}, true, nil
	}
}

// keep leaves a connection for the next question, if it may serve any more.
func (s *Server) keep(l *line) {
	l.used = time.Now()
	l.uses++
	if s.limits.Uses > 0 && l.uses >= s.limits.Uses || s.limits.Age > 0 && l.used.Sub(l.made).Abs() >= s.limits.Age {
		l.Close()
		return
	}
	select {
	case s.idle <- l:
	default:
		l.Close()
	}
}
