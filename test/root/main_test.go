//go:build root

// Package root shows what only root can: services under their own accounts,
// setgid sendmail, delivery as the recipient, a full file system, and hosts that
// exchange mail on a network of their own (network namespaces; needs iproute2).
// The tests run in a mount namespace of their own, where copies of /etc/passwd
// and /etc/group have the accounts, so the machine stays as it was.
package root

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// Accounts of the tests, beside those that the system has.
const (
	annUID = 61501
	benUID = 61502

	vmailUID = 61406
)

var accounts = []struct {
	name string
	id   int
}{
	{"yubin", 61401}, {"yubinsmtpd", 61402}, {"yubinsmtp", 61403}, {"yubinnull", 61404},
	{"vmail", vmailUID}, {"ann", annUID}, {"ben", benUID},
}

const maildropGID = 61405

func TestMain(m *testing.M) {
	if path := os.Getenv("YUBIN_TRY_OPEN"); path != "" {
		os.Exit(tryOpen(path))
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests run as root")
		os.Exit(1)
	}
	if os.Getenv("YUBIN_NAMESPACE") == "" {
		os.Exit(inNamespace())
	}
	dir, err := os.MkdirTemp("", "yubin-root")
	if err == nil {
		err = addAccounts(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// inNamespace runs this test binary again in a private mount namespace.
func inNamespace() int {
	c := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "/proc/self/exe"}, os.Args[1:]...)...)
	c.Args[4] = os.Args[0]
	c.Env = append(os.Environ(), "YUBIN_NAMESPACE=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "unshare:", err)
		return 1
	}
	return 0
}

// addAccounts binds copies of passwd and group, with the accounts added, over
// the system's, and an empty directory over /etc/yubin when there is one.
func addAccounts(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	var passwd, group string
	for _, a := range accounts {
		home := filepath.Join(dir, a.name)
		passwd += fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", a.name, a.id, a.id, home)
		group += fmt.Sprintf("%s:x:%d:\n", a.name, a.id)
		if a.id < annUID {
			continue
		}
		if err := os.Mkdir(home, 0o700); err != nil {
			return err
		}
		if err := os.Chown(home, a.id, a.id); err != nil {
			return err
		}
	}
	group += fmt.Sprintf("maildrop:x:%d:\n", maildropGID)
	for name, more := range map[string]string{"passwd": passwd, "group": group} {
		b, err := os.ReadFile("/etc/" + name)
		if err != nil {
			return err
		}
		cp := filepath.Join(dir, name)
		if err := os.WriteFile(cp, []byte(without(string(b))+more), 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(cp, "/etc/"+name, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s over /etc/%s: %w", cp, name, err)
		}
	}
	return nil
}

// without drops the lines of accounts that the machine has under these names.
func without(lines string) string {
	var kept strings.Builder
	for line := range strings.Lines(lines) {
		name, _, _ := strings.Cut(line, ":")
		ours := name == "maildrop"
		for _, a := range accounts {
			ours = ours || a.name == name
		}
		if !ours {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// home returns an account's home directory.
func home(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	var path string
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Split(line, ":")
		if len(f) > 5 && f[0] == name {
			path = f[5]
		}
	}
	if path == "" {
		t.Fatalf("no account %s", name)
	}
	return path
}

// newSystem is an instance as installed, with home_mailbox = Maildir/.
func newSystem(t *testing.T, o instance.Options) *instance.Instance {
	o.System = true
	t.Cleanup(func() { emptyHomes(t) }) // once nothing runs any more
	o.Main = append(o.Main, "home_mailbox = Maildir/")
	return instance.New(t, o)
}

// emptyHomes leaves nothing of one test to the next.
func emptyHomes(t *testing.T) {
	for _, name := range []string{"ann", "ben"} {
		entries, err := os.ReadDir(home(t, name))
		if err != nil {
			t.Error(err)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(home(t, name), e.Name())); err != nil {
				t.Error(err)
			}
		}
	}
}

// as runs a program of the instance under another uid, with nothing else.
func as(i *instance.Instance, uid int, stdin string, name string, args ...string) instance.Result {
	i.T.Helper()
	return i.RunAs(&syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, stdin, name, args...)
}
