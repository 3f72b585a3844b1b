package main

import (
	"bufio"
	"cmp"
	"errors"
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
	"time"
)

// A system is a mail server under test.
type system interface {
	name() string
	version() string
	start(setup) error // returns when addr answers
	stop() error
	pid() int           // the process that all others descend from
	addr() string       // of the SMTP port, or Dovecot's POP3 port
	at(port int) string // of another port
	mail() string       // virtual_mailbox_base
	sendmail() []string // the command with the options that choose this instance
}

// A setup is how a system is to be started.
type setup struct {
	held bool // nothing is delivered; such a start gets a queue of its own
	left bool // so does one that leaves mail in it

	backlog int // deferred messages in the queue from the start

	// Where mail goes that leaves the system; the turn's sink decides.
	relayhost  string
	transports string // table for transport_maps
	main       string // more lines of main.cf, for both systems
	clients    int    // deliveries over SMTP at once; 0: the system's default
	sessions   int    // of smtpd at once; 0: smtpProcesses

	scheme string // how passwords are stored; empty: nobody logs in
	imap   bool   // they read over IMAP, not POP3
	uids   bool   // each of them has a uid of their own
}

// The ports: SMTP, and where people log in: POP3, IMAP and submission, in the clear and over TLS.
const (
	smtpPort    = 2525
	popPort     = 1110
	popsPort    = 1995
	imapPort    = 1143
	imapsPort   = 1993
	submitPort  = 1587
	submitsPort = 1465
)

// submitLines are the services of master.cf for submission.
func (s setup) submitLines(address string) string {
	if s.scheme == "" {
		return ""
	}
	host, _, _ := net.SplitHostPort(address)
	const options = " inet n - n - %d smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
	return fmt.Sprintf("%s:%d"+options+"\n%s:%d"+options+" -o smtpd_tls_wrappermode=yes\n",
		host, submitPort, smtpProcesses, host, submitsPort, smtpProcesses)
}

// parameters are the lines of main.cf that s asks of both systems, whose
// configuration directory is etc.
func (s setup) parameters(etc string) string {
	text := s.main
	if s.relayhost != "" {
		text += "relayhost = " + s.relayhost + "\n"
	}
	if s.transports != "" {
		text += fmt.Sprintf("transport_maps = hash:%s/%s\n", etc, transportTable)
	}
	if s.scheme != "" {
		text += fmt.Sprintf("smtpd_tls_chain_files = %[1]s/%[2]s, %[1]s/%[3]s\nsmtpd_tls_security_level = may\n", etc, keyFile, certFile)
	}
	return text
}

// transportTable is the file for setup.transports.
const transportTable = "transport"

// smtpdSessions is the process limit of smtpd.
func (s setup) smtpdSessions() int { return cmp.Or(s.sessions, smtpProcesses) }

// smtpLine is the service of master.cf that sends mail to other hosts.
func (s setup) smtpLine() string {
	limit := "-"
	if s.clients > 0 {
		limit = strconv.Itoa(s.clients)
	}
	return "smtp unix - - n - " + limit + " smtp\n"
}

const (
	// mailUID owns every mailbox; it needs no account.
	mailUID = 5000
	// firstUID is that of the first who has one of their own.
	firstUID = 20000
	// smtpProcesses is room for the sessions of the memory rows.
	smtpProcesses = 1100
	startTime     = 20 * time.Second
	stopTime      = 60 * time.Second
)

// uid is who owns the mail of account i.
func (s setup) uid(i int) int {
	if s.uids {
		return firstUID + i
	}
	return mailUID
}

// A private is what the private instances of both systems have in common: a
// directory, an address, a master process.
type private struct {
	dir     string // the instances' own; etc, queue and mail are below it
	etc     string
	address string
	master  *exec.Cmd
	exited  chan error
	starts  int

	queueDir  string    // of the last start
	startedAt time.Time // likewise
}

func newPrivate(dir string) private {
	// An address of its own spares the search for a free port.
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	return private{dir: dir, address: net.JoinHostPort(host, strconv.Itoa(smtpPort))}
}

func (p *private) addr() string { return p.address }
func (p *private) at(port int) string {
	host, _, _ := net.SplitHostPort(p.address)
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func (p *private) pid() int     { return p.master.Process.Pid }
func (p *private) mail() string { return filepath.Join(p.dir, "mail") }

// queue names the queue directory for a start: one for all, since a file
// system in use is what counts, but one of its own where mail stays
// behind.
func (p *private) queue(s setup) string {
	p.starts++
	p.queueDir = filepath.Join(p.dir, "queue")
	if s.held || s.left {
		p.queueDir = filepath.Join(p.dir, fmt.Sprintf("held%d", p.starts))
	}
	return p.queueDir
}

// write makes the configuration directory with these files.
func (p *private) write(files map[string]string) error {
	p.etc = filepath.Join(p.dir, "etc")
	if err := os.MkdirAll(p.etc, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.etc, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// run starts the master process and waits for the greeting.
func (p *private) run(c *exec.Cmd) error {
	out, err := os.OpenFile(filepath.Join(p.dir, "master.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.startedAt = time.Now()
	if err := c.Start(); err != nil {
		return err
	}
	p.master, p.exited = c, make(chan error, 1)
	go func() { p.exited <- c.Wait() }()
	deadline := time.Now().Add(startTime)
	for {
		err := greeting(p.address)
		if err == nil {
			return nil
		}
		select {
		case exit := <-p.exited:
			text, _ := os.ReadFile(out.Name())
			return fmt.Errorf("%s ended: %v\n%s", c.Path, exit, text)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("no greeting at %s within %v: %w", p.address, startTime, err), p.stop())
		}
	}
}

// greeting asks for one and says good-bye.
func greeting(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(c)
	for _, command := range []string{"", "QUIT\r\n"} {
		if _, err := c.Write([]byte(command)); err != nil {
			return err
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "* OK") {
			return nil
		}
		if !strings.HasPrefix(line, "2") && !strings.HasPrefix(line, "+OK") {
			return fmt.Errorf("greeting %q", line)
		}
	}
	return nil
}

// stop ends the instance and waits until its processes are gone, so that they
// take nothing from the next turn.
func (p *private) stop() error {
	p.master.Process.Signal(syscall.SIGTERM)
	var err error
	select {
	case <-p.exited:
	case <-time.After(stopTime):
		err = fmt.Errorf("master did not end within %v of SIGTERM", stopTime)
		p.master.Process.Kill()
		<-p.exited
	}
	group := -p.master.Process.Pid
	for syscall.Kill(group, 0) == nil {
		syscall.Kill(group, syscall.SIGKILL)
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// needAccounts makes the system users and groups that are missing.
func needAccounts(users, groups []string) error {
	for _, g := range groups {
		if _, err := user.LookupGroup(g); err != nil {
			if err := command("groupadd", "--system", g); err != nil {
				return err
			}
		}
	}
	for _, u := range users {
		if _, err := user.Lookup(u); err != nil {
			if err := command("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", u); err != nil {
				return err
			}
		}
	}
	return nil
}

// command runs a program; its output is in the error.
func command(name string, args ...string) error {
	c := exec.Command(name, args...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out)
	}
	return nil
}
