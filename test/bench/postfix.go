package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A postfix is a private instance of Debian's Postfix, taken out of its
// package without installing it: an installed one would start, and would want
// the machine's port 25.
type postfix struct {
	private
	root    string // where the package is unpacked
	release string
	judge   *dovecot // who logs in is known to it; nil: nobody does
	wakeups *os.File // held: stands in for the queue manager
}

// newPostfix unpacks the package below dir; deb keeps it for the next run.
func newPostfix(dir, deb string, judge *dovecot) (*postfix, error) {
	p := &postfix{private: newPrivate(dir), root: filepath.Join(dir, "root"), judge: judge}
	if err := os.MkdirAll(p.root, 0o755); err != nil {
		return nil, err
	}
	file, err := fetchDeb(deb, "postfix")
	if err != nil {
		return nil, err
	}
	if err := command("dpkg", "-x", file, p.root); err != nil {
		return nil, err
	}
	if err := needAccounts([]string{"postfix"}, []string{"postdrop"}); err != nil {
		return nil, err
	}
	if err := p.configure(setup{}, "queue"); err != nil { // postconf wants a main.cf
		return nil, err
	}
	c := p.command("sbin/postconf", "-c", p.etc, "-d", "-h", "mail_version")
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: does it miss a library? ldd %s tells", err, c.Path)
	}
	p.release = "Postfix " + strings.TrimSpace(string(out))
	return p, nil
}

// fetchDeb returns the newest file of a Debian package in dir and downloads it
// when there is none.
func fetchDeb(dir, name string) (string, error) {
	have, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(have) > 0 {
		if err == nil {
			return filepath.Abs(have[len(have)-1])
		}
		return "", err
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", fmt.Errorf("apt-get is needed to download %s, or its .deb in %s: %w", name, dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	c := exec.Command("apt-get", "-qq", "download", name)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get download %s (did apt-get update run?): %w\n%s", name, err, out)
	}
	if have, _ = filepath.Glob(filepath.Join(dir, name+"_*.deb")); len(have) == 0 {
		return "", errors.New("apt-get download left no file")
	}
	return filepath.Abs(have[len(have)-1])
}

func (p *postfix) name() string    { return "postfix" }
func (p *postfix) version() string { return p.release }

func (p *postfix) lib() string { return filepath.Join(p.root, "usr/lib/postfix") }

func (p *postfix) sendmail() []string {
	return []string{filepath.Join(p.root, "usr/sbin/sendmail"), "-C", p.etc}
}

// command is a program of the package; its libraries are not where it looks.
func (p *postfix) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.root, "usr", name), args...)
	c.Env = append(os.Environ(), "LD_LIBRARY_PATH="+p.lib())
	return c
}

func (p *postfix) start(s setup) error {
	queue := p.queue(s)
	if err := p.configure(s, queue); err != nil {
		return err
	}
	if err := p.makeQueue(queue); err != nil {
		return err
	}
	if s.held {
		if err := p.ignoreWakeups(filepath.Join(queue, "public/qmgr")); err != nil {
			return err
		}
	}
	os.Setenv("LD_LIBRARY_PATH", p.lib()) // for sendmail, which the load runs
	for _, c := range []*exec.Cmd{
		p.command("sbin/postmap", "-c", p.etc, "hash:"+filepath.Join(p.etc, "mailboxes")),
		p.command("sbin/postmap", "-c", p.etc, "hash:"+filepath.Join(p.etc, transportTable)),
		p.command("sbin/postalias", "-c", p.etc, "hash:"+filepath.Join(p.etc, "aliases")),
	} {
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", c.Path, err, out)
		}
	}
	master := p.command("lib/postfix/sbin/master", "-c", p.etc, "-d")
	if s.backlog > 0 {
		if err := p.run(master); err != nil {
			return err
		}
		if err := errors.Join(p.fillQueue(queue, s.backlog), settle(p.dir)); err != nil {
			return err
		}
		master = p.command("lib/postfix/sbin/master", "-c", p.etc, "-d")
	}
	if s.scheme == "" {
		return p.run(master)
	}
	if err := makeCert(p.etc); err != nil {
		return err
	}
	socket := filepath.Join(queue, "private/auth")
	conf, err := p.judge.authOnly(s.scheme, socket, p.mail())
	if err != nil {
		return err
	}
	if err := p.run(p.judge.beside(conf, master)); err != nil {
		return err
	}
	if err := p.judge.answers(socket); err != nil {
		return errors.Join(fmt.Errorf("authentication by Dovecot: %w", err), p.stop())
	}
	return nil
}

