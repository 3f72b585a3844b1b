//go:build root

package root

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/passdb"
	"yubin/test/instance"
)

// bind puts what is at source over target for this test. A file that is not
// there is made, and stays, empty.
func bind(t *testing.T, source, target string) {
	t.Helper()
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is not there: .ci/run names the packages that these tests need", target)
	}
	if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// write makes a file below a directory.
func write(t *testing.T, dir, name string, mode fs.FileMode, lines ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// Dora is known to a name service alone, as users of SSSD are.
const doraUID = 61601

// directory plays SSSD: a name service with Dora. What it returns breaks it.
func directory(t *testing.T) (home string, breakIt, mend func()) {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	home = filepath.Join(dir, "dora")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, doraUID, doraUID); err != nil {
		t.Fatal(err)
	}
	service := filepath.Join(dir, "service")
	if err := os.Mkdir(service, 0o755); err != nil {
		t.Fatal(err)
	}
	passwd := fmt.Sprintf("dora:x:%d:%d:Dora,,,:%s:/bin/sh", doraUID, doraUID, home)
	mend = func() {
		t.Helper()
		os.Remove(filepath.Join(service, "passwd"))
		write(t, service, "passwd", 0o644, passwd)
	}
	mend()
	write(t, service, "group", 0o644, fmt.Sprintf("dora:x:%d:", doraUID), "staff2:x:61602:dora")
	bind(t, service, "/var/lib/extrausers")
	bind(t, write(t, dir, "nsswitch.conf", 0o644, "passwd: files extrausers", "group: files extrausers"), "/etc/nsswitch.conf")
	return home, func() {
		t.Helper()
		path := filepath.Join(service, "passwd")
		os.Remove(path)
		if err := os.Symlink("passwd", path); err != nil {
			t.Fatal(err)
		}
	}, mend
}

