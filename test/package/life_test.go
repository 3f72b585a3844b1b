//go:build root

package packaging

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A machine's life with yubin: beside another mail system, installed, started,
// used, upgraded under load, erased. Each part begins where the one before it
// ended.
func TestLife(t *testing.T) {
	c := boot(t)
	c.publish(build(t, release))
	c.publish(c.stub("toy-mta"))
	c.dnf("install", "toy-mta")
	for _, part := range []struct {
		name string
		run  func(*testing.T, *container)
	}{
		{"install", installs},
		{"alternatives", switches},
		{"start", starts},
		{"root's mail", rootsMail},
		{"check", checks},
		{"reload and restart", restarts},
		{"socket activation", activates},
		{"upgrade", upgrades},
		{"erase", erases},
		{"stranger", leavesStrangers},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			c.t = t
			part.run(t, c)
		})
		c.t = t
		if !ok {
			return
		}
	}
}

// sendmail is what the name means now: "toy", "yubin" or nothing.
func (c *container) sendmail() string {
	target, _ := c.try("readlink", "-f", "/usr/sbin/sendmail")
	return strings.TrimPrefix(filepath.Ext(strings.TrimSpace(target)), ".")
}

func installs(t *testing.T, c *container) {
	c.dnf("install", "yubin")
	if out := c.run("rpm", "--verify", "yubin"); out != "" {
		t.Errorf("rpm --verify:\n%s", out)
	}
	if got := c.sendmail(); got != "toy" {
		t.Errorf("installing took sendmail over from another mail system: it is %q", got)
	}
	for _, what := range []string{"/usr/sbin/sendmail", "/usr/lib/sendmail", "MTA", "smtpd", "smtpdaemon", "server(smtp)"} {
		if out := c.run("rpm", "--query", "--whatprovides", what); !strings.Contains(out, "yubin-") {
			t.Errorf("%s is provided by %s", what, out)
		}
	}
	if out, err := c.try("systemctl", "is-enabled", "yubin.service", "yubin.socket"); err == nil || out != "disabled\ndisabled\n" {
		t.Errorf("after installing the units are %q", out)
	}
	if out, err := c.try("systemctl", "is-active", "yubin.service"); err == nil {
		t.Errorf("after installing the service is %q", out)
	}
	if got := c.run("stat", "--format=%U:%G %a", "/usr/sbin/sendmail.yubin", "/var/spool/yubin/maildrop"); got != "root:maildrop 2755\nyubin:maildrop 730" {
		t.Errorf("sendmail and maildrop: %s", got)
	}
	c.run("systemd-analyze", "verify", "--man=no", "yubin.service", "yubin.socket")
}

// The administrator chooses among mail systems, all names at once.
func switches(t *testing.T, c *container) {
	c.run("alternatives", "--set", "mta", "/usr/sbin/sendmail.yubin")
	for name, want := range map[string]string{
		"/usr/sbin/sendmail": "/usr/sbin/sendmail.yubin", "/usr/lib/sendmail": "/usr/sbin/sendmail.yubin",
		"/usr/bin/mailq": "/usr/bin/mailq.yubin", "/usr/bin/newaliases": "/usr/bin/newaliases.yubin",
		"/etc/pam.d/smtp":                   "/etc/pam.d/smtp.yubin",
		"/usr/share/man/man8/sendmail.8.gz": "/usr/share/man/man1/sendmail.yubin.1.gz",
		"/usr/share/man/man8/smtpd.8.gz":    "/usr/share/man/man8/smtpd.yubin.8.gz",
	} {
		if got, err := c.try("readlink", "-f", name); strings.TrimSpace(got) != want {
			t.Errorf("%s is %q, %v; want %s", name, got, err, want)
		}
	}
	c.run("alternatives", "--set", "mta", "/usr/sbin/sendmail.toy")
	if out := c.run("/usr/sbin/sendmail", "ben"); out != "toy" {
		t.Errorf("the other mail system's sendmail says %q", out)
	}
	if out, err := c.try("ls", "/usr/bin/newaliases"); err == nil {
		t.Errorf("a name that the other mail system does not have: %s", out)
	}
	c.run("alternatives", "--set", "mta", "/usr/sbin/sendmail.yubin")
	if got := c.sendmail(); got != "yubin" {
		t.Errorf("after switching back sendmail is %q", got)
	}
	// The other goes, and comes again.
	c.dnf("remove", "toy-mta")
	if got := c.sendmail(); got != "yubin" {
		t.Errorf("without the other mail system sendmail is %q", got)
	}
	c.dnf("install", "toy-mta")
	c.run("alternatives", "--set", "mta", "/usr/sbin/sendmail.yubin")
}

