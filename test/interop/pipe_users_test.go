//go:build interop

package interop

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// startPipes starts an instance in which mail to each of these addresses goes to
// a transport of that local part's name, with these entries of master.cf.
func startPipes(t *testing.T, addresses []string, master ...string) *instance.Instance {
	t.Helper()
	i := instance.New(t, instance.Options{Stopped: true, Mailboxes: []string{"box"}, Master: master})
	var routes []string
	for _, a := range addresses {
		name, _, _ := strings.Cut(a, "@")
		routes = append(routes, a+" "+name+":")
	}
	i.WriteFile("etc/transport", routes)
	i.AppendMain("transport_maps = texthash:"+i.Path("etc", "transport"), "relay_domains = far.test")
	i.Start()
	return i
}

// Dovecot's delivery agent finds the user by the address, as Dovecot's manual
// sets it up for Postfix, and refuses one whom nobody knows.
func TestPipeDovecotUsers(t *testing.T) {
	t.Parallel()
	const lda = "/usr/lib/dovecot/dovecot-lda"
	need(t, lda)
	s := serve(t, "dovecot", "", nil)
	run := lda + " -c " + s.dir + "/conf -o log_path=/dev/stderr -o stats_writer_socket_path="
	i := startPipes(t, []string{"dave@far.test", "no@far.test"},
		"dave unix - n n - - pipe", "  flags=DRhu user=nobody argv="+run+" -f ${sender} -d ${recipient}",
		"no unix - n n - - pipe", "  flags=DRhu user=nobody argv="+run+" -e -f ${sender} -d ${recipient}")
	id := i.Submit("alice@example.test", "dave@far.test", "Subject: to dave\n\nbody\n")
	i.WaitLog(id+": to=<dave@far.test>, relay=dave,", "status=sent (delivered via dave service")
	letter := instance.One(t, s.mail(t))
	if !strings.HasPrefix(letter, "Return-Path: <alice@example.test>\nDelivered-To: dave@far.test\n") || !strings.HasSuffix(letter, "Subject: to dave\n\nbody\n") {
		t.Errorf("Dovecot has\n%s", letter)
	}
	id = i.Submit("alice@example.test", "no@far.test", "Subject: to nobody\n\nbody\n")
	i.WaitLog(id+": to=<no@far.test>, relay=no,", "dsn=5.1.1, status=bounced (user unknown")
}

// maildrop finds the user by the name, who runs it, and her mailbox.
func TestPipeMaildropUsers(t *testing.T) {
	t.Parallel()
	need(t, "maildrop")
	const user = "man" // has a home directory that is hers, on every Debian
	mail := serverDir(t, "maildrop", nil)
	if err := os.Chmod(mail, 0o777); err != nil {
		t.Fatal(err)
	}
	// A /var/mail of its own, for what this thread starts: it ends with the test.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(mail, "/var/mail", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	i := startPipes(t, []string{user + "@far.test", "no@far.test"},
		user+" unix - n n - - pipe", "  flags=DRXhu user="+user+" argv=/usr/bin/maildrop -d ${user}",
		"no unix - n n - - pipe", "  flags=DRXhu user="+user+" argv=/usr/bin/maildrop -d no-such-user")
	id := i.Submit("alice@example.test", user+"@far.test", "Subject: hello\n\nbody\n")
	i.WaitLog(id+": to=<"+user+"@far.test>, relay="+user+",", "status=sent (delivered via "+user+" service")
	b, err := os.ReadFile(filepath.Join(mail, user))
	if err != nil || !strings.Contains(string(b), "\nSubject: hello\n\nbody\n") || !strings.Contains(string(b), "Delivered-To: "+user+"@far.test\n") {
		t.Errorf("the mailbox has %v\n%s", err, b)
	}
	id = i.Submit("alice@example.test", "no@far.test", "Subject: hello\n\nbody\n")
	i.WaitLog(id+": to=<no@far.test>, relay=no,", "dsn=5.1.1, status=bounced (user unknown")
}

// A filter in the way of spamc's: it marks the letter and sends it on, by SMTP,
// to where it was going; an outage of the next door makes the letter wait.
func TestPipeFilter(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	dir := serverDir(t, "filter", map[string]string{"filter": `import smtplib, sys
host, port, sender, recipient = sys.argv[1:]
mail = sys.stdin.buffer.read().replace(b"\n", b"\r\n")
score = 9 if b"\nSubject: spam" in mail else 0
try:
    with smtplib.SMTP(host, int(port)) as s:
        s.sendmail(sender, recipient, b"X-Spam-Status: %s, score=%d\r\n" % (b"Yes" if score > 5 else b"No", score) + mail)
except OSError as e:
    print("4.3.0", e)
    sys.exit(75)
`})
	for name, mode := range map[string]os.FileMode{dir: 0o755, filepath.Join(dir, "filter"): 0o644} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	i := instance.New(t, instance.Options{Stopped: true, Mailboxes: []string{"box"}})
	host, port, err := net.SplitHostPort(i.Addr)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(name, port string) []string {
		return []string{name + " unix - n n - 10 pipe", "  flags=Rq user=nobody null_sender= argv=/usr/bin/python3 " + dir + "/filter " + host + " " + port + " ${sender} ${user}@example.test"}
	}
	master, err := os.ReadFile(i.Path("etc", "master.cf"))
	if err != nil {
		t.Fatal(err)
	}
	i.WriteFile("etc/master.cf", append(append([]string{string(master)}, entry("spam", port)...), entry("closed", "1")...))
	i.AppendMain("relay_domains = in.test, shut.test", "transport_maps = inline:{ {in.test=spam:} {shut.test=closed:} }")
	i.Start()
	for _, subject := range []string{"spam", "ham"} {
		id := i.Submit("alice@example.test", "box@in.test", "From: Alice <alice@example.test>\nSubject: "+subject+"\n\n..body\nFrom x\n")
		i.WaitLog(id+": to=<box@in.test>, relay=spam,", "status=sent (delivered via spam service")
	}
	i.Until("both letters have come through", func() bool { return len(i.Mail("box")) == 2 })
	for _, letter := range i.Mail("box") {
		want := "X-Spam-Status: No, score=0\n"
		if strings.Contains(letter, "\nSubject: spam\n") {
			want = "X-Spam-Status: Yes, score=9\n"
		}
		if !strings.Contains(letter, want+"Return-Path:") && !strings.Contains(letter, want+"Received:") || !strings.HasSuffix(letter, "\n\n.body\nFrom x\n") {
			t.Errorf("want %s in\n%s", want, letter)
		}
	}
	id := i.Submit("", "box@in.test", "From: Mailer <mailer-daemon@example.test>\nSubject: a notice\n\nbody\n")
	i.WaitLog(id+": to=<box@in.test>, relay=spam,", "status=sent (delivered via spam service")
	i.Until("the notice has come through", func() bool { return len(i.Mail("box")) == 3 })
	i.WaitLog("from=<>, size=")
	id = i.Submit("alice@example.test", "box@shut.test", "Subject: x\n\nbody\n")
	i.WaitLog(id+": to=<box@shut.test>, relay=closed,", "dsn=4.3.0, status=deferred (")
}
