// Package instance runs a private yubin system for tests: real binaries from
// bin/, every path below one temporary directory, a loopback address of its
// own. It looks at the system from outside only: sockets, files, exit codes,
// log lines.
package instance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Wait is how long a test waits for something that must happen. It only
// bounds a failing test.
const Wait = 60 * time.Second

// Domain is the virtual mailbox domain, Host the name of the system.
const (
	Domain = "example.test"
	Host   = "mx.example.test"
)

// An Instance is one private system.
type Instance struct {
	T       testing.TB
	Dir     string // everything is below it
	Addr    string // host:port of smtpd
	Bin     string // where the programs are
	master  *exec.Cmd
	exited  chan error
	Options Options
}

// Options change what New writes. The zero value is a good system.
type Options struct {
	Main      []string // lines of main.cf after the usual ones
	Master    []string // lines of master.cf after the usual ones
	Mailboxes []string // local parts in Domain; nil: alice, bob
	Aliases   []string // lines of the alias file
	Parent    string   // directory to make the instance in; "": the system's
	Addr      string   // host:port of smtpd; "": a loopback address of its own
	Stopped   bool     // do not start it
	Env       []string // NAME=VALUE, for master, beside the test's own
	// System makes an instance as an installation has it: services under the
	// accounts yubin, yubinsmtpd, ..., which exist, sendmail setgid. Root only.
	System bool
	// OwnPrograms gives the instance a copy of the programs, which Install
	// replaces.
	OwnPrograms bool
}

// New makes an instance and starts it. It ends with the test.
func New(t testing.TB, o Options) *Instance {
	t.Helper()
	dir, err := os.MkdirTemp(o.Parent, "yubin")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	i := &Instance{T: t, Dir: dir, Bin: binDir(t), Addr: o.Addr, Options: o}
	if i.Addr == "" { // an address of its own spares the instance a search for a free port
		i.Addr = fmt.Sprintf("127.%d.%d.%d:2525", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	}
	if o.System || o.OwnPrograms {
		i.copyPrograms()
	}
	if o.System {
		i.setgid()
	}
	i.configure()
	t.Cleanup(func() {
		i.Stop()
		if t.Failed() {
			t.Logf("log of the instance:\n%s", tail(i.Log(), 16<<10))
		}
		os.RemoveAll(dir)
	})
	if !o.Stopped {
		i.Start()
	}
	return i
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "...\n" + s[len(s)-n:]
}

// binDir finds bin/ of the checkout; YUBIN_BIN names another.
func binDir(t testing.TB) string {
	t.Helper()
	if d := os.Getenv("YUBIN_BIN"); d != "" {
		return d
	}
	d, err := os.Getwd()
	for ; err == nil && d != "/"; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			d = filepath.Join(d, "bin")
			if _, err := os.Stat(filepath.Join(d, "master")); err != nil {
				t.Fatalf("%v; build the programs first: make", err)
			}
			return d
		}
	}
	t.Fatal("no go.mod above the working directory, and YUBIN_BIN is not set")
	return ""
}

// Path joins names below the instance's directory.
func (i *Instance) Path(names ...string) string {
	return filepath.Join(append([]string{i.Dir}, names...)...)
}

// Etc is the configuration directory.
func (i *Instance) Etc() string { return i.Path("etc") }

