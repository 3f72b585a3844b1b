//go:build root

package packaging

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the container has for what it must do. It only bounds a
// failing test.
const patience = 90 * time.Second

// A container is a booted machine. It ends with the test.
type container struct {
	t    *testing.T
	root string // of its files, as seen from here
	pid  int    // of its systemd
}

// boot makes a machine and starts it. Its name is mail.example.test; it has the
// accounts ann and ben, and a repository with the stub of the Debian root.
func boot(t *testing.T) *container {
	t.Helper()
	base := strings.TrimSpace(output(t, "test/package/root.sh"))
	dir := t.TempDir()
	c := &container{t: t, root: filepath.Join(dir, "root")}
	for _, d := range []string{"up", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/up,workdir=%s/work", base, dir, dir)
	if err := syscall.Mount("overlay", c.root, "overlay", 0, options); err != nil {
		t.Fatalf("mount an overlay of %s: %v", base, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(c.root, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c.write("/etc/hostname", "mail.example.test\n")
	c.write("/etc/yum.repos.d/test.repo", "[test]\nname=test\nbaseurl=file:///repo\ngpgcheck=0\nmetadata_expire=0\n")
	c.write("/etc/rpm/macros", "%_dbpath /var/lib/rpm\n")
	// As on RHEL: what is installed is not enabled by that.
	c.write("/etc/systemd/system-preset/99-default.preset", "disable *\n")
	c.start()
	c.run("useradd", "-m", "ann")
	c.run("useradd", "-m", "ben")
	c.publish(c.stub("debian-root"))
	c.dnf("install", "debian-root")
	return c
}

// start boots the machine and waits until it runs.
func (c *container) start() {
	c.t.Helper()
	log, err := os.Create(filepath.Join(filepath.Dir(c.root), "console"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	nspawn := exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
		"--directory="+c.root, "--private-network", "--console=passive", "--link-journal=no")
	nspawn.Stdout, nspawn.Stderr = log, log
	nspawn.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		// Pdeathsig means the thread: this one stays until the end.
		runtime.LockOSThread()
		started <- nspawn.Start()
		ended <- nspawn.Wait()
	}()
	if err := <-started; err != nil {
		c.t.Fatal(err)
	}
	fail := func(why any) {
		console, _ := os.ReadFile(log.Name())
		c.t.Fatalf("the container does not boot: %v\n%s", why, console)
	}
	c.t.Cleanup(func() {
		if c.t.Failed() && c.pid > 0 {
			out, _ := c.command("journalctl", "--no-pager", "-o", "short-precise", "-n", "300", "_TRANSPORT=syslog", "+", "_PID=1").CombinedOutput()
			c.t.Logf("journal of the container:\n%s", out)
		}
		if c.pid > 0 {
			c.command("systemctl", "poweroff").Run()
		}
		select {
		case <-ended:
		case <-time.After(patience):
			nspawn.Process.Kill()
			<-ended
		}
	})
	deadline := time.Now().Add(patience)
	for {
		select {
		case err := <-ended:
			ended <- err
			fail(fmt.Sprintf("systemd-nspawn ended: %v", err))
		default:
		}
		if c.pid = child(nspawn.Process.Pid); c.pid > 0 {
			out, _ := c.command("systemctl", "is-system-running", "--wait").Output()
			if state := strings.TrimSpace(string(out)); state == "running" || state == "degraded" {
				return
			}
		}
		if time.Now().After(deadline) {
			fail("it is not up after " + patience.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// child returns the systemd that a systemd-nspawn has started; 0: none yet.
func child(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var id int
	fmt.Sscan(string(b), &id)
	if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", id)); string(name) != "systemd\n" {
		return 0
	}
	return id
}

// command is a program in the container.
func (c *container) command(args ...string) *exec.Cmd {
	enter := []string{"--target", fmt.Sprint(c.pid), "--all", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}
	return exec.Command("nsenter", append(enter, args...)...)
}

// try runs a program in the container and returns what it printed.
func (c *container) try(args ...string) (string, error) {
	c.t.Helper()
	return c.feed("", args...)
}

// feed is try with something on standard input.
func (c *container) feed(stdin string, args ...string) (string, error) {
	c.t.Helper()
	cmd := c.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// run is try for what must succeed.
func (c *container) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

// dnf runs dnf, which knows the repository in /repo alone.
func (c *container) dnf(args ...string) string {
	c.t.Helper()
	return c.run(dnf(args...)...)
}

func dnf(args ...string) []string {
	return append([]string{"dnf", "-y", "--releasever=9"}, args...)
}

// publish adds the RPMs of dir for this machine to its repository.
func (c *container) publish(dir string) {
	c.t.Helper()
	repo := c.root + "/repo"
	if err := os.MkdirAll(repo, 0o755); err != nil {
		c.t.Fatal(err)
	}
	files, err := filepath.Glob(dir + "/*.rpm")
	if err != nil || len(files) == 0 {
		c.t.Fatalf("no RPMs in %s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, ".src.rpm") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			c.t.Fatal(err)
		}
		c.write("/repo/"+filepath.Base(name), string(b))
	}
	output(c.t, "createrepo_c", "--quiet", repo)
}

// stub builds the RPM of testdata/NAME.spec and returns its directory.
func (c *container) stub(name string) string {
	c.t.Helper()
	top := c.t.TempDir()
	sources, err := filepath.Abs("testdata")
	if err != nil {
		c.t.Fatal(err)
	}
	output(c.t, "rpmbuild", "-bb", "--quiet", "--load", "packaging/macros.el", "--define", "_topdir "+top,
		"--define", "_sourcedir "+sources, "--define", "_rpmdir "+top+"/out",
		"--define", "_build_name_fmt %%{NAME}.rpm", "test/package/testdata/"+name+".spec")
	return top + "/out"
}

// write makes a file in the container, with the directories above it.
func (c *container) write(path, text string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.root+path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(c.root+path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// read returns a file of the container.
func (c *container) read(path string) string {
	c.t.Helper()
	b, err := os.ReadFile(c.root + path)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// dial connects to an address in the container's network. A socket belongs to
// the network that its thread is in when it is made.
func (c *container) dial(addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		conn, err := c.dialHere(addr)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

func (c *container) dialHere(addr string) (net.Conn, error) {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.pid))
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter the container's network: %w", err)
	}
	return net.DialTimeout("tcp", addr, patience)
}

// await waits until f is true.
func (c *container) await(what string, f func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not after %v", what, patience)
		}
	}
}
