// Package instance runs a private yubin system for tests: real binaries from
// bin/, every path below one temporary directory, a loopback address of its
// own. It looks at the system from outside only: sockets, files, exit codes,
// log lines.
package instance

import (
	"bytes"
	"fmt"
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

func (i *Instance) check(err error) {
	i.T.Helper()
	if err != nil {
		i.T.Fatal(err)
	}
}
