package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// sendmail -bv finds out what would become of a letter, delivers nothing, and
// has a report sent.
func TestVerify(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{
		Aliases: []string{"team: alice@example.test, bob@example.test, nobody@example.test, /dev/null", "owner-team: bob@example.test"},
		Master:  []string{"prog unix - n n - - pipe user=" + someone(t) + " argv=/bin/false"},
		Main:    []string{"transport_maps = inline:{ {prog.test=prog} {shut.test=error:5.7.1 nothing goes there} {down.test=smtp:[127.0.0.1]:1} }"},
	})
	r := i.Run("this is not read\n", "sendmail", "-C", i.Etc(), "-bv", "-f", "alice@example.test",
		"bob@example.test", "nobody@example.test", "team@localhost", "x@prog.test", "x@shut.test", "x@down.test")
	if r.Code != 0 || r.Stdout != "Mail Delivery Status Report will be mailed to <alice@example.test>.\n" || r.Stderr != "" {
		t.Errorf("sendmail -bv: %+v", r)
	}
	i.WaitLog(": to=<bob@example.test>", "relay=virtual", "status=deliverable (delivers to mailbox")
	i.WaitLog(": to=<nobody@example.test>", "dsn=5.1.1, status=undeliverable (")
	i.WaitLog(": to=<team@localhost>", "status=deliverable (aliased to ")
	for _, who := range []string{"alice", "bob"} {
		i.WaitLog(": to=<"+who+"@example.test>, orig_to=<team@localhost>", "relay=virtual", "status=deliverable (delivers to mailbox")
	}
	i.WaitLog(": to=<nobody@example.test>, orig_to=<team@localhost>", "dsn=5.1.1, status=undeliverable (")
	i.WaitLog(": to=<team@localhost>", "status=deliverable (delivers to mailbox or program)")
	i.WaitLog(": to=<x@prog.test>", "relay=prog", "status=deliverable (")
	i.WaitLog(": to=<x@shut.test>", "dsn=5.7.1, status=undeliverable (nothing goes there)")
	i.WaitLog(": to=<x@down.test>", "status=undeliverable (connect to")
	letter := ""
	for _, part := range i.WaitMail("alice", 2) { // of what was asked, and of the members of the alias
		letter += part
	}
	for _, want := range []string{"Subject: Mail Delivery Status Report\n", "Action: deliverable\n", "Action: undeliverable\n", "bob@example.test", "x@down.test", "<nobody@example.test> (sent to <team@localhost>): mail would not be taken"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the report has no %q:\n%s", want, letter)
		}
	}
	i.Until("the queue is empty", i.Drained)
	if mail := i.Mail("bob"); len(mail) > 0 {
		t.Errorf("bob got %q", mail)
	}
	if r := i.Run("", "sendmail", "-C", i.Etc(), "-bv", "-t"); r.Code != 64 {
		t.Errorf("sendmail -bv -t: %+v", r)
	}
}
