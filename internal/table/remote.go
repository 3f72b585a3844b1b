package table

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

const (
	// remoteTime is how long a lookup at a server may take, waiting for its turn
	// included.
	remoteTime = 30 * time.Second
	// remoteTurns is how many lookups a table makes at once, remoteIdle for how
	// long a connection that has served one is used for the next.
	remoteTurns = 16
	remoteIdle  = 10 * time.Second
)

// A remote is a server that is asked one thing at a time on each connection.
type remote struct {
	network, address string
	turns            chan struct{}
	idle             chan *line
}

// A line is a connection.
type line struct {
	net.Conn
	replies *bufio.Reader
	used    time.Time // last
}

func newRemote(network, address string) *remote {
	return &remote{network, address, make(chan struct{}, remoteTurns), make(chan *line, remoteTurns)}
}

// remoteAt reads "inet:host:port" or "unix:path"; a path may be relative to
// queue_directory.
func remoteAt(where string, o *options) (*remote, error) {
	kind, address, _ := strings.Cut(where, ":")
	switch kind {
	case "inet":
		return remoteHost(address)
	case "unix":
		switch {
		case address == "":
			return nil, errors.New("unix: wants a path")
		case path.IsAbs(address):
		case o.queue == "":
			return nil, fmt.Errorf("want an absolute path behind unix:, have %q", address)
		default:
			address = path.Join(o.queue, address)
		}
		return newRemote("unix", address), nil
	}
	return nil, fmt.Errorf("want inet:host:port or unix:path, have %q", where)
}

// remoteHost reads "host:port", where host may be in brackets; without one it is
// this host.
func remoteHost(address string) (*remote, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return nil, fmt.Errorf("want host:port, have %q", address)
	}
	if host == "" {
		host = "localhost"
	}
	return newRemote("tcp", net.JoinHostPort(host, port)), nil
}

// ask sends a request and has read read the reply. A connection that has served
// before may have been closed by the server meanwhile: then a new one is tried.
func (r *remote) ask(request []byte, read func(*bufio.Reader) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), remoteTime)
	defer cancel()
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return fmt.Errorf("%s is too slow: %d lookups wait for it", r.address, remoteTurns)
	}
	for {
		l, fresh, err := r.line(ctx)
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
			r.keep(l)
			return nil
		}
		l.Close()
		if err == nil || fresh || ctx.Err() != nil {
			return err
		}
	}
}

// line returns a connection, a fresh one if none is idle.
func (r *remote) line(ctx context.Context) (l *line, fresh bool, err error) {
	for {
		select {
		case l = <-r.idle:
			if time.Since(l.used).Abs() < remoteIdle {
				return l, false, nil
			}
			l.Close()
			continue
		default:
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, r.network, r.address)
		if err != nil {
			return nil, false, err
		}
		return &line{Conn: conn, replies: bufio.NewReader(conn)}, true, nil
	}
}

// keep leaves a connection for the next lookup.
func (r *remote) keep(l *line) {
	l.used = time.Now()
	select {
	case r.idle <- l:
	default:
		l.Close()
	}
}