func (i *Instance) configure() {
	i.T.Helper()
	for _, d := range []string{"etc", "mail", "local", "data"} {
		i.check(os.Mkdir(i.Path(d), 0o755))
	}
	i.check(os.Chmod(i.Dir, 0o755))
	u, err := user.Current()
	i.check(err)
	g, err := user.LookupGroupId(u.Gid)
	i.check(err)
	host, _, _ := net.SplitHostPort(i.Addr)
	main := []string{
		"queue_directory = " + i.Path("queue"),
		"data_directory = " + i.Path("data"),
		"daemon_directory = " + i.Bin,
		"command_directory = " + i.Bin,
		"sendmail_path = " + filepath.Join(i.Bin, "sendmail"),
		"mailq_path = " + filepath.Join(i.Bin, "mailq"),
		"newaliases_path = " + filepath.Join(i.Bin, "newaliases"),
		"maillog_file = " + i.Path("log"),
		"myhostname = " + Host,
		"mydestination = $myhostname, localhost",
		"inet_interfaces = " + host,
		"mynetworks = 127.0.0.0/8",
		"alias_maps = hash:" + i.Path("etc", "aliases"),
		"alias_database = $alias_maps",
		"mail_spool_directory = " + i.Path("local") + "/",
		"virtual_mailbox_domains = " + Domain,
		"virtual_mailbox_maps = texthash:" + i.Path("etc", "mailboxes"),
		"virtual_mailbox_base = " + i.Path("mail"),
		"virtual_uid_maps = static:" + u.Uid,
		"virtual_gid_maps = static:" + u.Gid,
		"virtual_minimum_uid = 0",
		// Who wants letters to the postmaster says so: killed sessions make some, and an
		// ordinary user cannot read the .forward file of root, who is the postmaster.
		"notify_classes =",
		// No test asks the name servers of the machine: nobody answers here.
		"resolver_addresses = 127.0.0.1:1",
	}
	if !i.Options.System {
		main = append(main,
			"mail_owner = "+u.Username,
			"smtpd_user = "+u.Username,
			"smtp_user = "+u.Username,
			"login_user = "+u.Username,
			"setgid_group = "+g.Name)
	}
	master := []string{i.Addr + " inet n - n - - smtpd"}
	boxes := i.Options.Mailboxes
	if boxes == nil {
		boxes = []string{"alice", "bob"}
	}
	var mailboxes []string
	for _, b := range boxes {
		mailboxes = append(mailboxes, b+"@"+Domain+" "+b+"/")
	}
	i.WriteFile("etc/main.cf", append(main, i.Options.Main...))
	i.WriteFile("etc/master.cf", append(master, i.Options.Master...))
	i.WriteFile("etc/mailboxes", mailboxes)
	i.WriteFile("etc/aliases", i.Options.Aliases)
}

// copyPrograms copies the programs below the instance's directory.
func (i *Instance) copyPrograms() {
	i.T.Helper()
	i.check(os.Chmod(i.Dir, 0o755))
	programs, err := filepath.Glob(filepath.Join(i.Bin, "*"))
	i.check(err)
	i.Bin = i.Path("bin")
	i.check(os.Mkdir(i.Bin, 0o755))
	for _, p := range programs {
		b, err := os.ReadFile(p)
		i.check(err)
		i.check(writeFile(filepath.Join(i.Bin, filepath.Base(p)), b, 0o755))
	}
}

// setgid gives sendmail the group that it has in an installation.
func (i *Instance) setgid() {
	i.T.Helper()
	g, err := user.LookupGroup("maildrop")
	i.check(err)
	gid, err := strconv.Atoi(g.Gid)
	i.check(err)
	sendmail := filepath.Join(i.Bin, "sendmail")
	i.check(os.Chown(sendmail, 0, gid))
	i.check(os.Chmod(sendmail, 0o755|os.ModeSetgid))
}

// WriteFile writes lines to a file below the instance's directory.
func (i *Instance) WriteFile(name string, lines []string) {
	i.T.Helper()
	var b bytes.Buffer
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	// As a whole: a daemon that looks meanwhile must not read half of it.
	i.check(writeFile(i.Path(name+".new"), b.Bytes(), 0o644))
	i.check(os.Rename(i.Path(name+".new"), i.Path(name)))
}

// writeFile is os.WriteFile for what may be a program. A child that another test begins
// while it is open has it open, too, until it runs its own program; so long it cannot
// be run (ETXTBSY).
func writeFile(path string, content []byte, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, content, mode)
}

// AppendMain adds lines to main.cf; a reload makes them count.
func (i *Instance) AppendMain(lines ...string) {
	i.T.Helper()
	old, err := os.ReadFile(i.Path("etc", "main.cf"))
	i.check(err)
	i.WriteFile("etc/main.cf", []string{string(old) + strings.Join(lines, "\n")})
}

