package pop3d

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yubin/internal/session"
	"yubin/internal/talk"
)

// A visit is a session in the TRANSACTION state. Its goroutine owns it.
type visit struct {
	*talk.Conn
	drop          maildrop
	list          []message
	total         int64
	deleted       []bool
	retrieved     []bool
	removed       int // messages that are deleted
	removedOctets int64

	bad  int // commands, one after the other
	over bool
	why  string

	tops, retrs           int // for the log
	topOctets, retrOctets int64
	done                  int // deletions that took effect

	complain func(format string, args ...any) // to the administrator
}

// A server is what sessions share.
type server struct {
	timeout    time.Duration
	hardErrors int
	// open opens the mailbox of a session; its second result, in words for the
	// client, goes with errInUse and others.
	open func(s *session.Session) (maildrop, error)
}

// serve is the handler of a session.
func (srv *server) serve(ctx context.Context, s *session.Session) {
	if err := s.Accept(); err != nil {
		return // the login process has answered the client, or is gone
	}
	t := talk.New(s.Conn, srv.timeout, s.Start.Start.Unread)
	defer t.Context(ctx)()
	drop, err := srv.open(s)
	if err != nil {
		srv.refuse(t, s, err)
		return
	}
	defer drop.close()
	v := newVisit(t, drop)
	v.complain = func(format string, args ...any) { s.Log("Error: "+format, args...) }
	v.run(ctx, srv.hardErrors)
	s.Part("Disconnected: %s top=%d/%d, retr=%d/%d, del=%d/%d, size=%d",
		v.why, v.tops, v.topOctets, v.retrs, v.retrOctets, v.done, len(v.list), v.total)
}

// refuse ends a session whose mailbox cannot be had.
func (srv *server) refuse(t *talk.Conn, s *session.Session, err error) {
	if errors.Is(err, errInUse) {
		t.Printf("-ERR [IN-USE] Mailbox is locked by another POP3 session.\r\n")
		s.Part("Disconnected: Mailbox is locked by another POP3 session top=0/0, retr=0/0, del=0/0, size=0")
	} else {
		t.Printf("-ERR [SYS/TEMP] Couldn't open INBOX: Internal error occurred. Refer to server log for more information.\r\n")
		s.Log("Error: Couldn't open INBOX: %v", err)
	}
	t.Flush()
}

func newVisit(t *talk.Conn, drop maildrop) *visit {
	v := &visit{Conn: t, drop: drop, list: drop.messages()}
	v.deleted, v.retrieved = make([]bool, len(v.list)), make([]bool, len(v.list))
	for _, m := range v.list {
		v.total += m.octets
	}
	return v
}

// run is the TRANSACTION state.
func (v *visit) run(ctx context.Context, hardErrors int) {
	v.Printf("+OK Logged in.\r\n")
	table := sessionCommands()
	for !v.over {
		before := v.bad
		if err := v.step(ctx, table); err != nil {
			v.lost(ctx, err)
			return
		}
		if v.bad == before {
			v.bad = 0
		}
		if v.bad >= hardErrors && !v.over {
			v.end("Too many bad commands", "-ERR Too many bad commands.")
		}
	}
	if err := v.Flush(); err != nil && v.why == "" {
		v.why = "Connection closed"
	}
}

// lost ends a session whose client is gone, silent, or has to go. Nothing is
// deleted.
func (v *visit) lost(ctx context.Context, err error) {
	why := ""
	switch {
	case errors.Is(err, talk.ErrTimeout):
		v.why, why = "Inactivity", "Disconnected for inactivity."
	case errors.Is(context.Cause(ctx), session.ErrKicked):
		v.why, why = "Kicked by administrator", "[SYS/TEMP] Disconnected by administrator."
	case ctx.Err() != nil:
		v.why, why = "Server shutting down", "[SYS/TEMP] Server shutting down."
	default:
		v.why = "Connection closed"
		return
	}
	if errors.Is(err, errBroken) {
		return // within a message nothing can be said
	}
	v.Printf("-ERR %s\r\n", why)
	v.Flush()
}

// errBroken ends a connection within a message.
var errBroken = errors.New("a message could not be sent to its end")

func (v *visit) end(why, reply string) error {
	v.over, v.why = true, why
	return v.Printf("%s\r\n", reply)
}

func (v *visit) step(ctx context.Context, table []command) error {
	line, err := v.Line(ctx, sessionLine, time.Time{})
	if errors.Is(err, talk.ErrLong) {
		return v.fault("Line too long.")
	}
	if err != nil {
		return err
	}
	verb, rest := split(line)
	i := slices.IndexFunc(table, func(c command) bool { return c.verb == verb })
	if i < 0 {
		return v.fault(fmt.Sprintf("Unknown command: %s", shown(verb)))
	}
	c := table[i]
	args := strings.Fields(rest)
	if len(args) < c.min || len(args) > c.max {
		return v.fault(c.usage)
	}
	if c.words {
		return c.run(v, ctx, nil, rest)
	}
	n, bad := v.numbers(args)
	if bad != "" {
		return v.fault(bad)
	}
	return c.run(v, ctx, n, "")
}

// numbers reads the arguments of a command; else it says what is wrong.
func (v *visit) numbers(args []string) (n []int, bad string) {
	for i, a := range args {
		value, ok := number(a)
		if !ok {
			return nil, "Invalid number: " + shown(a)
		}
		if i == 0 {
			if bad := v.check(value); bad != "" {
				return nil, bad
			}
			value--
		}
		n = append(n, value)
	}
	return n, ""
}

// check says what is wrong with a message number; "": nothing.
func (v *visit) check(n int) string {
	switch {
	case n < 1 || n > len(v.list):
		return fmt.Sprintf("There's no message %d.", n)
	case v.deleted[n-1]:
		return "Message is deleted."
	}
	return ""
}

func (v *visit) fault(text string) error {
	v.bad++
	return v.Printf("-ERR %s\r\n", text)
}
