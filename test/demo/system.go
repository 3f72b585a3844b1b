package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	domain   = "example.test"
	patience = 30 * time.Second
)

// A system is the private instance.
type system struct {
	dir    string // absolute
	shown  string // the same as the user gave it
	bin    string
	addr   string
	lock   *os.File
	master *exec.Cmd
	exited chan error
}

func (s *system) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// prepare writes the configuration. It is written anew each time, since the
// user, the checkout's place and the free port may have changed.
func prepare(dir, bin string) (*system, error) {
	s := &system{shown: dir}
	var err error
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if s.bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(s.bin, "master")); err != nil {
		return nil, fmt.Errorf("%w; build the programs first: make", err)
	}
	const maxSocketPath = 107 // unix(7)
	if socket := s.path("queue", "private", "virtual"); len(socket) > maxSocketPath {
		return nil, fmt.Errorf("%s is too long for the path of a socket; use -dir with a shorter one", socket)
	}
	for _, d := range []string{"etc", "mail", "data"} {
		if err := os.MkdirAll(s.path(d), 0o755); err != nil {
			return nil, err
		}
	}
	if s.lock, err = takeLock(s.path("lock")); err != nil {
		return nil, err
	}
	if s.addr, err = choosePort(s.path("port")); err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"main.cf":   s.mainCF(me, group),
		"master.cf": "# The services that are not listed here are started as shipped.\n" + s.addr + " inet n - n - - smtpd\n",
		"mailboxes": "alice@" + domain + " alice/\nbob@" + domain + " bob/\n",
		"aliases":   "postmaster: alice@" + domain + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(s.path("etc", name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// takeLock keeps a second demo from writing a configuration under the first.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w: does make run already run?", path, err)
	}
	return f, nil
}

// mainCF is main.cf of a system that runs as me alone.
func (s *system) mainCF(me *user.User, group *user.Group) string {
	return fmt.Sprintf(`# Written by make run, each time anew: edits count until the next one.

# Everything is below one directory.
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log
daemon_directory = %[2]s
command_directory = %[2]s
sendmail_path = %[2]s/sendmail
mailq_path = %[2]s/mailq
newaliases_path = %[2]s/newaliases

# One user runs everything.
mail_owner = %[3]s
smtpd_user = %[3]s
smtp_user = %[3]s
login_user = %[3]s
setgid_group = %[4]s

# Two mailboxes, below mail/.
myhostname = mx.%[7]s
mydestination = $myhostname, localhost
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
alias_maps = hash:%[1]s/etc/aliases
alias_database = $alias_maps
virtual_mailbox_domains = %[7]s
virtual_mailbox_maps = hash:%[1]s/etc/mailboxes
virtual_mailbox_base = %[1]s/mail
virtual_uid_maps = static:%[5]s
virtual_gid_maps = static:%[6]s
virtual_minimum_uid = 0
resolver_addresses = 127.0.0.1:1
`, s.dir, s.bin, me.Username, group.Name, me.Uid, me.Gid, domain)
}

// choosePort returns a free address: that of the last run if it can be had.
func choosePort(file string) (string, error) {
	old, _ := os.ReadFile(file)
	for _, addr := range []string{strings.TrimSpace(string(old)), "127.0.0.1:0"} {
		if addr == "" {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue // taken
		}
		addr = l.Addr().String()
		l.Close()
		return addr, os.WriteFile(file, []byte(addr+"\n"), 0o644)
	}
	return "", errors.New("no free port at 127.0.0.1")
}

// start starts master and waits until smtpd answers. Ctrl-C at the terminal is
// for the demo, which then stops master in order: hence a process group.
func (s *system) start(ctx context.Context) error {
	c := exec.Command(filepath.Join(s.bin, "master"), "-c", s.path("etc"))
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := c.Start(); err != nil {
		return err
	}
	s.master, s.exited = c, make(chan error, 1)
	go func() { s.exited <- c.Wait() }()
	err := until(ctx, "smtpd answers at "+s.addr, func() (bool, error) {
		select {
		case err := <-s.exited:
			s.exited <- err
			return false, fmt.Errorf("master ended: %w", err)
		default:
		}
		c, err := textproto.Dial("tcp", s.addr)
		if err != nil {
			return false, nil
		}
		defer c.Close()
		if _, _, err := c.ReadResponse(220); err != nil {
			return false, err
		}
		if err := c.PrintfLine("QUIT"); err != nil {
			return false, err
		}
		_, _, err = c.ReadResponse(221)
		return err == nil, err
	})
	if err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// stop ends the system as an administrator would.
func (s *system) stop() error {
	defer s.lock.Close()
	s.master.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		return nil
	case <-time.After(patience):
		s.master.Process.Kill()
		return fmt.Errorf("master did not end within %v", patience)
	}
}

// until polls cond until it holds.
func until(ctx context.Context, what string, cond func() (bool, error)) error {
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := cond(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("waited %v in vain: %s", patience, what)
		case <-tick.C:
		}
	}
}
