//go:build root

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"yubin/internal/account"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
)

// needRoot says why a test that was asked for (make root-test) cannot run.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test runs as root")
	}
}

// someUID is the first of some user IDs that nobody has.
const someUID = 62000

// home makes a directory of its own for each of n users, and returns the
// directory above, which everybody may pass.
func homes(t *testing.T, n int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "yubin-local")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		home := filepath.Join(dir, fmt.Sprintf("u%d", i))
		if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, someUID+i, someUID+i)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// owners delivers to users with their own IDs.
func owners(dir string) finder {
	return func(r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
		name, _, _ := strings.Cut(r.Address, "@")
		var n int
		if _, err := fmt.Sscanf(name, "u%d", &n); err != nil {
			return nil, nil, err
		}
		return &mailbox{place: maildir.Place{Base: filepath.Join(dir, name), Path: "Maildir/"}, as: identity{someUID + n, someUID + n}}, nil, nil
	}
}

// ids are the Uid, Gid and Groups lines of a thread.
func threadIDs(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "" // the thread has ended
	}
	if err != nil {
		t.Error(err)
	}
	var list []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "Uid:") || strings.HasPrefix(line, "Gid:") || strings.HasPrefix(line, "Groups:") || strings.HasPrefix(line, "CapEff:") {
			list = append(list, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(list, "; ")
}

// Many identities at once: each sees its own rights only, and no thread keeps
// one.
func TestRootIdentities(t *testing.T) {
	needRoot(t)
	s, err := newSwitcher(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := threadIDs(t, "/proc/thread-self/status")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			uid := someUID + i
			for range 200 {
				err := s.do(identity{uid, uid}, func() error {
					want := fmt.Sprintf("Uid: 0 %[1]d 0 %[1]d; Gid: 0 %[1]d 0 %[1]d; Groups: %[1]d; CapEff: 0000000000000000", uid)
					if got := threadIDs(t, "/proc/thread-self/status"); got != want {
						t.Errorf("thread has %s, want %s", got, want)
					}
					if _, err := os.ReadFile(secret); !errors.Is(err, fs.ErrPermission) {
						t.Errorf("root's file: %v, want permission denied", err)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range threads {
		if got := threadIDs(t, file); got != "" && got != before {
			t.Errorf("%s: %s, want %s", file, got, before)
		}
	}
}

// A panic in the work gives the thread its identity back on its way.
func TestRootPanic(t *testing.T) {
	needRoot(t)
	s, err := newSwitcher(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not get out")
			}
			if got := threadIDs(t, "/proc/thread-self/status"); !strings.Contains(got, "Uid: 0 0 0 0") {
				t.Errorf("thread after a panic: %s", got)
			}
		}()
		s.do(identity{someUID, someUID}, func() error { panic("broken") })
	}()
}

// A failed switch back ends the process; nothing else is done.
func TestRootStuck(t *testing.T) {
	needRoot(t)
	var died error
	s, err := newSwitcher(func(err error) { died = err })
	if err != nil {
		t.Fatal(err)
	}
	s.own.uid = someUID + 1 // which the thread, someUID by then, may not become
	err = s.do(identity{someUID, someUID}, func() error { return nil })
	if died == nil {
		t.Errorf("a stuck thread went on (%v)", err)
	}
	// Bring this thread back for the other tests.
	if err := setresuid(0); err != nil {
		t.Fatal(err)
	}
	s.own.uid = 0
	s.back()
}

// Files and directories of a delivery belong to the recipient.
func TestRootDelivery(t *testing.T) {
	needRoot(t)
	const users = 20
	dir := homes(t, users)
	a, _ := newTestAgent(t, map[string]transport{relayLocal: owners(dir)}, production())
	c := dial(t, a)
	var addrs []string
	for i := range users {
		addrs = append(addrs, fmt.Sprintf("u%d@mx.example", i))
	}
	req, f := request(t, content, addrs...)
	for _, r := range ask(t, c, req, f) {
		if r.Status != ipc.Sent {
			t.Errorf("%+v", r)
		}
	}
	for i := range users {
		home := filepath.Join(dir, fmt.Sprintf("u%d", i))
		n := 0
		err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			n++
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok || int(st.Uid) != someUID+i || int(st.Gid) != someUID+i {
				t.Errorf("%s belongs to %d:%d, want %d", path, st.Uid, st.Gid, someUID+i)
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			return nil
		})
		if err != nil || n != 6 {
			t.Errorf("%s: %d entries, %v, want home, Maildir, tmp, new, cur and a file", home, n, err)
		}
	}
}

// A link in a home leads no further than its owner gets, and nobody's mailbox
// in the spool is one that somebody else put there.
func TestRootTraps(t *testing.T) {
	needRoot(t)
	dir := homes(t, 2)
	closed := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"tmp", "new", "cur"} {
		if err := os.Mkdir(filepath.Join(closed, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(closed, filepath.Join(dir, "u0/Maildir")); err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(dir, "spool")
	trap := filepath.Join(spool, "u1")
	for _, d := range []string{spool, trap, trap + "/tmp", trap + "/new", trap + "/cur"} {
		if err := errors.Join(os.Mkdir(d, 0o777), os.Chmod(d, 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("u1", filepath.Join(spool, "u0")); err != nil {
		t.Fatal(err)
	}
	places := &account.Places{Spool: spool + "/"}
	inSpool := finder(func(r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
		name, _, _ := strings.Cut(r.Address, "@")
		id := strconv.Itoa(someUID + r.Index)
		a, err := places.System(&account.Person{Name: name, UID: id, GID: id})
		if err != nil {
			return nil, nil, err
		}
		return mailboxOf(a, 0), nil, nil
	})
	a, _ := newTestAgent(t, map[string]transport{relayLocal: owners(dir), "spool": inSpool}, production())
	c := dial(t, a)
	req, f := request(t, content, "u0@mx.example")
	if got := brief(ask(t, c, req, f)[0]); got != "deferred 4.2.0 cannot write to the mailbox: permission denied" {
		t.Errorf("link to root's Maildir: %s", got)
	}
	req, f = request(t, content, "u0@mx.example", "u1@mx.example")
	req.Transport = "spool"
	for i, r := range ask(t, c, req, f) {
		if brief(r) != "deferred 4.2.0 the mailbox belongs to another user" {
			t.Errorf("mailbox %d in the spool that belongs to root: %s", i, brief(r))
		}
	}
	for _, d := range []string{closed, trap} {
		if list := files(t, d); len(list) != 0 {
			t.Errorf("%s got %q", d, list)
		}
	}
}