// letters returns the files of a user's Maildir that hold a text.
func (c *container) letters(user, text string) []string {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.root, "home", user, "Maildir/new/*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(name string) bool {
		b, err := os.ReadFile(name)
		return err != nil || !strings.Contains(string(b), text)
	})
}

// arrives waits for a letter.
func (c *container) arrives(user, text string) {
	c.t.Helper()
	c.await(fmt.Sprintf("a letter for %s with %q", user, text), func() bool { return len(c.letters(user, text)) > 0 })
}

// send sends a letter as an ordinary user does.
func (c *container) send(from, to, text string) {
	c.t.Helper()
	if out, err := c.feed("Subject: "+text+"\n\nhello\n", "runuser", "-u", from, "--", "/usr/sbin/sendmail", to); err != nil {
		c.t.Fatalf("sendmail %s: %v\n%s", to, err, out)
	}
}

// The configuration as shipped is a working system, for this machine alone.
func starts(t *testing.T, c *container) {
	c.send("ann", "ben", "sent before the system ran")
	c.run("systemctl", "start", "yubin")
	c.arrives("ben", "sent before the system ran")
	c.send("ann", "ben@mail.example.test", "sent by ann")
	c.arrives("ben", "sent by ann")
	for _, table := range []string{"tcp", "tcp6"} {
		for line := range strings.Lines(c.run("cat", "/proc/net/"+table)) {
			f := strings.Fields(line)
			const loopback4, loopback6, listens = "0100007F:", "00000000000000000000000001000000:", "0A"
			if len(f) > 3 && f[3] == listens && !strings.HasPrefix(f[1], loopback4) && !strings.HasPrefix(f[1], loopback6) {
				t.Errorf("something listens beyond this host: %s", line)
			}
		}
	}
	conn, err := c.dial("127.0.0.1:25")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	greeting := make([]byte, 512)
	n, err := conn.Read(greeting)
	if want := "220 mail.example.test ESMTP"; err != nil || !strings.HasPrefix(string(greeting[:n]), want) {
		t.Errorf("the greeting is %q, %v; want %s", greeting[:n], err, want)
	}
	if out := c.run("rpm", "--verify", "yubin"); out != "" {
		t.Errorf("rpm --verify of the running system:\n%s", out)
	}
}

// One line of /etc/aliases says who reads root's mail, and everybody's who is
// an alias of root.
func rootsMail(t *testing.T, c *container) {
	c.write("/etc/aliases", c.read("/etc/aliases")+"root: ann\n")
	c.run("newaliases")
	// A table that was written in place counts after a moment; see alias_maps.
	c.await("the alias is in force", func() bool {
		c.send("ben", "root", "to root")
		return len(c.letters("ann", "to root")) > 0
	})
	c.send("ben", "postmaster", "to postmaster")
	c.arrives("ann", "to postmaster")
}

// check has nothing to say of a sound installation, and what it says of
// another mends it.
func checks(t *testing.T, c *container) {
	c.run("mailctl", "check")
	c.run("chmod", "0755", "/usr/sbin/sendmail.yubin")
	c.run("chown", "ann", "/etc/yubin/master.cf")
	c.run("rm", "/usr/lib/sendmail.yubin")
	out, err := c.try("mailctl", "check")
	if err == nil {
		t.Errorf("found nothing: %s", out)
	}
	mends := 0
	for line := range strings.Lines(out) {
		if what, mend, ok := strings.Cut(strings.TrimSpace(line), "; "); ok && !strings.HasPrefix(what, "note:") {
			c.run("sh", "-c", mend)
			mends++
		}
	}
	if mends != 3 {
		t.Errorf("want three problems, have:\n%s", out)
	}
	c.run("mailctl", "check")
	if out := c.run("rpm", "--verify", "yubin"); out != "" {
		t.Errorf("rpm --verify after mending:\n%s", out)
	}
}

