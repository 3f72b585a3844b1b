package nss

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// idleTime is how long a connection without work stays open: pamd ends when it
// has none.
const idleTime = 5 * time.Second

// maxIdle is how many connections without work stay open.
const maxIdle = 16

// A helper is pamd, as its clients see it: connections on which one question
// follows the other.
type helper struct {
	path    string
	askTime time.Duration

	mu   sync.Mutex // guards idle
	idle []*conn
}

// A conn is one connection to pamd.
type conn struct {
	*fdpass.Conn
	expire *time.Timer // runs while it is idle
}

// ask asks one question. Where a connection that was open already has ended,
// another generation of pamd is asked.
func (h *helper) ask(q ipc.NSSRequest) (a ipc.NSSReply, err error) {
	c := h.take()
	fresh := c == nil
	if fresh {
		if c, err = h.dial(); err != nil {
			return a, err
		}
	}
	err = c.ask(q, &a, h.askTime)
	if err != nil && !fresh && ended(err) {
		c.Close()
		if c, err = h.dial(); err != nil {
			return a, err
		}
		a = ipc.NSSReply{}
		err = c.ask(q, &a, h.askTime)
	}
	if err != nil {
		c.Close()
		return ipc.NSSReply{}, fmt.Errorf("pamd does not answer: %w", err)
	}
	h.give(c)
	if a.Error != "" {
		return ipc.NSSReply{}, errors.New("pamd: " + a.Error)
	}
	return a, nil
}

// ended tells whether a connection is at its end.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

func (h *helper) dial() (*conn, error) {
	c, err := fdpass.Dial(h.path)
	if err != nil {
		return nil, fmt.Errorf("pamd cannot be asked: %w", err)
	}
	hello := ipc.Hello{Version: ipc.NSSVersion, Role: ipc.RoleNSS, Program: filepath.Base(os.Args[0])}
	c.Unix().SetDeadline(time.Now().Add(h.askTime))
	if err := c.Send(hello); err != nil {
		c.Close()
		return nil, fmt.Errorf("pamd cannot be asked: %w", err)
	}
	return &conn{Conn: c}, nil
}

func (c *conn) ask(q ipc.NSSRequest, a *ipc.NSSReply, limit time.Duration) error {
	c.Unix().SetDeadline(time.Now().Add(limit))
	if err := c.Send(q); err != nil {
		return err
	}
	files, err := c.Recv(a)
	fdpass.CloseAll(files)
	return err
}

// take returns an idle connection, or nil.
func (h *helper) take() *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.idle) > 0 {
		c := h.idle[len(h.idle)-1]
		h.idle = h.idle[:len(h.idle)-1]
		if c.expire.Stop() {
			return c
		}
	}
	return nil
}

// give keeps a connection for the next question, for a while.
func (h *helper) give(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.idle) >= maxIdle {
		c.Close()
		return
	}
	h.idle = append(h.idle, c)
	c.expire = time.AfterFunc(idleTime, func() { h.drop(c) })
}

func (h *helper) drop(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, have := range h.idle {
		if have == c {
			h.idle = append(h.idle[:i], h.idle[i+1:]...)
		}
	}
	c.Close()
}
