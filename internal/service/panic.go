package service

import (
	"context"
	"net"
	"runtime/debug"
	"strings"
	"time"
)

// serve runs the handler on one connection. It is the one place where a
// session's panic is caught: the session is lost, the process is not.
func (s *Service) serve(ctx context.Context, c net.Conn) {
	defer func() {
		if r := recover(); r != nil {
			s.logPanic(r, debug.Stack())
			s.lastWord(c)
		}
	}()
	s.h.Conn(ctx, c)
}

// logPanic writes the stack a line at a time, the way every reader of the log
// can show it.
func (s *Service) logPanic(r any, stack []byte) {
	s.Log.Error("panic in a session of service %s: %v", s.Name, r)
	for line := range strings.Lines(string(stack)) {
		s.Log.Error("stack: %s", strings.TrimSpace(line))
	}
}

func (s *Service) lastWord(c net.Conn) {
	if s.h.Panic == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("panic while ending a session of service %s: %v", s.Name, r)
		}
	}()
	c.SetDeadline(time.Now().Add(time.Second))
	s.h.Panic(c)
}