// main returns the process of the service.
func (c *container) mainPID() string {
	c.t.Helper()
	return c.run("systemctl", "show", "--property=MainPID", "--value", "yubin")
}

// Neither reload nor restart refuses a connection.
func restarts(t *testing.T, c *container) {
	before := c.mainPID()
	knocks := c.knock()
	c.run("systemctl", "reload", "yubin")
	if after := c.mainPID(); after != before {
		t.Errorf("reload made process %s of %s", after, before)
	}
	c.run("systemctl", "restart", "yubin")
	if after := c.mainPID(); after == before {
		t.Error("restart left the process as it was")
	}
	knocks.stop(t)
	c.send("ann", "ben", "after the restart")
	c.arrives("ben", "after the restart")
}

// activates shows yubin.socket: systemd listens, the first client starts us.
func activates(t *testing.T, c *container) {
	c.run("systemctl", "stop", "yubin.service")
	c.run("systemctl", "start", "yubin.socket")
	if out, err := c.try("systemctl", "is-active", "yubin.service"); err == nil {
		t.Fatalf("the service is %q before anybody connects", out)
	}
	l := &ledger{c: c}
	if err := l.letter("socket activation"); err != nil {
		t.Fatal(err)
	}
	c.run("systemctl", "is-active", "yubin.service")
	l.settle()
	c.run("systemctl", "stop", "yubin.socket", "yubin.service")
	c.run("systemctl", "start", "yubin.service")
}

// erases removes a running system; mail stays, delivered or not, and what the
// administrator wrote.
func erases(t *testing.T, c *container) {
	c.write("/etc/yubin/main.cf", c.read("/etc/yubin/main.cf")+"defer_transports = local\n")
	c.run("systemctl", "enable", "yubin")
	c.run("systemctl", "restart", "yubin")
	c.send("ann", "ben", "waits in the queue")
	waits := func() bool {
		files, err := filepath.Glob(c.root + "/var/spool/yubin/deferred/*")
		return err == nil && anyContains(files, "waits in the queue")
	}
	c.await("the letter is deferred", waits)
	mail, err := filepath.Glob(c.root + "/home/*/Maildir/new/*")
	if err != nil || len(mail) == 0 {
		t.Fatalf("no mail: %v", err)
	}

	c.dnf("remove", "yubin")
	if !strings.Contains(c.read("/etc/yubin/main.cf.rpmsave"), "defer_transports = local") {
		t.Error("main.cf.rpmsave is not what the administrator had")
	}
	for _, name := range mail {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if !waits() {
		t.Error("the letter in the queue is gone")
	}
	if out, err := c.try("pgrep", "-a", "-f", "/usr/libexec/yubin/"); err == nil {
		t.Errorf("these still run:\n%s", out)
	}
	if got := c.sendmail(); got != "toy" {
		t.Errorf("sendmail is %q, not the other mail system's", got)
	}
	for _, name := range []string{"/usr/sbin/mailctl", "/usr/libexec/yubin", "/usr/lib/sendmail", "/usr/bin/newaliases",
		"/usr/lib/systemd/system/yubin.service", "/etc/systemd/system/multi-user.target.wants/yubin.service"} {
		if _, err := os.Lstat(c.root + name); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	c.run("getent", "passwd", "yubin") // its files are there
}

func anyContains(files []string, text string) bool {
	return slices.ContainsFunc(files, func(name string) bool {
		b, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(b), text)
	})
}

// leavesStrangers installs where /usr/sbin/sendmail is nobody's link.
func leavesStrangers(t *testing.T, c *container) {
	c.dnf("remove", "toy-mta")
	c.write("/usr/sbin/sendmail", "somebody's own\n")
	out := c.dnf("install", "yubin")
	if c.read("/usr/sbin/sendmail") != "somebody's own\n" {
		t.Error("a file of the administrator's was replaced")
	}
	if !strings.Contains(out, "is not managed by alternatives") {
		t.Errorf("nothing was said of it:\n%s", out)
	}
	c.dnf("remove", "yubin")
	if c.read("/usr/sbin/sendmail") != "somebody's own\n" {
		t.Error("a file of the administrator's was removed")
	}
}
