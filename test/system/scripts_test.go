package system

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"yubin/test/instance"
)

// A slip in main.cf: what runs goes on with the values from before, but sendmail
// reads it anew for each letter. It says that one should try again: the mail of a
// filter that ends with sendmail's status waits then, and does not come back.
func TestSendmailWithAWrongValue(t *testing.T) {
	t.Parallel()
	for slip, name := range map[string]string{
		"message_size_limit = 20MB": "message_size_limit", "no equals sign": "missing '='", "authorized_submit_users = nosuch:x": "authorized_submit_users",
	} {
		i := instance.New(t, instance.Options{Stopped: true, Main: []string{slip}})
		r := i.Run("Subject: x\n\ny\n", "sendmail", "-C", i.Etc(), "-i", "bob@example.test")
		if r.Code != 75 || r.Stdout != "" || !strings.Contains(r.Stderr, "etc/main.cf:") || !strings.Contains(r.Stderr, name) {
			t.Errorf("%s: %+v", slip, r)
		}
	}
	i := instance.New(t, instance.Options{Stopped: true})
	if r := i.Run("", "sendmail", "-C", i.Path("gone"), "bob@example.test"); r.Code != 75 {
		t.Errorf("no main.cf: %+v", r)
	}
}

// cd /etc/postfix && postmap transport: a table is named from where one is.
func TestTablesFromHere(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true, Aliases: []string{"root: alice"}})
	i.WriteFile("etc/map", []string{"key value"})
	i.WriteFile("etc/re", []string{"/^k/ pattern"})
	i.WriteFile("etc/nets", []string{"192.0.2.0/24 net"})
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if here, err = filepath.EvalSymlinks(here); err != nil {
		t.Fatal(err)
	}
	rel := func(name string) string {
		path, err := filepath.Rel(here, i.Path("etc", name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, out string
		args      []string
	}{
		{"postmap", "", []string{rel("map")}},
		{"postmap", "", []string{"hash:" + rel("map"), "texthash:" + rel("map"), "regexp:" + rel("re")}},
		{"postmap", "value\n", []string{"-q", "key", rel("map")}},
		{"postmap", "value\n", []string{"-q", "key", "lmdb:" + rel("map")}},
		{"postmap", "pattern\n", []string{"-q", "key", "pcre:" + rel("re")}},
		{"postmap", "net\n", []string{"-q", "192.0.2.9", "cidr:" + rel("nets")}},
		{"postmap", "key\tvalue\n", []string{"-s", "hash:" + rel("map")}},
		{"postmap", "re/lative\n", []string{"-q", "key", "static:re/lative"}},
		{"postalias", "", []string{rel("aliases")}},
		{"postalias", "alice\n", []string{"-q", "root", "hash:" + rel("aliases")}},
		{"mailctl", "value\n", []string{"lookup", "hash:" + rel("map"), "key"}},
		{"mailctl", "alice\n", []string{"lookup", "hash:" + rel("aliases"), "root"}}, // as alias_maps has it
	} {
		wants(t, c.name+" "+strings.Join(c.args, " "), tool(i, "", c.name, c.args...), 0, c.out, "")
	}
	wants(t, "a table that is not there", tool(i, "", "postmap", "hash:"+rel("gone")), 1, "", "postmap: fatal: .*"+i.Path("etc", "gone")+".*\n")
}

// A reload that would leave a part of the system without a configuration that it can
// use is not made: who asked for it hears why, with file and line, and everything
// goes on as it was.
func TestReloadOfWrongValues(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	good := map[string]string{"main.cf": read(t, i.Path("etc", "main.cf")), "master.cf": read(t, i.Path("etc", "master.cf"))}
	for _, c := range []struct{ file, slip, want string }{
		{"main.cf", "smtpd_recipient_limit = none", "smtpd_recipient_limit: want an integer"},
		{"main.cf", "smtpd_recipient_restrictions = rejekt", "restriction \"rejekt\" is not known"}, // which smtpd alone can judge
		{"main.cf", "mail_owner = nobody-of-that-name", "mail_owner: user: unknown user"},
		{"main.cf", "no equals sign", "missing '='"},
		{"master.cf", "submission inet n - n", "want eight fields"},
		{"master.cf", "127.0.0.1:submision inet n - n - - smtpd", "submision"},
		{"master.cf", "second unix - - n - - smtp -o smtp_helo_name={two words}", "smtp_helo_name: want a host name"},
	} {
		if strings.HasPrefix(c.want, "mail_owner") && os.Geteuid() != 0 {
			continue // only root's system becomes anybody
		}
		i.WriteFile("etc/"+c.file, []string{good[c.file] + c.slip})
		where := regexp.QuoteMeta(fmt.Sprintf("%s:%d: ", i.Path("etc", c.file), 1+strings.Count(good[c.file], "\n"))) + "[^\n]*"
		if strings.HasPrefix(c.want, "mail_owner") { // the account is at fault
			where = ""
		}
		where = "(?s).*" + where + regexp.QuoteMeta(c.want) + ".*"
		wants(t, "mailctl reload: "+c.slip, tool(i, "", "mailctl", "reload"), 78, "", where)
		wants(t, "postfix reload: "+c.slip, tool(i, "", "postfix", "reload"), 78, "", where)
		i.WriteFile("etc/"+c.file, []string{strings.TrimSuffix(good[c.file], "\n")})
	}
	if log := i.Log(); strings.Contains(log, "reload -- ") || strings.Contains(log, "refreshing") {
		t.Errorf("it was reloaded: %s", log)
	}
	wants(t, "mailctl reload", tool(i, "", "mailctl", "reload"), 0, "", "")
	i.WaitLog("postfix/master[", "reload -- ")
}

// What postfix does it says to a person, not to cron or to the hook of a renewed
// certificate, whose output somebody gets by mail; a failure it says to all.
func TestPostfixIsSilent(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	wants(t, "postfix reload", tool(i, "", "postfix", "reload"), 0, "", "")
	i.WaitLog("postfix/postfix-script[", "refreshing the Postfix mail system")
	wants(t, "postfix start", tool(i, "", "postfix", "start"), 1, "", "postfix/postfix-script: fatal: .* already running\n")

	terminal, name := pseudoTerminal(t)
	person, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(i.Bin, "postfix"), "-c", i.Etc(), "reload")
	c.Stderr = person
	err = c.Run()
	person.Close()
	said, _ := io.ReadAll(terminal) // EIO when nobody has the other end any more
	if want := "postfix/postfix-script: refreshing the Postfix mail system\r\n"; err != nil || string(said) != want {
		t.Errorf("at a terminal: %v, %q; want %q", err, said, want)
	}
}

// pseudoTerminal opens one; the other end has that name.
func pseudoTerminal(t *testing.T) (f *os.File, name string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { f.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return f, fmt.Sprintf("/dev/pts/%d", n)
}
