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
	if os.Geteuid() != 0 {
		t.Fatal("this test runs as root")
	}
	owner, stranger := uidOf(t, "daemon"), uidOf(t, "nobody")
	in := newInstance(t, oneSmtpd+"\nqmgr unix n - n 0 1 qmgr\nlocal unix n n n - - local", "smtpd", "qmgr", "local")
	in.main("first", "100s")
	main, err := os.ReadFile(filepath.Join(in.dir, "main.cf"))
	if err != nil {
		t.Fatal(err)
	}
	in.write("main.cf", string(main)+"mail_owner = daemon\nsmtpd_user = nobody\nsmtp_user = games\nsetgid_group = mail\nimport_environment = KEPT SET=1\n")
	in.installForAll("smtpd", "qmgr", "local")
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
		if err := os.WriteFile(path, b, 0o755); err != nil {
			in.t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(in.dir, "events"), 0o777); err != nil {
		in.t.Fatal(err)
	}
}
