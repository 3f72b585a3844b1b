//go:build root

package root

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// An ordinary user submits through setgid sendmail, and the letter lands in
// the recipient's home, owned by the recipient.
func TestSetgidSendmailAndDeliveryAsRecipient(t *testing.T) {
	i := newSystem(t, instance.Options{Stopped: true})
	allowConfig(t, i)
	i.Start()
	if r := as(i, annUID, "Subject: hello\n\nben\n", "sendmail", "-C", i.Etc(), "ben@localhost"); r != (instance.Result{}) {
		t.Fatalf("sendmail as ann: %+v", r)
	}
	dir := filepath.Join(home(t, "ben"), "Maildir")
	var found []string
	i.Until("the letter is in ben's Maildir", func() bool {
		found, _ = filepath.Glob(filepath.Join(dir, "new", "*"))
		return len(found) == 1
	})
	for _, p := range []string{dir, filepath.Join(dir, "new"), found[0]} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		if st.Uid != benUID || st.Gid != benUID || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: owner %d:%d mode %v, want ben's alone", p, st.Uid, st.Gid, info.Mode())
		}
	}
	b, err := os.ReadFile(found[0])
	if err != nil || !strings.Contains(string(b), fmt.Sprintf("from userid %d", annUID)) || !strings.Contains(string(b), "Return-Path: <ann@") {
		t.Errorf("letter: %v\n%s", err, b)
	}
	i.Until("ann sees an empty queue", func() bool {
		return as(i, annUID, "", "mailq", "-c", i.Etc()).Stdout == "Mail queue is empty\n"
	})
	if r := as(i, annUID, "", "mailctl", "-c", i.Etc(), "queue", "delete", "ALL"); r.Code == 0 {
		t.Errorf("ann may delete the queue: %+v", r)
	}
}

// "sendmail -bs" of an ordinary user has no rights but his own, up to the setgid
// sendmail that takes each letter, whether or not the mail system runs.
func TestSendmailBS(t *testing.T) {
	i := newSystem(t, instance.Options{Stopped: true})
	allowConfig(t, i)
	script := "EHLO c\r\nMAIL FROM:<ann@localhost>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nSubject: bs\r\n\r\nx\r\n.\r\nQUIT\r\n"
	i.Start()
	for _, down := range []bool{false, true} {
		if down {
			i.Stop()
		}
		r := as(i, annUID, script, "sendmail", "-C", i.Etc(), "-bs", "-i")
		if r.Code != 0 || r.Stderr != "" || !strings.Contains(r.Stdout, "\r\n250 2.0.0 Ok: queued\r\n221 2.0.0 Bye\r\n") {
			t.Errorf("sendmail -bs as ann, down %t: %+v", down, r)
		}
	}
	i.Start()
	for _, letter := range i.WaitMail("alice", 2) {
		if !strings.Contains(letter, fmt.Sprintf("from userid %d", annUID)) {
			t.Errorf("the letter:\n%s", letter)
		}
	}
}

