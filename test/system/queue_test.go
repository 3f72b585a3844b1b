package system

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// Mail for another domain waits with a reason, and the tools work on it.
func TestQueueTools(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	id := i.Submit("alice@example.test", "dave@elsewhere.test", "Subject: far\n\naway\n")
	i.WaitLog(id+": to=<dave@elsewhere.test>", "dsn=4.", "status=deferred (")

	want := regexp.MustCompile(`^-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
` + id + ` +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d  alice@example\.test
 *\([^\n]*name=elsewhere\.test type=MX[^\n]*\)
 {41}dave@elsewhere\.test

-- 0 Kbytes in 1 Request\.
$`)
	i.Until("the message is deferred", func() bool { return strings.Contains(i.Mailq(), "(") })
	if q := i.Mailq(); !want.MatchString(q) {
		t.Errorf("mailq:\n%s", q)
	}
	if r := i.Run("", "sendmail", "-C", i.Etc(), "-bp"); r.Stdout != i.Mailq() {
		t.Errorf("sendmail -bp: %+v", r)
	}
	if r := i.Mailctl("queue", "cat", id); !strings.HasSuffix(r.Stdout, "Subject: far\n\naway\n") {
		t.Errorf("queue cat: %+v", r)
	}
	if r := i.Mailctl("queue", "show", id); !strings.Contains(r.Stdout, "dave@elsewhere.test") || r.Code != 0 {
		t.Errorf("queue show: %+v", r)
	}
	if r := i.Mailctl("queue", "hold", id); r.Code != 0 || !strings.Contains(r.Stderr+r.Stdout, "placed on hold") {
		t.Errorf("queue hold: %+v", r)
	}
	if q := i.Mailq(); !strings.Contains(q, "\n"+id+"!") {
		t.Errorf("mailq does not show the hold:\n%s", q)
	}
	if r := i.Mailctl("queue", "release", id); r.Code != 0 || !strings.Contains(r.Stderr+r.Stdout, "released from hold") {
		t.Errorf("queue release: %+v", r)
	}
	before := strings.Count(i.Log(), "status=deferred")
	if r := i.Mailctl("queue", "flush"); r.Code != 0 {
		t.Errorf("queue flush: %+v", r)
	}
	i.Until("the flush tries again", func() bool { return strings.Count(i.Log(), "status=deferred") > before })
	if r := i.Mailctl("queue", "delete", id); r.Code != 0 || !strings.Contains(r.Stderr+r.Stdout, "removed") {
		t.Errorf("queue delete: %+v", r)
	}
	if q := i.Mailq(); q != "Mail queue is empty\n" {
		t.Errorf("mailq after delete:\n%s", q)
	}
}

// sendmail's options for the queue: -q tries all that waits, -qI one message, -qR
// a site's; -bi has nothing to build and says so with its exit code alone.
func TestSendmailOnTheQueue(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	far := i.Submit("alice@example.test", "dave@far.test", "Subject: far\n\naway\n")
	farther := i.Submit("alice@example.test", "erin@farther.test", "Subject: farther\n\naway\n")
	tries := func(id string) int { return strings.Count(i.Log(), id+": to=<") }
	i.Until("both wait", func() bool { return tries(far) == 1 && tries(farther) == 1 })
	for _, c := range []struct {
		arg          string
		far, farther int // attempts afterwards
	}{
		{"-qI" + farther, 1, 2},
		{"-qRfar.test", 2, 2},
		{"-q", 3, 3},
	} {
		if r := i.Run("", "sendmail", "-C", i.Etc(), c.arg); r.Code != 0 || r.Stdout+r.Stderr != "" {
			t.Errorf("sendmail %s: %+v", c.arg, r)
		}
		i.Until("sendmail "+c.arg+" tries what it names", func() bool { return tries(far) == c.far && tries(farther) == c.farther })
	}
	if r := i.Run("", "sendmail", "-C", i.Etc(), "-bi"); r.Code != 0 || r.Stdout+r.Stderr != "" {
		t.Errorf("sendmail -bi: %+v", r)
	}
	i.WriteFile("etc/other, aliases", []string{"list: ann,", "  bob", "nonsense"})
	other := i.Path("etc", "other, aliases")
	for _, spec := range []string{other, "texthash:" + other} {
		r := i.Run("", "sendmail", "-C", i.Etc(), "-bi", "-oA"+spec)
		if want := "newaliases: " + other + ":3: want \"name: value\", the line is ignored\n"; r.Code != 1 || r.Stderr != want {
			t.Errorf("sendmail -bi -oA%s: %+v, want %q", spec, r, want)
		}
	}
}

