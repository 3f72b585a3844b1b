//go:build root

package master_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Each service runs as its own account, with no group but its own, no
// environment but what it is given, and sockets and directories have the
// owners and modes of the manual.
func TestAccounts(t *testing.T) {
	owner, stranger := uidOf(t, "daemon"), uidOf(t, "nobody")
	in := rootInstance(t)
	t.Setenv("KEPT", "2")
	t.Setenv("SECRET", "3")
	in.start()

	for _, c := range []struct {
		service string
		as      *user.User
		groups  string
	}{
		{"qmgr", owner, fmt.Sprintf("[%s %s]", owner.Gid, gidOf(t, "mail"))},
		{"smtpd", stranger, fmt.Sprintf("[%s]", stranger.Gid)},
	} {
		if c.service != "qmgr" { // which starts by itself
			in.mustDial(c.service)
		}
		_, got := in.wholeEvent(c.service, "started")
		for _, want := range []string{
			fmt.Sprintf("uid=%s gid=%s groups=%s ", c.as.Uid, c.as.Gid, c.groups), `"KEPT=2"`, `"SET=1"`, `"PATH=`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s", c.service, got, want)
			}
		}
		if strings.Contains(got, "SECRET") || strings.Contains(got, "LISTEN_") {
			t.Errorf("%s: environment: %s", c.service, got)
		}
	}
	in.mustDial("local")
	if _, got := in.wholeEvent("local", "started"); !strings.Contains(got, "uid=0 gid=0 ") {
		t.Errorf("local: got %s, want root", got)
	}

	for path, want := range map[string]string{
		".":            "drwxr-xr-x 0",
		"maildrop":     "drwx-wx--- " + owner.Uid,
		"incoming":     "drwx------ " + owner.Uid,
		"private":      "drwx------ " + owner.Uid,
		"public":       "drwxr-xr-x " + owner.Uid,
		"pid":          "drwx------ 0",
		"public/smtpd": "Srw-rw-rw- " + owner.Uid,
	} {
		info, err := os.Lstat(filepath.Join(in.dir, "q", path))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := describeOwner(info); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// rootInstance is an instance whose services have accounts of their own.
func rootInstance(t *testing.T) *testInstance {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test runs as root")
	}
	in := newInstance(t, oneSmtpd+"\nqmgr unix n - n 0 1 qmgr\nlocal unix n n n - - local", "smtpd", "qmgr", "local")
	in.main("first", "100s")
	in.write("main.cf", in.read("main.cf")+"mail_owner = daemon\nsmtpd_user = nobody\nsmtp_user = games\nsetgid_group = mail\nimport_environment = KEPT SET=1\n")
	in.installForAll("smtpd", "qmgr", "local")
	return in
}

// A master that became another program starts services under the same accounts
// as before, and sockets keep their owners; nobody else may ask for that.
func TestUpgradeAccounts(t *testing.T) {
	in := rootInstance(t)
	in.start()
	in.event("qmgr", "started")
	if reply := in.upgrade(); reply.Error != "" {
		t.Fatal(reply.Error)
	}
	for _, c := range [][2]string{{"qmgr", "daemon"}, {"smtpd", "nobody"}} {
		in.mustDial(c[0]) // qmgr starts by itself
		if _, got := in.wholeEvent(c[0], "started"); !strings.HasPrefix(got, "started uid="+uidOf(t, c[1]).Uid+" ") {
			t.Errorf("%s: got %s, want user %s", c[0], got, c[1])
		}
	}
	info, err := os.Lstat(filepath.Join(in.dir, "q/public/smtpd"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describeOwner(info), "Srw-rw-rw- "+uidOf(t, "daemon").Uid; got != want {
		t.Errorf("public/smtpd: got %s, want %s", got, want)
	}
	info, err = os.Lstat(filepath.Join(in.dir, "q/pid/control"))
	if err != nil {
		t.Fatal(err)
	}
	if got := describeOwner(info); got != "Srw------- 0" {
		t.Errorf("pid/control: got %s, want root's alone", got)
	}
}

func describeOwner(info fs.FileInfo) string {
	return fmt.Sprint(info.Mode(), " ", info.Sys().(*syscall.Stat_t).Uid)
}

func uidOf(t *testing.T, name string) *user.User {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func gidOf(t *testing.T, name string) string {
	t.Helper()
	g, err := user.LookupGroup(name)
	if err != nil {
		t.Fatal(err)
	}
	return g.Gid
}

// installForAll puts programs where every account can run them.
func (in *testInstance) installForAll(names ...string) {
	in.t.Helper()
	self, err := os.Executable()
	if err != nil {
		in.t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		in.t.Fatal(err)
	}
	if err := os.Chmod(in.dir, 0o755); err != nil {
		in.t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(in.dir, "lib", name)
		if err := os.Remove(path); err != nil {
			in.t.Fatal(err)
		}
		if err := writeFile(path, b, 0o755); err != nil {
			in.t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(in.dir, "events"), 0o777); err != nil {
		in.t.Fatal(err)
	}
}