// ignoreWakeups reads the FIFO that cleanup would wake the queue manager by:
// without one cleanup logs a warning for each message.
func (p *postfix) ignoreWakeups(fifo string) error {
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		return fmt.Errorf("make %s: %w", fifo, err)
	}
	if err := command("chown", "postfix", fifo); err != nil {
		return err
	}
	f, err := os.OpenFile(fifo, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	p.wakeups = f
	go io.Copy(io.Discard, f) // ends when stop closes it
	return nil
}

func (p *postfix) stop() error {
	if p.wakeups != nil {
		p.wakeups.Close()
		p.wakeups = nil
	}
	return p.private.stop()
}

// makeQueue makes what Postfix's post-install script makes.
func (p *postfix) makeQueue(queue string) error {
	if err := os.MkdirAll(queue, 0o755); err != nil {
		return err
	}
	type directory struct {
		name  string
		owner string
		mode  os.FileMode
	}
	dirs := []directory{{"pid", "root:root", 0o755}, {"maildrop", "postfix:postdrop", 0o730}, {"public", "postfix:postdrop", 0o710}}
	for _, name := range []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"} {
		dirs = append(dirs, directory{name, "postfix:root", 0o700})
	}
	for _, d := range dirs {
		path := filepath.Join(queue, d.name)
		if err := os.MkdirAll(path, d.mode); err != nil {
			return err
		}
		if err := os.Chmod(path, d.mode); err != nil {
			return err
		}
		if err := command("chown", d.owner, path); err != nil {
			return err
		}
	}
	data := filepath.Join(p.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	return command("chown", "postfix:root", data)
}

// configure writes main.cf and master.cf. The second part of main.cf is the
// tuning that an expert would do for this load.
func (p *postfix) configure(s setup, queue string) error {
	main := fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s
data_directory = %[2]s/data
daemon_directory = %[3]s/usr/lib/postfix/sbin
shlib_directory = %[3]s/usr/lib/postfix
command_directory = %[3]s/usr/sbin
sendmail_path = %[3]s/usr/sbin/sendmail
meta_directory = %[4]s
mail_owner = postfix
setgid_group = postdrop
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH
export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH
alternate_config_directories = %[4]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.%[5]s
mydestination = localhost
mynetworks = 127.0.0.0/8
alias_maps = hash:%[4]s/aliases
alias_database = $alias_maps
virtual_mailbox_domains = %[5]s
virtual_mailbox_maps = hash:%[4]s/mailboxes
virtual_mailbox_base = %[2]s/mail
virtual_uid_maps = static:%[6]d
virtual_gid_maps = static:%[6]d
smtpd_recipient_limit = 20000

in_flow_delay = 0s
default_process_limit = 300
initial_destination_concurrency = 20
default_destination_concurrency_limit = 100
virtual_destination_concurrency_limit = 20
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 100000
`, queue, p.dir, p.root, filepath.Join(p.dir, "etc"), domain, mailUID) + s.parameters(filepath.Join(p.dir, "etc"))
	// Without a queue manager messages rest in incoming/: accepting them is then all
	// that is done. Deferring them would cost more.
	qmgr := "qmgr unix n - n 300 1 qmgr\n"
	if s.held {
		qmgr = ""
	}
	if s.scheme != "" {
		main += "smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n"
	}
	master := fmt.Sprintf("%s inet n - n - %d smtpd\n", p.address, s.smtpdSessions()) + s.submitLines(p.address) + qmgr + `pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
` + s.smtpLine() + `relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
`
	return p.write(map[string]string{
		"main.cf": main, "master.cf": master, "mailboxes": mailboxMap(), "aliases": "postmaster: root\n",
		transportTable: s.transports,
	})
}
