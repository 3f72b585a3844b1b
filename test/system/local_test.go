package system

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// A localDesk is an instance with a directory for what aliases deliver to. Where the
// tests run as root, files and commands are another user's, as aliases that are
// not root's have it: nothing is run as root.
type localDesk struct {
	*instance.Instance
	me string
}

const nobodyUID = 65534

func newLocal(t *testing.T, aliases string, main ...string) *localDesk {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	i := instance.New(t, instance.Options{Stopped: true, Main: append([]string{
		"forward_path = $home/nowhere", "local_recipient_maps =", "minimal_backoff_time = 1s", "maximal_backoff_time = 2s", "mailbox_delivery_lock = fcntl",
	}, main...)})
	d := &localDesk{i, me.Username}
	for _, dir := range []string{"out", "forward"} {
		if err := os.Mkdir(i.Path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	i.WriteFile("etc/aliases", []string{d.fill(aliases)})
	if os.Geteuid() == 0 {
		for _, name := range []string{"out", "etc/aliases"} {
			if err := os.Chown(i.Path(name), nobodyUID, nobodyUID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

// fill puts names into a text: OUT, FORWARD, ME.
func (d *localDesk) fill(text string) string {
	return strings.NewReplacer("OUT", d.Path("out"), "FORWARD", d.Path("forward"), "ME", d.me).Replace(text)
}

func (d *localDesk) out(name string) string {
	b, _ := os.ReadFile(d.Path("out", name))
	return string(b)
}

func (d *localDesk) send(to, subject string) {
	d.T.Helper()
	d.Submit("carol@client.test", to, "Subject: "+subject+"\n\nhello\nFrom here\n")
}

// One alias with every form: each member gets the letter once, with its fields.
func TestAliasForms(t *testing.T) {
	t.Parallel()
	d := newLocal(t, `all: OUT/file, OUT/dir/, "|/bin/cat >OUT/piped; echo $SENDER $RECIPIENT $LOCAL $DOMAIN >OUT/env", \ME,
	:include:OUT/list, alice@example.test
owner-all: ME
"two words": "|cat >OUT/words"`, "mail_spool_directory = "+os.DevNull)
	d.AppendMain("mail_spool_directory = " + d.Path("local"))
	d.WriteFile("out/list", []string{"# readers", "bob@example.test, alice@example.test", ""})
	d.Start()
	d.send("all@localhost", "forms")
	d.WaitMail("alice", 1)
	d.WaitMail("bob", 1)
	d.Until("the queue is empty", d.Drained)
	trace := "Return-Path: <owner-all@mx.example.test>\nX-Original-To: all@localhost\nDelivered-To: all@localhost\nReceived: "
	for name, want := range map[string]string{
		"file":  "From owner-all@mx.example.test  ",
		"piped": "From owner-all@mx.example.test  ",
	} {
		if got := d.out(name); !strings.HasPrefix(got, want) || strings.Count(got, trace) != 1 || strings.Count(got, "Subject: forms") != 1 {
			t.Errorf("%s: %q, want once %q", name, got, trace)
		}
	}
	if got := d.out("file"); !strings.HasSuffix(got, "\nhello\n>From here\n\n") {
		t.Errorf("file: %q", got)
	}
	if got := d.out("piped"); !strings.HasSuffix(got, "\nhello\nFrom here\n") {
		t.Errorf("piped: %q", got)
	}
	if got, want := d.out("env"), "owner-all@mx.example.test all@localhost all localhost\n"; got != want {
		t.Errorf("environment: %q, want %q", got, want)
	}
	if all, _ := filepath.Glob(d.Path("out/dir/new/*")); len(all) != 1 {
		t.Errorf("Maildir: %q", all)
	}
	b, err := os.ReadFile(d.Path("local", d.me))
	if err != nil || strings.Count(string(b), "Subject: forms") != 1 {
		t.Errorf("mbox: %v %q", err, b)
	}
	d.send(`"two words"@localhost`, "quoted")
	d.Until("a quoted alias is found", func() bool { return strings.Contains(d.out("words"), "Subject: quoted") })
	d.WaitLog("status=sent (delivered to command: cat >" + d.Path("out/words") + ")")
}

// What has to wait makes nothing else be delivered twice.
func TestMembersForThemselves(t *testing.T) {
	t.Parallel()
	d := newLocal(t, `mixed: "|echo once >>OUT/good", "|echo tried >>OUT/tries; test -e OUT/open || exit 75", "|exit 67", :include:OUT/list`)
	d.Start()
	d.send("mixed@localhost", "mixed")
	d.WaitLog("dsn=4.3.0, status=deferred (temporary failure)")
	d.WaitLog("dsn=5.1.1, status=bounced (user unknown)")
	d.WaitLog("dsn=4.3.5, status=deferred (an :include: file cannot be read)")
	d.Until("a second attempt", func() bool { return strings.Count(d.out("tries"), "tried") >= 2 })
	d.WriteFile("out/open", nil)
	d.WriteFile("out/list", []string{"alice@example.test"})
	d.WaitMail("alice", 1)
	d.Until("the queue is empty, but for the notice", func() bool {
		return strings.Contains(d.Log(), "delivered to command: echo tried") && strings.Count(d.out("tries"), "tried") >= 3
	})
	if got := d.out("good"); got != "once\n" {
		t.Errorf("the good command ran: %q", got)
	}
}

// A list that could not be read and is empty by now stands for nobody, not for all
// who have the letter already.
func TestEmptyList(t *testing.T) {
	t.Parallel()
	d := newLocal(t, `some: "|echo once >>OUT/good", :include:OUT/list`)
	d.Start()
	d.send("some@localhost", "some")
	d.WaitLog("dsn=4.3.5, status=deferred (an :include: file cannot be read)")
	d.WriteFile("out/list", nil)
	d.WaitLog("status=sent (the list has been mended, and nobody has come to it)")
	d.Until("the queue is empty", d.Drained)
	if got := d.out("good"); got != "once\n" {
		t.Errorf("the command ran: %q", got)
	}
}

// A command alone is the recipient's own outcome; loops end.
func TestAliasOutcomes(t *testing.T) {
	t.Parallel()
	d := newLocal(t, `coded: "|echo 5.7.9 go away; exit 1"
killed: "|kill -9 $$"
slow: "|sleep 1000"
x: y
y: x
restricted: :include:OUT/list`, "command_time_limit = 1s", "notify_classes =")
	d.WriteFile("out/list", []string{`"|cat >OUT/never"`})
	d.Start()
	for _, to := range []string{"coded", "killed", "slow", "x", "restricted", "nobody-knows"} {
		d.send(to+"@localhost", to)
	}
	for to, want := range map[string]string{
		"coded":        "dsn=5.7.9, status=bounced (go away",
		"killed":       "status=deferred (Command died with signal 9",
		"slow":         "status=deferred (Command time limit exceeded",
		"x":            `dsn=5.4.6, status=bounced (alias loop: "x" leads back to itself)`,
		"restricted":   "dsn=5.7.1, status=bounced (mail to command is restricted)",
		"nobody-knows": `dsn=5.1.1, status=bounced (unknown user: "nobody-knows")`,
	} {
		d.WaitLog("to=<"+to+"@localhost>, relay=local, ", want)
	}
}

// .forward files: a list with a copy for the user herself; an extension's own;
// one that anybody may write to does not count.
func TestForwardFiles(t *testing.T) {
	t.Parallel()
	d := newLocal(t, "unused: ME", "recipient_delimiter = +", "home_mailbox =")
	d.AppendMain("forward_path = "+d.Path("forward")+"/$user+$extension, "+d.Path("forward")+"/$user", "mail_spool_directory = "+d.Path("local")+"/")
	d.WriteFile("forward/"+d.me, []string{"# keep a copy", d.me + ", alice@example.test"})
	d.WriteFile("forward/"+d.me+"+bob", []string{"bob@example.test"})
	d.WriteFile("forward/"+d.me+"+open", []string{"bob@example.test"})
	d.WriteFile("forward/"+d.me+"+empty", nil)
	if err := os.Chmod(d.Path("forward", d.me+"+open"), 0o666); err != nil {
		t.Fatal(err)
	}
	d.Start()
	own := func(n int) {
		t.Helper()
		d.Until(fmt.Sprintf("%d letters in the own mailbox", n), func() bool {
			all, _ := filepath.Glob(d.Path("local", d.me, "new", "*"))
			return len(all) == n
		})
	}
	d.send(d.me+"@localhost", "copy")
	d.WaitMail("alice", 1)
	own(1)
	d.send(d.me+"+bob@localhost", "extension")
	d.WaitMail("bob", 1)
	d.send(d.me+"+open@localhost", "open")
	own(2)
	d.WaitLog("does not count: anybody may write to it (mode o+w)")
	d.send(d.me+"+empty@localhost", "empty")
	own(3)
	d.Until("the queue is empty", d.Drained)
}

// Other transports: nothing is delivered here, and everything there.
func TestOtherTransports(t *testing.T) {
	t.Parallel()
	d := newLocal(t, "unused: ME")
	d.AppendMain("mailbox_transport_maps = inline:{ { "+d.me+" = error:5.2.1 moved } }", "fallback_transport_maps = inline:{alice=virtual}",
		"luser_relay = bob@example.test")
	d.WriteFile("etc/mailboxes", []string{"alice@example.test alice/", "bob@example.test bob/", "alice@localhost alice/"})
	d.Start()
	d.send(d.me+"@localhost", "moved")
	d.WaitLog("to=<"+d.me+"@localhost>, relay=none, ", "dsn=5.2.1, status=bounced (moved)")
	d.send("alice@localhost", "fallback")
	d.WaitMail("alice", 1)
	d.send("stranger@localhost", "last resort")
	d.WaitMail("bob", 1)
}

// The system may die at any time: members are made again, and made once.
func TestMembersSurviveCrash(t *testing.T) {
	t.Parallel()
	d := newLocal(t, `mixed: OUT/box, OUT/dir/, alice@example.test`)
	d.Start()
	const letters = 20
	for n := range letters {
		d.send("mixed@localhost", fmt.Sprintf("number-%d-", n))
		if n%7 == 3 {
			d.Crash()
			d.Start()
		}
	}
	d.WaitMail("alice", letters)
	d.Until("the queue is empty", d.Drained)
	dir, _ := filepath.Glob(d.Path("out/dir/new/*"))
	if len(dir) != letters {
		t.Errorf("Maildir: %d letters, want %d", len(dir), letters)
	}
	for n := range letters {
		if k := strings.Count(d.out("box"), fmt.Sprintf("number-%d-", n)); k != 1 {
			t.Errorf("mbox: letter %d is there %d times", n, k)
		}
	}
}
