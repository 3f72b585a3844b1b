package imapd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
	"yubin/internal/session"
	"yubin/internal/talk"
)

// A visit is the session of a client who has logged in. Its goroutine owns it.
type visit struct {
	*talk.Conn
	srv  *server
	d    *imap.Decoder
	tree *mailbox.Tree
	box  *box // the selected mailbox; nil: none is

	rev2      bool // IMAP4rev2 is enabled
	utf8      bool // names and quoted strings are UTF-8
	condstore bool // mod-sequences go with flags (RFC 7162)
	qresync   bool // VANISHED is said, not EXPUNGE

	compressed bool
	notify     *notify      // nil: NOTIFY was not given
	then       func() error // to be done behind the answer to the command at work; or nil

	tag  string
	cmd  *command // at work
	bad  int      // commands
	over bool
	why  string
	out  []byte // of a response that is being made

	counts
	complain func(format string, args ...any) // to the administrator
}

// counts are for the log.
type counts struct {
	deleted, expunged, trashed int
	headers, bodies            int
	headerOctets, bodyOctets   int64
}

func (v *visit) summary() string {
	in, out := v.Octets()
	return fmt.Sprintf("%s in=%d out=%d deleted=%d expunged=%d trashed=%d hdr_count=%d hdr_bytes=%d body_count=%d body_bytes=%d",
		v.why, in, out, v.deleted, v.expunged, v.trashed, v.headers, v.headerOctets, v.bodies, v.bodyOctets)
}

// close lets go of the mailbox.
func (v *visit) close() {
	if v.box != nil {
		v.notify.leave(v.box)
		v.box.view.Close()
		v.box = nil
	}
}

// run is the session behind the answer to the login.
func (v *visit) run(ctx context.Context) {
	defer func() { v.notify.end() }()
	for !v.over {
		err := v.listen()
		if err == nil && !v.over {
			err = v.step(ctx)
		}
		if err != nil {
			v.lost(ctx, err)
			return
		}
		if v.bad >= v.srv.hardErrors && !v.over {
			v.end("Too many bad commands", "Too many invalid IMAP commands.")
		}
	}
	v.Flush()
}

// end says that the session ends.
func (v *visit) end(why, text string) error {
	v.over, v.why = true, why
	return v.Printf("* BYE %s\r\n", text)
}

// errBroken ends a connection within a response: nothing more can be said.
var errBroken = errors.New("a response could not be sent to its end")

// errGone ends the command of a client that is no longer there.
var errGone = errors.New("the client is gone")

// lost ends a session whose client is gone, silent, or has to go.
func (v *visit) lost(ctx context.Context, err error) {
	say := ""
	switch {
	case errors.Is(err, talk.ErrTimeout):
		v.why, say = "Inactivity", "Disconnected for inactivity."
	case errors.Is(context.Cause(ctx), session.ErrKicked):
		v.why, say = "Kicked by administrator", "[UNAVAILABLE] Disconnected by administrator."
	case ctx.Err() != nil:
		v.why, say = "Server shutting down", "[UNAVAILABLE] Server shutting down."
	default:
		v.why = "Connection closed"
		return
	}
	if !errors.Is(err, errBroken) {
		v.Printf("* BYE %s\r\n", say)
		v.Flush()
	}
}

// step reads a command and answers it.
func (v *visit) step(ctx context.Context) error {
	if _, err := v.Peek(); err != nil {
		return err
	}
	v.hurry()
	defer v.Bound(time.Time{})
	v.d.Begin()
	v.cmd = nil
	v.tag = v.d.Tag()
	v.d.SP()
	name := v.d.Keyword()
	if name == "UID" {
		v.d.SP()
		name += " " + v.d.Keyword()
	}
	ok := reply{text: "completed."}
	err := v.d.Err()
	if err == nil {
		ok, err = v.perform(ctx, name)
	}
	var syntax *imap.SyntaxError
	var no *refusal
	status := "OK"
	switch {
	case errors.As(err, &no):
		status, ok = "NO", no.reply
	case errors.As(err, &syntax):
		v.bad++
		status, ok = "BAD", reply{text: syntax.Text}
		if syntax.TooBig {
			ok.code = "TOOBIG"
		}
	case err != nil:
		return err
	default:
		v.bad = 0 // a client that works may live for weeks
	}
	if err := v.d.Skip(); err != nil {
		return err
	}
	if err := v.answer(status, ok); err != nil || v.then == nil {
		return err
	}
	then := v.then
	v.then = nil
	return then()
}

// hurry bounds the wait for the rest of a command: who dribbles has no more
// time than another.
func (v *visit) hurry() { v.Bound(time.Now().Add(v.srv.timeout)) }

// perform runs the command called name.
func (v *visit) perform(ctx context.Context, name string) (reply, error) {
	c := v.srv.commands[name]
	switch {
	case c == nil:
		v.d.Fail("Unknown command")
		return reply{}, v.d.Err()
	case c.in == selected && v.box == nil:
		v.d.Fail("No mailbox selected")
		return reply{}, v.d.Err()
	case c.in == unselected && v.box != nil:
		v.d.Fail("%s is for the time before a mailbox is selected", name)
		return reply{}, v.d.Err()
	}
	v.cmd = c
	r, err := c.run(v, ctx)
	if c.names {
		v.notify.knowNames(v)
	}
	if r.text == "" {
		r.text = c.done
	}
	return r, err
}

// answer says what happened to the mailbox meanwhile, and how the command ended.
func (v *visit) answer(status string, r reply) error {
	if v.over {
		return v.Printf("%s", tagged(v.tag, status, r.code, r.text))
	}
	held := v.cmd != nil && v.cmd.holds
	if err := v.sync(held); err != nil {
		return err
	}
	if status == "OK" && r.code == "" {
		r.code = v.highest()
	} else if err := v.sayHighest(); err != nil {
		return err
	}
	return v.Printf("%s", tagged(v.tag, status, r.code, r.text))
}

// only takes the end of a command.
func (v *visit) only() error {
	v.d.End()
	return v.d.Err()
}
