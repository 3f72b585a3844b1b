package smtpd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"yubin/internal/servertls"
	"yubin/internal/smtp"
)

// errChunk is the reply to BDAT without a size that can be read. Where its chunk
// ends is not known: content must never be taken for commands, so that the
// session ends (521).
var errChunk = smtp.Reply{Code: 521, Detail: smtp.BadArguments, Text: "Syntax: BDAT count [LAST]"}

// A chunk is one BDAT command.
type chunk struct {
	size int64
	last bool
}

// parseChunk reads the arguments of BDAT (RFC 3030, 2).
func parseChunk(args string) (c chunk, ok bool) {
	given := words(args)
	if len(given) < 1 || len(given) > 2 || strings.Trim(given[0], "0123456789") != "" {
		return c, false
	}
	if c.last = len(given) == 2; c.last && !strings.EqualFold(given[1], "LAST") {
		return c, false
	}
	var err error
	c.size, err = strconv.ParseInt(given[0], 10, 64)
	return c, err == nil
}

// cmdBdat takes one chunk of a message. Whatever the answer is, the octets of
// the chunk are read first. A message of which a chunk was refused is forgotten,
// and further chunks are dropped until LAST or RSET.
func (s *session) cmdBdat(ctx context.Context, args string) smtp.Reply {
	c, ok := parseChunk(args)
	if !ok {
		s.errors++
		return errChunk
	}
	if c.size == 0 && !c.last { // brings no mail
		if s.junk++; s.junk > s.srv.p().junk {
			s.errors++
		}
	}
	m := s.msg.chunks
	r, refused := s.refuseChunk(c)
	if !refused && m == nil {
		m, r, refused = s.firstChunk(ctx)
	}
	if refused {
		return s.dropChunk(c, r)
	}
	if err := s.receiveChunk(m, c.size); err != nil {
		return s.broke(err)
	}
	if !c.last && m.refusal == nil {
		return smtp.Reply{Code: 250, Text: fmt.Sprintf("Ok: %d bytes", c.size)}
	}
	m.complete()
	s.where = "END-OF-MESSAGE"
	r = s.finish(ctx, m, fmt.Sprintf("Ok: %d bytes queued as ", s.msg.received))
	s.endChunks(c.last)
	return r
}

// refuseChunk tells what is wrong with a chunk before its octets are looked at.
func (s *session) refuseChunk(c chunk) (r smtp.Reply, refused bool) {
	limit := s.srv.p().messageLimit
	switch {
	case s.tls == nil && s.srv.tls.Level() == servertls.Encrypt:
		s.errors++
		return mustStartTLS, true
	case s.discards("CHUNKING"):
		r = s.fault(502, smtp.BadCommand, "Error: command not implemented")
	case s.st == spoiled:
		return smtp.Reply{Code: 551, Detail: smtp.Detail{}, Text: fmt.Sprintf("Discarded %d bytes after earlier error", c.size)}, true
	case len(s.msg.recipients) == 0 && s.msg.refused > 0:
		r = s.fault(554, smtp.BadCommand, "Error: no valid recipients")
	case len(s.msg.recipients) == 0:
		r = s.fault(503, smtp.BadCommand, "Error: need RCPT command")
	case limit > 0 && c.size > limit-s.msg.received:
		r = s.fault(552, smtp.TooBig, "Chunk exceeds message size limit")
		s.logRefusal("reject", s.where, r)
	default:
		return r, false
	}
	return r, true
}

// firstChunk begins a message.
func (s *session) firstChunk(ctx context.Context) (*message, smtp.Reply, bool) {
	if r, refused := s.check(s.onlyRecipient(), stageData); refused {
		return nil, r, true
	}
	m, err := s.newMessage(ctx)
	if err != nil {
		return nil, s.noMessage(err), true
	}
	m.budget, m.heard = budget{left: s.w.pace().timeout}, time.Now()
	s.msg.chunks, s.st = m, inChunks
	return m, smtp.Reply{}, false
}

// dropChunk reads the octets of a chunk that is not wanted and says r.
func (s *session) dropChunk(c chunk, r smtp.Reply) smtp.Reply {
	b := budget{left: s.w.pace().timeout}
	if err := s.readChunk(c.size, &b, func([]byte) {}); err != nil {
		return s.broke(err)
	}
	s.endChunks(c.last)
	return r
}

// endChunks forgets the message; unless its last chunk has come, those that
// follow are dropped.
func (s *session) endChunks(last bool) {
	s.reset()
	if !last {
		s.st = spoiled
	}
}

// receiveChunk reads a chunk of m. The time between chunks counts, too: a
// message has smtpd_timeout, and what its client earns by sending.
func (s *session) receiveChunk(m *message, size int64) error {
	m.budget.left -= time.Since(m.heard)
	err := s.readChunk(size, &m.budget, func(p []byte) {
		s.msg.received += int64(len(p))
		m.feed(p)
	})
	m.heard = time.Now()
	return err
}

// readChunk gives size octets to take. Replies wait meanwhile, unless the client
// makes us wait.
func (s *session) readChunk(size int64, b *budget, take func([]byte)) error {
	s.w.enlarge()
	defer s.w.shrink()
	for {
		have := s.w.buffered()
		n := min(size, int64(len(have)))
		take(have[:n])
		s.w.r += int(n)
		if size -= n; size == 0 {
			return nil
		}
		if err := s.w.flush(); err != nil {
			return err
		}
		if err := s.w.more(b); err != nil {
			return err
		}
	}
}

// broke ends a session whose connection failed within a message.
func (s *session) broke(err error) smtp.Reply {
	s.broken = true
	s.lost(err) // before reset forgets the queue ID
	return smtp.Reply{Code: 421}
}