// A table that cannot be read defers; mended, mail flows.
func TestUnreadableTable(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	boxes := i.Path("etc", "mailboxes")
	if err := os.Rename(boxes, boxes+".away"); err != nil {
		t.Fatal(err)
	}
	i.Sendmail("Subject: patience\n\nx\n", "-f", "bob@example.test", "alice@example.test")
	i.WaitLog("to=<alice@example.test>", "status=deferred")
	s := i.Dial()
	s.Want("250", "EHLO client.test")
	s.Want("250", "MAIL FROM:<carol@client.test>")
	s.Want("4", "RCPT TO:<alice@example.test>")
	s.Close()
	if err := os.Rename(boxes+".away", boxes); err != nil {
		t.Fatal(err)
	}
	i.Until("delivery after the table is back", func() bool {
		i.Mailctl("queue", "flush")
		return len(i.Mail("alice")) == 1
	})
	if len(i.Mail("bob")) != 0 {
		t.Error("an unreadable table bounced mail")
	}
}

// What cannot be read is kept in corrupt/, and the rest is delivered.
func TestGarbageInTheQueue(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	i.Submit("carol@client.test", "alice@example.test", "Subject: first\n\nx\n")
	i.WaitMail("alice", 1)
	id := i.Submit("carol@client.test", "dave@elsewhere.test", "Subject: waits\n\nx\n")
	i.WaitLog(id, "status=deferred")
	i.Until("it is in deferred/", func() bool { _, err := os.Stat(i.Path("queue", "deferred", id)); return err == nil })
	i.Stop()

	torn := i.Path("queue", "deferred", id)
	b, err := os.ReadFile(torn)
	if err != nil {
		t.Fatal(err)
	}
	b[20] ^= 1
	if err := os.WriteFile(torn, b, 0o600); err != nil {
		t.Fatal(err)
	}
	// Garbage under a good name, and under names that are no queue IDs.
	for _, name := range []string{"incoming/0652A1B2C3D4E0", "incoming/README", "pool/core", "maildrop/0652A1B2C3D4E1", "maildrop/.x"} {
		if err := os.WriteFile(i.Path("queue", name), []byte("garbage "+name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	i.Start()
	i.Submit("carol@client.test", "alice@example.test", "Subject: second\n\nx\n")
	i.WaitMail("alice", 2)
	i.Mailctl("queue", "flush")
	i.Until("the damaged message is in corrupt/", func() bool {
		kept, err := os.ReadFile(i.Path("queue", "corrupt", id))
		return err == nil && string(kept) == string(b)
	})
	i.WaitLog("warning: ", id, "corrupt")
}

// Ten thousand recipients do not hold back a single letter.
func TestLargeJobAndSingleLetter(t *testing.T) {
	t.Parallel()
	const n = 10000
	boxes := make([]string, n)
	var to strings.Builder
	for k := range boxes {
		boxes[k] = fmt.Sprintf("u%05d", k)
		fmt.Fprintf(&to, "%s@example.test,\n ", boxes[k])
	}
	i := instance.New(t, instance.Options{Mailboxes: append(boxes, "alice", "bob")})
	i.Submit("carol@client.test", "bob@example.test", "Subject: starts the agent\n\nx\n")
	i.WaitMail("bob", 1)
	agents := i.Processes("local")
	if len(agents) != 1 {
		t.Fatalf("%d agents", len(agents))
	}
	// The agent stands still until the letter waits behind the job.
	syscall.Kill(agents[0], syscall.SIGSTOP)
	defer syscall.Kill(agents[0], syscall.SIGCONT)
	i.Until("the agent stands still", func() bool { return standsStill(t, agents[0]) })
	i.Sendmail("To: "+to.String()+"u00000@example.test\nSubject: to all\n\nall\n", "-t", "-f", "carol@client.test")
	i.WaitLog(fmt.Sprintf("nrcpt=%d ", n))
	id := i.Submit("carol@client.test", "alice@example.test", "Subject: single\n\nx\n")
	i.WaitLog(id+": from=<carol@client.test>", "(queue active)")
	syscall.Kill(agents[0], syscall.SIGCONT)
	i.WaitMail("alice", 1)
	for some := n / 10; some <= n; some += n / 10 { // all at once may take minutes
		i.Until(fmt.Sprintf("%d have the letter", some), func() bool { return strings.Count(i.Log(), ": to=<u") >= some })
	}
	i.Until("the queue is empty", i.Drained)
	if delivered, _ := filepath.Glob(i.Path("mail", "u*", "new", "*")); len(delivered) != n {
		t.Errorf("%d letters, want %d", len(delivered), n)
	}
	before, _, ok := strings.Cut(i.Log(), id+": to=<alice@example.test>")
	first := strings.Count(before, ": to=<u")
	t.Logf("the single letter arrived when %d of %d had theirs", first, n)
	if !ok || first == n {
		t.Error("the single letter waited for the whole job")
	}
}
