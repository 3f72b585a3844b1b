package smtpd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/smtp"
)

// maxHelo is the longest name a client may give itself (RFC 5321, 4.5.3.1.2).
const maxHelo = 255

func (s *session) cmdHelo(ctx context.Context, args string) smtp.Reply {
	return s.hello(ctx, args, false)
}

func (s *session) cmdEhlo(ctx context.Context, args string) smtp.Reply {
	return s.hello(ctx, args, true)
}

// hello starts the session anew (RFC 5321, 4.1.4).
func (s *session) hello(ctx context.Context, args string, extended bool) smtp.Reply {
	args = strings.Join(words(args), " ") // devices send "HELO My Printer"
	if args == "" || len(args) > maxHelo {
		return s.fault(501, smtp.BadArguments, "Syntax: "+s.where+" hostname")
	}
	s.helo, s.esmtp = cleanHelo(args), extended
	s.reset()
	s.discarded = s.srv.discard.of(s.peer)
	if !s.srv.p().delayReject {
		if r, refused := s.check("", stageHelo); refused {
			s.helo = ""
			s.reset()
			return r
		}
	}
	text := s.srv.p().hostname
	if extended {
		text = strings.Join(append([]string{text}, s.keywords(ctx)...), "\n")
	}
	return smtp.Reply{Code: 250, Text: text, Plain: true}
}

// keywords are the extensions on offer.
func (s *session) keywords(ctx context.Context) []string {
	size := "SIZE"
	if s.srv.p().messageLimit > 0 {
		size = fmt.Sprintf("SIZE %d", s.srv.p().messageLimit)
	}
	words := []string{"PIPELINING", size}
	if !s.srv.p().noVrfy {
		words = append(words, "VRFY")
	}
	if s.srv.p().etrn {
		words = append(words, "ETRN")
	}
	if s.offersTLS() && s.canTLS() {
		words = append(words, "STARTTLS")
	}
	auth := s.authKeywords(ctx)
	words = append(words, auth...)
	if s.offersRequireTLS() {
		words = append(words, "REQUIRETLS")
	}
	words = append(words, s.trustKeywords()...)
	// RFC 9422: a session may have as many messages as it likes.
	words = append(words, "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING", smtp.BinaryMIME, fmt.Sprintf("LIMITS RCPTMAX=%d", s.srv.p().recipients))
	if s.discards("CHUNKING") { // RFC 3030, 3: without it there is none
		words = slices.DeleteFunc(words, func(w string) bool { return w == smtp.BinaryMIME })
	}
	if !s.srv.p().utf8 {
		words = slices.DeleteFunc(words, func(w string) bool { return w == "SMTPUTF8" })
	}
	return s.offer(append(words, s.userKeywords(auth)...))
}

// cleanHelo makes a name fit to stand in log lines, in the envelope, and in a
// Received field, where it must be one word (RFC 5321, 4.4).
func cleanHelo(name string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' || strings.ContainsRune(`<>()\";@`, c) {
			return '?'
		}
		return c
	}, name)
}