// Start starts master and waits until it has opened its sockets and smtpd's
// answers. The port alone does not tell: after KillMaster the services of the old
// master answer for a while yet.
func (i *Instance) Start() {
	i.T.Helper()
	ready, said, err := os.Pipe()
	i.check(err)
	defer ready.Close()
	c := exec.Command(filepath.Join(i.Bin, "master"), "-c", i.Etc(), "--ready-fd=3")
	out, err := os.OpenFile(i.Path("master.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	i.check(err)
	defer out.Close()
	c.Stdout, c.Stderr, c.ExtraFiles = out, out, []*os.File{said}
	c.Env = append(c.Environ(), i.Options.Env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.Start()
	said.Close()
	i.check(err)
	i.master, i.exited = c, make(chan error, 1)
	go func() { i.exited <- c.Wait() }()
	i.check(ready.SetReadDeadline(time.Now().Add(Wait)))
	if _, err := io.ReadFull(ready, make([]byte, len("ready\n"))); err != nil {
		b, _ := os.ReadFile(i.Path("master.out"))
		i.T.Fatalf("master did not say that it is ready: %v\n%s", err, b)
	}
	i.Until("smtpd listens on "+i.Addr, func() bool {
		conn, err := net.Dial("tcp", i.Addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// Stop ends the system as an administrator would and waits for it. A stopped
// instance stays stopped.
func (i *Instance) Stop() {
	if i.master == nil {
		return
	}
	i.master.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.exited:
	case <-time.After(Wait):
		i.T.Errorf("master did not end within %v of SIGTERM", Wait)
		i.master.Process.Kill()
		<-i.exited
	}
	i.master = nil
}

// Crash kills every process of the instance at once, as a power failure does
// to processes (what was written but not flushed survives).
func (i *Instance) Crash() {
	i.T.Helper()
	i.master.Process.Kill()
	<-i.exited
	i.master = nil
	i.Until("every process is gone", func() bool {
		pids := i.Processes("")
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(pids) == 0
	})
}

// KillMaster kills master alone; the services it started find out themselves.
func (i *Instance) KillMaster() {
	i.master.Process.Kill()
	<-i.exited
	i.master = nil
}

// Reload sends master SIGHUP.
func (i *Instance) Reload() {
	i.T.Helper()
	i.check(i.master.Process.Signal(syscall.SIGHUP))
}

// MasterPID is the process ID of master.
func (i *Instance) MasterPID() int { return i.master.Process.Pid }

// Processes returns the daemons of this instance called name ("" for all),
// found by their command line: program path and -c directory.
func (i *Instance) Processes(name string) []int {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var pids []int
	for _, path := range all {
		b, err := os.ReadFile(path)
		args := strings.Split(string(b), "\x00")
		if err != nil || !bytes.Contains(b, []byte("\x00"+i.Etc()+"\x00")) {
			continue
		}
		if name != "" && filepath.Base(args[0]) != name {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Until polls cond until it holds; what says what is waited for.
func (i *Instance) Until(what string, cond func() bool) {
	i.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			i.T.Fatalf("waited %v: %s", Wait, what)
		case <-tick.C:
		}
	}
}

// A Result is how a command ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs a program of bin/ to its end.
func (i *Instance) Run(stdin string, name string, args ...string) Result {
	i.T.Helper()
	return i.RunAs(nil, stdin, name, args...)
}

// RunAs is Run under other ids; nil keeps the present ones.
func (i *Instance) RunAs(cred *syscall.Credential, stdin string, name string, args ...string) Result {
	i.T.Helper()
	c := exec.Command(filepath.Join(i.Bin, name), args...)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		i.T.Fatal(err)
	}
	return Result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// Sendmail submits a message; it must succeed.
func (i *Instance) Sendmail(message string, args ...string) {
	i.T.Helper()
	r := i.Run(message, "sendmail", append([]string{"-C", i.Etc()}, args...)...)
	if r != (Result{}) {
		i.T.Fatalf("sendmail %q: exit %d, stdout %q, stderr %q; want 0 and silence", args, r.Code, r.Stdout, r.Stderr)
	}
}

// Mailq returns what mailq prints.
func (i *Instance) Mailq() string {
	i.T.Helper()
	r := i.Run("", "mailq", "-c", i.Etc())
	if r.Code != 0 {
		i.T.Fatalf("mailq: exit %d, stderr %q", r.Code, r.Stderr)
	}
	return r.Stdout
}

// Mailctl runs mailctl.
func (i *Instance) Mailctl(args ...string) Result {
	i.T.Helper()
	return i.Run("", "mailctl", append([]string{"-c", i.Etc()}, args...)...)
}

// Log returns the log so far.
func (i *Instance) Log() string {
	b, err := os.ReadFile(i.Path("log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		i.T.Fatal(err)
	}
	return string(b)
}

// Drained tells whether every accepted message has left the queue. What a
// killed sendmail has left unfinished in maildrop was never accepted. The directories
// are read in the order in which a message goes through them, or one that moves
// meanwhile would be met in none; a notice comes into incoming while its message goes.
func (i *Instance) Drained() bool {
	i.T.Helper()
	entries, err := os.ReadDir(i.Path("queue", "maildrop"))
	i.check(err)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode()&0o100 != 0 {
			return false
		}
	}
	for _, queue := range []string{"hold", "incoming", "deferred", "incoming", "corrupt"} {
		entries, err := os.ReadDir(i.Path("queue", queue))
		i.check(err)
		if len(entries) > 0 {
			return false
		}
	}
	return true
}

// Mail returns the messages in new/ and cur/ of a virtual mailbox, by file name.
func (i *Instance) Mail(box string) map[string]string {
	i.T.Helper()
	return ReadMaildir(i.T, i.Path("mail", box))
}

// ReadMaildir returns the messages of a Maildir by file name.
func ReadMaildir(t testing.TB, dir string) map[string]string {
	t.Helper()
	for {
		mail, err := readMaildir(dir)
		if err == nil {
			return mail
		}
		if !errors.Is(err, fs.ErrNotExist) { // else a session has renamed one
			t.Fatal(err)
		}
	}
}

func readMaildir(dir string) (map[string]string, error) {
	mail := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		names, err := filepath.Glob(filepath.Join(dir, sub, "*"))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			mail[filepath.Base(name)] = string(b)
		}
	}
	return mail, nil
}

// WaitMail waits until a virtual mailbox holds n messages and returns them.
func (i *Instance) WaitMail(box string, n int) map[string]string {
	i.T.Helper()
	i.Until(fmt.Sprintf("%d messages for %s", n, box), func() bool {
		names, _ := filepath.Glob(i.Path("mail", box, "new", "*"))
		return len(names) >= n
	})
	mail := i.Mail(box)
	if len(mail) != n {
		i.T.Fatalf("%s has %d messages, want %d", box, len(mail), n)
	}
	return mail
}

// One returns the only message of a map.
func One(t testing.TB, mail map[string]string) string {
	t.Helper()
	if len(mail) != 1 {
		t.Fatalf("%d messages, want 1", len(mail))
	}
	for _, m := range mail {
		return m
	}
	return ""
}

// WaitLog waits until a log line contains all of the texts and returns it.
func (i *Instance) WaitLog(texts ...string) string {
	i.T.Helper()
	var found string
	i.Until(fmt.Sprintf("a log line with %q", texts), func() bool {
		for line := range strings.Lines(i.Log()) {
			if containsAll(line, texts) {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

func containsAll(line string, texts []string) bool {
	for _, t := range texts {
		if !strings.Contains(line, t) {
			return false
		}
	}
	return true
}

func (i *Instance) check(err error) {
	i.T.Helper()
	if err != nil {
		i.T.Fatal(err)
	}
}
