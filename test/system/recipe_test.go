package system

import (
	"os"
	"strings"
	"testing"

	"yubin/test/instance"
)

// Postfix's VIRTUAL_README: a copy of each letter goes to a program, as
// user@domain@autoreply.domain.
func TestAutoreply(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true, Master: []string{
		"autoreply unix - n n - - pipe", "  flags= user=" + someone(t) + ` argv=/bin/sh -c { printf '%s|' "$$@" > "$$0" } DIR/out/asked $sender $mailbox $domain`,
	}})
	if err := os.Mkdir(i.Path("out"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(i.Path("out"), 0o777); err != nil { // whatever the umask
		t.Fatal(err)
	}
	master, err := os.ReadFile(i.Path("etc", "master.cf"))
	if err != nil {
		t.Fatal(err)
	}
	i.WriteFile("etc/master.cf", []string{strings.ReplaceAll(string(master), "DIR", i.Dir)})
	i.AppendMain("virtual_alias_maps = texthash:"+i.Path("etc", "virtual"), "transport_maps = inline:{ {autoreply.example.test=autoreply:} }",
		"autoreply_destination_recipient_limit = 1",
		// What Postfix takes, and large sites have: no limit.
		"default_destination_recipient_limit = 1000", "default_destination_concurrency_limit = 0")
	i.WriteFile("etc/virtual", []string{"alice@example.test alice@example.test, alice@example.test@autoreply.example.test"})
	i.Start()

	id := i.Submit("dave@far.test", "alice@example.test", "Subject: x\n\nx\n")
	i.WaitLog(id+": to=<alice@example.test@autoreply.example.test>, orig_to=<alice@example.test>, relay=autoreply", "dsn=2.0.0, status=sent")
	i.WaitMail("alice", 1)
	got, err := os.ReadFile(i.Path("out", "asked"))
	if want := "dave@far.test|alice@example.test|autoreply.example.test|"; string(got) != want || err != nil {
		t.Errorf("the program was told %q, %v; want %q", got, err, want)
	}
}