// rcpt is what smtpd says to a recipient.
func rcpt(t *testing.T, i *instance.Instance, addr string) string {
	t.Helper()
	s := i.Dial()
	defer s.Close()
	for _, c := range []string{"EHLO client.test", "MAIL FROM:<carol@client.test>"} {
		if r, err := s.Cmd(c); err != nil || !strings.HasPrefix(r, "250") {
			t.Fatalf("%s: %s, %v", c, r, err)
		}
	}
	r, err := s.Cmd("RCPT TO:<" + addr + ">")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func want(t *testing.T, what, got, prefix string) {
	t.Helper()
	if !strings.HasPrefix(got, prefix) {
		t.Errorf("%s: %s; want %s", what, got, prefix)
	}
}

// A user of a name service gets mail; while that, or pamd, does not answer,
// nobody is unknown.
func TestNameServiceUsers(t *testing.T) {
	home, breakIt, mend := directory(t)
	i := newSystem(t, instance.Options{Main: []string{"pamd_time_limit = 4s", "pamd_cache_time = 0", "service_throttle_time = 1s"}})
	i.Submit("carol@client.test", "dora@localhost", "Subject: x\n\nx\n")
	i.WaitLog("to=<dora@localhost>", "status=sent")
	letters, err := filepath.Glob(filepath.Join(home, "Maildir", "new", "*"))
	if err != nil || len(letters) != 1 {
		t.Fatalf("Maildir of dora: %q, %v", letters, err)
	}
	if info, err := os.Stat(letters[0]); err != nil || info.Sys().(*syscall.Stat_t).Uid != doraUID {
		t.Errorf("the letter is not dora's: %+v, %v", info, err)
	}
	want(t, "unknown", rcpt(t, i, "fred@localhost"), "550 5.1.1")

	// dora sends a letter, whether the system runs or not.
	allowConfig(t, i)
	if r := as(i, doraUID, "Subject: from dora\n\nx\n", "sendmail", "-C", i.Etc(), "ann@localhost"); r != (instance.Result{}) {
		t.Errorf("sendmail as dora: %+v", r)
	}
	i.WaitLog("from=<dora@", "size=")

	breakIt()
	want(t, "a user, while the name service is down", rcpt(t, i, "dora@localhost"), "451 4.3.0")
	want(t, "nobody, while the name service is down", rcpt(t, i, "fred@localhost"), "451 4.3.0")
	want(t, "a user of the files, while the name service is down", rcpt(t, i, "ann@localhost"), "250 2.1.5")
	i.WaitLog("pamd[", "too many levels of symbolic links")
	mend()
	want(t, "a user, after that", rcpt(t, i, "dora@localhost"), "250 2.1.5")

	// pamd ends at once, and again.
	program := filepath.Join(i.Bin, "pamd")
	if err := os.Rename(program, program+".good"); err != nil {
		t.Fatal(err)
	}
	write(t, i.Bin, "pamd", 0o755, "#!/bin/sh", "exit 1")
	for _, pid := range i.Processes("pamd") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	want(t, "a user, while pamd is down", rcpt(t, i, "dora@localhost"), "451 4.3.0")
	want(t, "nobody, while pamd is down", rcpt(t, i, "fred@localhost"), "451 4.3.0")
	i.Sendmail("Subject: later\n\nx\n", "dora@localhost")
	i.WaitLog("to=<dora@localhost>", "status=deferred", "user lookup failed")
	if err := os.Rename(program+".good", program); err != nil {
		t.Fatal(err)
	}
	i.Until("dora is known again", func() bool { return strings.HasPrefix(rcpt(t, i, "dora@localhost"), "250") })
	i.Mailctl("queue", "flush")
	i.Until("the second letter is there", func() bool {
		letters, _ := filepath.Glob(filepath.Join(home, "Maildir", "new", "*"))
		return len(letters) == 2
	})
}

// pamConfig is /etc/pam.d of the test, and a shadow file in which all have the
// password. The accounts of ben and, for its password, dora have expired.
func pamConfig(t *testing.T, password string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	hash, err := passdb.Make("SHA512-CRYPT", password)
	if err != nil {
		t.Fatal(err)
	}
	hash = strings.TrimPrefix(hash, "{SHA512-CRYPT}")
	bind(t, write(t, dir, "shadow", 0o600,
		"root:*:19000:0:99999:7:::",
		"ann:"+hash+":19000:0:99999:7:::",
		"ben:"+hash+":19000:0:99999:7::19001:",
		"yubinnull:"+hash+":0:0:99999:7:::",
		"yubinsmtp::19000:0:99999:7:::", // no password at all
	), "/etc/shadow")
	services := filepath.Join(dir, "pam.d")
	if err := os.Mkdir(services, 0o755); err != nil {
		t.Fatal(err)
	}
	kill := write(t, dir, "kill", 0o755, "#!/bin/sh", "kill -SEGV $PPID")
	tell := write(t, dir, "tell", 0o755, "#!/bin/sh", `echo "$PAM_SERVICE $PAM_TYPE $PAM_USER $PAM_RUSER $PAM_RHOST $PAM_TTY" >>`+dir+"/told")
	unix := "auth required pam_unix.so nullok"
	account := "account required pam_unix.so"
	for name, lines := range map[string][]string{
		"yubin":   {"auth optional pam_exec.so " + tell, unix, "account required pam_nologin.so file=" + dir + "/nologin", account},
		"hangs":   {"auth required pam_exec.so /bin/sleep 30", unix, account},
		"crashes": {"auth required pam_exec.so " + kill, unix, account},
		"lacking": {"auth required pam_no_such_module.so", account},
		"broken":  {"auth include no-such-service", account},
		"other":   {"auth required pam_deny.so", "account required pam_deny.so"},
	} {
		write(t, services, name, 0o644, lines...)
	}
	bind(t, services, "/etc/pam.d")
	return dir
}

// askPAM has pamd check a password.
func askPAM(t *testing.T, i *instance.Instance, service, user, password string) ipc.PAMReply {
	t.Helper()
	c, err := fdpass.Dial(i.Path("queue", "public", "pamd"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Unix().SetDeadline(time.Now().Add(instance.Wait))
	if err := c.Send(ipc.Hello{Version: ipc.PAMVersion, Role: ipc.RolePAM}); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ipc.PAMRequest{Service: service, User: user, Password: []byte(password), Client: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	var a ipc.PAMReply
	if _, err := c.Recv(&a); err != nil {
		t.Fatalf("%s: %s: %v", service, user, err)
	}
	return a
}

func TestPAM(t *testing.T) {
	const password = "correct-horse-battery"
	dir := pamConfig(t, password)
	i := newSystem(t, instance.Options{Main: []string{"pamd_time_limit = 8s"}})
	i.Until("somebody listens for pamd", func() bool {
		c, err := fdpass.Dial(i.Path("queue", "public", "pamd"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	check := func(service, user, secret, want string) {
		t.Helper()
		if a := askPAM(t, i, service, user, secret); a.Result != want || a.Result == ipc.PAMOK && a.User != user || (a.Error != "") != (want == ipc.PAMTempFail) {
			t.Errorf("%s, %s, %.10q: got %+v, want %s", service, user, secret, a, want)
		}
	}
	check("yubin", "ann", password, ipc.PAMOK)
	check("yubin", "ann", "wrong", ipc.PAMMismatch)
	check("yubin", "ann", "", ipc.PAMMismatch)
	check("yubin", "nobody-here", password, ipc.PAMUnknown)
	check("yubin", "root", password, ipc.PAMMismatch)
	check("yubin", "ben", password, ipc.PAMExpired)
	check("yubin", "ben", "wrong", ipc.PAMMismatch)
	check("yubin", "yubinnull", password, ipc.PAMExpired)
	check("yubin", "yubinsmtp", "", ipc.PAMMismatch)
	check("lacking", "ann", password, ipc.PAMTempFail)
	check("broken", "ann", password, ipc.PAMTempFail)
	check("not-there", "ann", password, ipc.PAMTempFail)
	check("crashes", "ann", password, ipc.PAMTempFail)
	check("yubin", "ann", password, ipc.PAMOK)

	b, err := os.ReadFile(filepath.Join(dir, "told"))
	if want := "yubin auth ann ann 192.0.2.1 dovecot\n"; err != nil || !strings.HasPrefix(string(b), want) {
		t.Errorf("PAM was told %q, %v, want %q", b, err, want)
	}

	hung := make(chan ipc.PAMReply)
	go func() { hung <- askPAM(t, i, "hangs", "ann", password) }()
	i.Until("the module hangs", func() bool { return children(i, "sleep") > 0 })
	check("yubin", "ann", password, ipc.PAMOK) // beside one that hangs
	i.KeepsSecret("ann", password)
	if a := <-hung; a.Result != ipc.PAMTempFail || !strings.Contains(a.Error, "pamd_time_limit") {
		t.Errorf("a module that hangs: %+v", a)
	}
	i.Until("the module and what it started have gone", func() bool { return children(i, "sleep") == 0 })

	write(t, dir, "nologin", 0o644, "closed")
	check("yubin", "ann", password, ipc.PAMDisabled)
	check("yubin", "ann", "wrong", ipc.PAMMismatch)

	pids := i.Processes("pamd")
	if len(pids) < 2 {
		t.Errorf("processes of pamd: %v, want a daemon and a worker", pids)
	}
	for _, pid := range pids {
		checkIDs(t, "pamd", pid, 0)
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err != nil || !strings.Contains(string(b), "Max core file size        0                    0 ") {
			t.Errorf("limits of process %d: %v\n%s", pid, err, b)
		}
	}
}

// children counts the processes of a name whose parent is a process of pamd.
func children(i *instance.Instance, name string) (n int) {
	for _, pid := range i.Processes("pamd") {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, path := range tasks {
			b, _ := os.ReadFile(path)
			for _, child := range strings.Fields(string(b)) {
				comm, _ := os.ReadFile("/proc/" + child + "/comm")
				if strings.TrimSpace(string(comm)) == name {
					n++
				}
			}
		}
	}
	return n
}