// The mark of a complete letter is not durable: after a power failure sendmail
// may have said 0 and the mark be gone. pickup, which is not the file's owner,
// takes the letter all the same once it is a minute old.
func TestLetterWithoutMark(t *testing.T) {
	i := newSystem(t, instance.Options{})
	allowConfig(t, i)
	i.Stop()
	if r := as(i, annUID, "Subject: unmarked\n\nx\n", "sendmail", "-C", i.Etc(), "alice@example.test"); r != (instance.Result{}) {
		t.Fatalf("sendmail as ann: %+v", r)
	}
	letters, err := filepath.Glob(i.Path("queue", "maildrop", "[0-9A-F]*"))
	if err != nil || len(letters) != 1 {
		t.Fatalf("maildrop: %q, %v", letters, err)
	}
	info, err := os.Stat(letters[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(letters[0], info.Mode().Perm()&^0o100); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(letters[0], time.Time{}, time.Now().Add(-2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	i.Start()
	i.Sendmail("Subject: wakes pickup\n\nx\n", "bob@example.test")
	i.WaitMail("alice", 1)
}

// allowConfig names the instance's directory in the default main.cf's
// alternate_config_directories, which setgid sendmail asks.
func allowConfig(t *testing.T, i *instance.Instance) {
	t.Helper()
	if _, err := os.Stat("/etc/yubin"); err != nil {
		if err := os.Mkdir("/etc/yubin", 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove("/etc/yubin") })
	}
	dir := i.Path("default")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	i.WriteFile("default/main.cf", []string{"alternate_config_directories = " + i.Etc()})
	if err := syscall.Mount(dir, "/etc/yubin", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount("/etc/yubin", syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// With a configuration that the administrator has not allowed, sendmail has
// no group and cannot write maildrop.
func TestForeignConfigurationLosesTheGroup(t *testing.T) {
	i := newSystem(t, instance.Options{})
	r := as(i, annUID, "Subject: x\n\nx\n", "sendmail", "-C", i.Etc(), "ben@localhost")
	if r.Code == 0 || r.Stderr == "" {
		t.Errorf("sendmail -C of a foreign directory: %+v; want an error", r)
	}
	names, err := os.ReadDir(i.Path("queue", "maildrop"))
	if err != nil || len(names) != 0 {
		t.Errorf("maildrop: %v, %v; want it empty", names, err)
	}
}

// A link in a user's home leads nowhere that the user cannot write.
func TestMaildirIsAnotherUsers(t *testing.T) {
	i := newSystem(t, instance.Options{})
	annMail, benMail := filepath.Join(home(t, "ann"), "Maildir"), filepath.Join(home(t, "ben"), "Maildir")
	i.Submit("carol@client.test", "ben@localhost", "Subject: x\n\nx\n")
	i.WaitLog("to=<ben@localhost>", "status=sent")
	if err := os.Symlink(benMail, annMail); err != nil {
		t.Fatal(err)
	}
	before := len(instance.ReadMaildir(t, benMail))
	i.Submit("carol@client.test", "ann@localhost", "Subject: x\n\nx\n")
	i.WaitLog("to=<ann@localhost>", "status=deferred", "ermission denied")
	if n := len(instance.ReadMaildir(t, benMail)); n != before {
		t.Errorf("ben's Maildir has %d messages more", n-before)
	}
}

// Services that parse strangers' bytes have their own uid, no capability, and
// can open nothing below the queue directory or in a mailbox.
func TestServiceAccounts(t *testing.T) {
	i := newSystem(t, instance.Options{})
	i.Submit("carol@client.test", "ben@localhost", "Subject: x\n\nx\n")
	i.Submit("carol@client.test", "dave@elsewhere.test", "Subject: waits\n\nx\n")
	i.WaitLog("to=<ben@localhost>", "status=sent")
	i.WaitLog("to=<dave@elsewhere.test>", "status=deferred")

	for name, uid := range map[string]int{"smtpd": 61402, "smtp": 61403, "qmgr": 61401, "local": 0} {
		pids := i.Processes(name)
		if len(pids) == 0 {
			t.Errorf("no %s runs", name)
		}
		for _, pid := range pids {
			checkIDs(t, name, pid, uid)
		}
	}

	var paths []string
	for _, root := range []string{i.Path("queue"), filepath.Join(home(t, "ben"), "Maildir"), i.Path("mail")} {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type()&fs.ModeSocket == 0 && p != root {
				paths = append(paths, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := i.Path("paths")
	if err := os.WriteFile(list, []byte(strings.Join(paths, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	tryAsServices(t, i, list, len(paths))
	if len(paths) < 10 {
		t.Errorf("tried %d paths, want at least 10", len(paths))
	}
}

// tryAsServices has the accounts of services open the n paths of a list: none
// may.
func tryAsServices(t *testing.T, i *instance.Instance, list string, n int) {
	t.Helper()
	exe := i.Path("try-open")
	b, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(exe, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, uid := range []int{61402, 61403, 61404} {
		c := exec.Command(exe)
		c.Env = []string{"YUBIN_TRY_OPEN=" + list}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("uid %d can open:\n%s(%v)", uid, out, err)
		}
		if want := fmt.Sprintf("tried %d\n", n); !strings.HasSuffix(string(out), want) {
			t.Errorf("uid %d: %q; want %q", uid, out, want)
		}
	}
}

// tryOpen tries each path of a list for reading and for writing, or connects when
// it is a socket, prints those that open, and returns 1 when there is one. Directories that only list
// sockets (public) may be read.
func tryOpen(list string) int {
	b, err := os.ReadFile(list)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	code, tried := 0, 0
	for _, p := range strings.Split(string(b), "\n") {
		tried++
		for _, mode := range []int{os.O_RDONLY, os.O_WRONLY | os.O_APPEND} {
			f, err := os.OpenFile(p, mode, 0)
			if err == nil && filepath.Base(p) != "public" {
				fmt.Println(p, mode)
				code = 1
			}
			f.Close()
		}
		if c, err := net.Dial("unixpacket", p); err == nil {
			fmt.Println(p, "connected")
			c.Close()
			code = 1
		}
	}
	fmt.Printf("tried %d\n", tried)
	return code
}

// checkIDs looks at a process from outside: all four uids, and for those that
// are not root no group but their own and no capability.
func checkIDs(t *testing.T, name string, pid, uid int) {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		key, value, _ := strings.Cut(sc.Text(), ":")
		switch key {
		case "Uid":
			seen++
			if want := strings.Repeat(fmt.Sprintf("\t%d", uid), 4); value != want {
				t.Errorf("%s runs with uids %q, want %q", name, value, want)
			}
		case "CapEff", "CapPrm":
			seen++
			if uid != 0 && strings.Trim(value, "\t0") != "" {
				t.Errorf("%s has capabilities %s", name, value)
			}
		}
	}
	if seen != 3 {
		t.Errorf("status of %s: %d of 3 lines", name, seen)
	}
}
