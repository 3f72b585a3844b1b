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
