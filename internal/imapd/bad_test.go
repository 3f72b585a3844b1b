package imapd

import "testing"

// Only bad commands one after the other end a session.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	u := newRig(t).connect()
	for range 30 {
		u.play("C: a FOO\nS: a BAD ...\nC: b NOOP\nS: b OK ...")
	}
	for range 19 {
		u.play("C: a FOO\nS: a BAD ...")
	}
	u.play("C: a FOO\nS: a BAD ...\nS: * BYE Too many invalid IMAP commands.")
}

// What EXAMINE counts as recent has \Recent, and stays so for who selects next.
func TestExamineRecent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	u := r.connect()
	for range 2 {
		u.cmd("EXAMINE INBOX")
		u.play("C: a FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS (\\Recent))\nS: a OK ...")
	}
	u.cmd("SELECT INBOX")
	u.play("C: a FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS (\\Recent))\nS: a OK ...")
	u.cmd("EXAMINE INBOX")
	u.play("C: a FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS ())\nS: a OK ...")
}
