// Package agent is what delivery agents have in common: their side of the
// conversation with the queue manager (package ipc, deliver.go).
//
// A Server reads the requests of one connection and hands each to Handle. The
// agent answers it, at once or later, in one part or several; answers of many
// requests that become known together travel in one packet. A request's
// descriptor is closed before its last answer leaves, since qmgr does not lend
// a file again that somebody has open.
//
// The package delivers nothing and knows no transport.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ids"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A Server serves connections from the queue manager. Its fields do not change.
type Server struct {
	Log *maillog.Logger
	// Trusted are the users whose requests are taken: beside the socket's mode,
	// since a request names any mailbox.
	Trusted map[uint32]bool
	// Handle takes a request. It is called by the goroutine that reads: while it
	// waits, nothing more is read, and the queue manager's window fills.
	Handle func(*Request)
}

// Trusted are the users who may send delivery requests: root, this process's
// own, and mail_owner, as whom qmgr runs.
func Trusted(c *config.Config) map[uint32]bool {
	return ids.Trusted(config.MailOwner.Of(c))
}

// A Request is one that has come in. Whoever has it answers for each recipient.
type Request struct {
	ipc.Request
	// File is the queue file, read-only; nil when none came.
	File *os.File
	// Done, if it is set, is called once, when all recipients are answered.
	Done func()

	conn *conn
	left int // recipients; conn's mutex guards it
}

// A conn is one connection: who reads puts requests out, who answers puts
// replies in, and one goroutine sends them.
type conn struct {
	c   *fdpass.Conn
	log *maillog.Logger

	mu      sync.Mutex // guards what follows
	replies []ipc.Reply
	open    int // requests that are not answered
	ended   bool
	wake    chan struct{} // replies has some, or it is time to look whether all is over
}

// Serve answers the requests of one client. It returns when the client has
// closed and every request is answered.
func (s *Server) Serve(_ context.Context, nc net.Conn) {
	u, ok := nc.(*net.UnixConn)
	if !ok {
		s.Log.Warn("connection on a %s socket: want unixpacket", nc.LocalAddr().Network())
		return
	}
	c := &conn{c: fdpass.New(u), log: s.Log, wake: make(chan struct{}, 1)}
	if err := s.admit(c.c); err != nil {
		s.Log.Warn("%v", err)
		return
	}
	sent := make(chan struct{})
	go func() { defer close(sent); c.send() }()
	s.read(c)
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.signal()
	<-sent
}

// admit checks who is at the other end.
func (s *Server) admit(c *fdpass.Conn) error {
	peer, err := c.Peer()
	if err != nil {
		return fmt.Errorf("who sends delivery requests: %w", err)
	}
	if !s.Trusted[peer.Uid] {
		return fmt.Errorf("delivery requests from uid %d (process %d): not the queue manager", peer.Uid, peer.Pid)
	}
	return nil
}

// read hands out requests until the connection ends.
func (s *Server) read(c *conn) {
	for {
		var p ipc.RequestPacket
		files, err := c.c.Recv(&p)
		if errors.Is(err, fdpass.ErrFiles) {
			s.Log.Warn("read a delivery request: %v", err)
			err = nil // its recipients are deferred, and the others' deliveries go on
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				s.Log.Warn("read a delivery request: %v", err)
			}
			return
		}
		if !understood(p.Version) && len(p.Requests) == 0 {
			s.Log.Warn("the queue manager speaks version %d of the delivery protocol, want %d: connection closed", p.Version, ipc.DeliverVersion)
			fdpass.CloseAll(files)
			return
		}
		for i := range p.Requests {
			r := &Request{Request: p.Requests[i], conn: c, left: len(p.Requests[i].Recipients)}
			if len(files) == len(p.Requests) {
				r.File = files[i]
			}
			c.mu.Lock()
			c.open++
			c.mu.Unlock()
			if !understood(p.Version) || r.left == 0 {
				s.refuse(r, p.Version)
				continue
			}
			s.Handle(r)
		}
		if len(files) != len(p.Requests) {
			fdpass.CloseAll(files)
		}
	}
}

// understood tells whether requests of a version are: the one before had no
// members, and takes what it does not know for a deferral.
func understood(version int) bool {
	return version == ipc.DeliverVersion || version == ipc.DeliverVersion-1
}

// refuse answers what cannot be understood.
func (s *Server) refuse(r *Request, version int) {
	if r.left == 0 {
		s.Log.Warn("%s: delivery request without recipients", r.ID)
		r.left = 1
		r.Answer(ipc.Result{}) // about nobody; the queue manager ignores it
		return
	}
	results := make([]ipc.Result, len(r.Recipients))
	for i, rc := range r.Recipients {
		results[i] = ipc.Result{
			Index: rc.Index, Status: ipc.Deferred, Code: "4.3.0", Relay: r.Transport,
			Text: fmt.Sprintf("delivery request of version %d, want %d", version, ipc.DeliverVersion),
		}
	}
	r.Answer(results...)
}

// Answer says what became of some recipients. When all have been answered the
// request is over. Any goroutine may call it.
func (r *Request) Answer(results ...ipc.Result) {
	Answer([]Answered{{r, results}})
}

// An Answered is a request and results of it.
type Answered struct {
	Request *Request
	Results []ipc.Result
}

// Answer answers several requests at once: those of one connection share
// packets. Several results about one recipient count as one when all but the
// last have More set.
func Answer(list []Answered) {
	var touched []*conn
	for _, a := range list {
		r := a.Request
		last := r.count(a.Results)
		if last {
			if r.File != nil {
				r.File.Close()
			}
			if r.Done != nil {
				r.Done()
			}
		}
		r.conn.put(r.N, a.Results, last)
		if !slices.Contains(touched, r.conn) {
			touched = append(touched, r.conn)
		}
	}
	for _, c := range touched {
		c.signal()
	}
}

// count takes results off what is left; it is true when they are the last.
func (r *Request) count(results []ipc.Result) bool {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	for i := range results {
		if !results[i].More {
			r.left--
		}
	}
	return r.left == 0
}
