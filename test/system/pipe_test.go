package system

import (
	"os"
	"os/user"
	"strings"
	"testing"

	"yubin/test/instance"
)

// someone is a user that a private instance may run programs as.
func someone(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return "nobody" // never root
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// newPipes makes an instance in which mail to NAME@example.test goes to the
// transport NAME.
func newPipes(t *testing.T, names []string, master ...string) *instance.Instance {
	t.Helper()
	i := instance.New(t, instance.Options{Stopped: true, Mailboxes: append([]string{"alice"}, names...), Master: master})
	var routes []string
	for _, n := range names {
		routes = append(routes, n+"@example.test "+n+":Hop.Example")
	}
	i.WriteFile("etc/transport", routes)
	i.AppendMain("transport_maps = texthash:"+i.Path("etc", "transport"), "recipient_delimiter = +")
	if err := os.Mkdir(i.Path("out"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(i.Path("out"), 0o777); err != nil {
		t.Fatal(err)
	}
	return i
}

// A program of another user gets the message and its arguments as master.cf
// says, and what becomes of it is in the log.
func TestPipe(t *testing.T) {
	t.Parallel()
	who := someone(t)
	names := []string{"full", "plain", "later", "never", "coded", "gone", "stranger", "slow", "small"}
	entry := func(name, rest string) []string {
		return []string{"# " + name, name + " unix - n n - 10 pipe", "  " + rest}
	}
	var master []string
	for _, e := range [][]string{
		entry("full", "flags=DORXF.>hu user="+who+` eol=\r\n directory=/
    # a comment within
    argv=/bin/sh -c { cat > "$$1"; printf '%s|' "$$@" > "$$1.args"; echo stored in box 7; pwd } sh out/full
    -f ${sender} -- ${recipient} ${user} ${extension} $(domain) $nexthop $size $client_address $queue_id`),
		entry("plain", "user="+who+" argv=/bin/cat"),
		entry("later", "user="+who+" argv=/bin/sh -c { echo no room; exit 75 }"),
		entry("never", "user="+who+" argv=/bin/sh -c { exit 67 }"),
		entry("coded", "user="+who+" argv=/bin/sh -c { echo 5.7.1 not from you; exit 1 }"),
		entry("gone", "user="+who+" argv=/no/such/program"),
		entry("stranger", "user=no-such-user argv=/bin/true"),
		entry("slow", "user="+who+" argv=/bin/sleep 600"),
		entry("small", "user="+who+" size=10 argv=/bin/true"),
	} {
		master = append(master, e...)
	}
	i := newPipes(t, names, master...)
	// The program says where it writes; master.cf says it relative to nothing.
	b, err := os.ReadFile(i.Path("etc", "master.cf"))
	if err != nil {
		t.Fatal(err)
	}
	i.WriteFile("etc/master.cf", []string{strings.ReplaceAll(string(b), "out/full", i.Path("out", "full"))})
	i.AppendMain("slow_time_limit = 1s", "command_time_limit = 600s")
	if r := i.Mailctl("check"); strings.Contains(r.Stdout, "pipe") {
		t.Errorf("mailctl check: %+v", r)
	}
	i.Start()

	id := i.Submit("ann@example.com", "Full@Example.Test", "Subject: x\n\n..dot\nFrom here\nend\n")
	i.WaitLog("postfix/pipe[", id+": to=<", "relay=full,", "dsn=2.0.0, status=sent (delivered via full service (stored in box 7 /))")
	got := read(t, i.Path("out", "full"))
	head, rest, _ := strings.Cut(got, "Received:")
	if !strings.HasPrefix(head, "From ann@example.com  ") || !strings.HasSuffix(head, "\r\nReturn-Path: <ann@example.com>\r\nX-Original-To: Full@example.test\r\nDelivered-To: Full@example.test\r\n") {
		t.Errorf("before the message comes %q", head)
	}
	if !strings.HasSuffix(rest, "Subject: x\r\n\r\n..dot\r\n>From here\r\nend\r\n") {
		t.Errorf("the message is %q", rest)
	}
	args := strings.Split(read(t, i.Path("out", "full.args")), "|")
	want := []string{i.Path("out", "full"), "-f", "ann@example.com", "--", "full@example.test", "full", "", "example.test", "hop.example"}
	for n, w := range want {
		if n >= len(args) || args[n] != w {
			t.Fatalf("arguments %q, want %q first", args, want)
		}
	}
	if args[10] != "127.0.0.1" && !strings.HasPrefix(args[10], "127.") || args[11] != id {
		t.Errorf("arguments %q, want the client and %s last", args, id)
	}

	for _, c := range []struct{ name, want string }{
		{"plain", "dsn=2.0.0, status=sent (delivered via plain service ("},
		{"later", "dsn=4.3.0, status=deferred (temporary failure. Command output: no room)"},
		{"never", "dsn=5.1.1, status=bounced (user unknown)"},
		{"coded", "dsn=5.7.1, status=bounced (not from you)"},
		{"gone", `dsn=4.3.5, status=deferred (cannot run "/no/such/program": no such file or directory)`},
		{"stranger", "dsn=4.3.5, status=deferred (mail system configuration error)"},
		{"slow", `dsn=4.3.0, status=deferred (Command time limit exceeded: "/bin/sleep")`},
		{"small", "dsn=5.2.3, status=bounced (message size"},
	} {
		id := i.Submit("alice@example.test", c.name+"@example.test", "Subject: y\n\nz\n")
		i.WaitLog("postfix/pipe[", id+": to=<"+c.name+"@example.test>, relay="+c.name+", ", c.want)
	}
	i.WaitLog("warning", "user=no-such-user: there is no user no-such-user")
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Several recipients share a program; a recipient limit, or a field that names
// the recipient, gives each one of their own.
func TestPipeRecipients(t *testing.T) {
	t.Parallel()
	who := someone(t)
	i := newPipes(t, []string{"many", "one", "named"},
		"many unix - n n - - pipe user="+who+" argv=/bin/echo ${recipient}",
		"one unix - n n - - pipe user="+who+" argv=/bin/echo ${recipient}",
		"named unix - n n - - pipe flags=D user="+who+" argv=/bin/echo ${recipient}")
	i.AppendMain("one_destination_recipient_limit = 1")
	i.Start()
	for _, c := range []struct {
		name   string
		shared bool
	}{{"many", true}, {"one", false}, {"named", false}} {
		a, b := c.name+"@example.test", c.name+"+x@example.test"
		d := i.Dial()
		id, err := d.Deliver("alice@example.test", []string{a, b}, "Subject: x\n\ny\n")
		if err != nil {
			t.Fatal(err)
		}
		what := "delivered via " + c.name + " service (" + a + ")"
		if c.shared {
			what = "delivered via " + c.name + " service (" + a + " " + b + ")"
		}
		i.WaitLog(id+": to=<"+a+">", what)
		i.WaitLog(id + ": to=<" + b + ">")
	}
}

// A letter that has been there goes back, where the program's field tells.
func TestPipeLoop(t *testing.T) {
	t.Parallel()
	i := newPipes(t, []string{"loop"}, "loop unix - n n - - pipe flags=D user="+someone(t)+" argv=/bin/true")
	i.Start()
	id := i.Submit("alice@example.test", "loop@example.test", "Delivered-To: LOOP@example.test\nSubject: x\n\ny\n")
	i.WaitLog(id+": to=<loop@example.test>", "dsn=5.4.6, status=bounced (mail forwarding loop for loop@example.test)")
}

// What is wrong in master.cf is said with its line, and the rest works.
func TestPipeMistakes(t *testing.T) {
	t.Parallel()
	i := newPipes(t, []string{"bad"}, "bad unix - n n - - pipe user=x argv=/bin/cat ${recipent}")
	r := i.Mailctl("check")
	if want := i.Path("etc", "master.cf") + ":2: argv: no macro is called $recipent"; !strings.Contains(r.Stdout, want) {
		t.Errorf("mailctl check says\n%s\nwant %q", r.Stdout, want)
	}
	i.Start()
	id := i.Submit("alice@example.test", "bad@example.test", "Subject: x\n\ny\n")
	i.WaitLog("no macro is called $recipent")
	i.Submit("alice@example.test", "alice@example.test", "Subject: x\n\ny\n")
	i.WaitMail("alice", 1)
	if !strings.Contains(i.Mailq(), id) {
		t.Errorf("the letter for a service that does not start is not in the queue:\n%s", i.Mailq())
	}
}
