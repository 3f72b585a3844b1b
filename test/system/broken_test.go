package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// A slip in an alias keeps nobody else's letter back, and does not send it twice
// when it is mended.
func TestBrokenMember(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Mailboxes: []string{"alice", "bob", "carl"}, Aliases: []string{"# people", "team: alice@example.test, bob@, carl@example.test"}})
	i.Submit("eve@example.com", "team@localhost", "Subject: x\n\nbody\n")
	i.WaitMail("alice", 1)
	i.WaitMail("carl", 1)
	i.WaitLog("warning: ", "to=<team@localhost>", i.Path("etc", "aliases")+" line 2: team: ", `"bob@"`)
	i.WaitLog(": to=<team@localhost>", "dsn=4.3.5, status=deferred (alias \"team\" has a member that is not an address)")
	if r := i.Run("", "newaliases", "-c", i.Etc()); !strings.Contains(r.Stderr, "aliases:2: ") {
		t.Errorf("newaliases: %+v", r)
	}
	if r := i.Mailctl("route", "team@localhost"); r.Code != 1 || !strings.Contains(r.Stdout, "\nwaits      bob@: alias \"team\" has a member that is not an address") {
		t.Errorf("mailctl route: %+v", r)
	}
	i.WriteFile("etc/aliases", []string{"team: alice@example.test, bob@example.test, carl@example.test"})
	i.Until("bob has the letter", func() bool {
		i.Mailctl("queue", "flush")
		return len(i.Mail("bob")) == 1
	})
	i.Until("the queue is empty", i.Drained)
	for _, who := range []string{"alice", "bob", "carl"} {
		if n := len(i.Mail(who)); n != 1 {
			t.Errorf("%s has %d letters", who, n)
		}
	}
}
