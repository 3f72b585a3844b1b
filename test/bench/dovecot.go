package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A dovecot is a private instance of Debian's Dovecot: the POP3 or IMAP server, or the
// authentication service beside a Postfix. It looks for its programs below
// /usr, so it lives in a mount namespace of its own, where what its packages
// hold lies over /usr. Their libraries must be installed.
type dovecot struct {
	private
	root    string // where the packages are unpacked
	release string
}

func newDovecot(dir, deb string) (*dovecot, error) {
	d := &dovecot{private: newPrivate(dir), root: filepath.Join(dir, "root")}
	d.address = d.at(popPort)
	if err := os.MkdirAll(d.root, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"dovecot-core", "dovecot-pop3d", "dovecot-imapd"} {
		file, err := fetchDeb(deb, name)
		if err != nil {
			return nil, err
		}
		if err := command("dpkg", "-x", file, d.root); err != nil {
			return nil, err
		}
	}
	out, err := d.within(`exec dovecot --version`).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("dovecot: %w\n%s", err, out)
	}
	d.release = "Dovecot " + strings.Fields(string(out))[0]
	users := []string{"dovecot", "dovenull"}
	return d, needAccounts(users, users)
}

func (d *dovecot) name() string       { return "dovecot" }
func (d *dovecot) version() string    { return d.release }
func (d *dovecot) sendmail() []string { return nil }

// within runs a line of shell where Dovecot is installed.
func (d *dovecot) within(line string, args ...string) *exec.Cmd {
	const mount = `mount -t overlay overlay -o "lowerdir=$0/usr:/usr" /usr; `
	return exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "-euc", mount + line, d.root}, args...)...)
}

func (d *dovecot) start(s setup) error {
	port, service := popPort, "pop3"
	if s.imap {
		port, service = imapPort, "imap"
	}
	d.address = d.at(port)
	conf, err := d.configure(s, d.mail(), d.service(service, port))
	if err != nil {
		return err
	}
	return d.run(d.within(`exec dovecot -F -c "$1"`, conf))
}

// beside runs Dovecot as a child of another server, so that they are one tree
// of processes and end together.
func (d *dovecot) beside(conf string, server *exec.Cmd) *exec.Cmd {
	c := d.within(`dovecot -F -c "$1" & shift; exec "$@"`, append([]string{conf}, server.Args...)...)
	c.Env = server.Env
	return c
}

// authOnly writes the configuration of an authentication service for Postfix,
// which asks it at socket.
func (d *dovecot) authOnly(scheme, socket, mail string) (conf string, err error) {
	return d.configure(setup{scheme: scheme}, mail, fmt.Sprintf(`protocols =
auth_mechanisms = plain scram-sha-256
service auth {
  unix_listener %s {
    mode = 0660
    user = postfix
  }
}
`, socket))
}

// answers waits until the authentication service at socket greets.
func (d *dovecot) answers(socket string) error {
	deadline := time.Now().Add(startTime)
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.SetDeadline(deadline)
			_, err = c.Read(make([]byte, 1))
			c.Close()
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// service are the settings of the POP3 or IMAP server; those of the two services are
// what an expert would do for this load.
func (d *dovecot) service(name string, port int) string {
	host, _, _ := strings.Cut(d.address, ":")
	tlsPort := map[string]int{"pop3": popsPort, "imap": imapsPort}[name]
	return fmt.Sprintf(`protocols = %[1]s
listen = %[2]s
ssl = yes
ssl_cert = <%[3]s
ssl_key = <%[4]s
disable_plaintext_auth = no
mail_max_userip_connections = %[7]d
service %[1]s-login {
  service_count = 0
  process_min_avail = 2
  inet_listener %[1]s {
    port = %[5]d
  }
  inet_listener %[1]ss {
    port = %[6]d
    ssl = yes
  }
}
service %[1]s {
  service_count = 500
  process_min_avail = 8
  process_limit = %[7]d
}
`, name, host, filepath.Join(d.dir, "etc", certFile), filepath.Join(d.dir, "etc", keyFile), port, tlsPort, smtpProcesses)
}

// configure writes what both uses have in common, and more. A slow hash is
// checked in worker processes, by both processors: the service itself is one
// thread.
func (d *dovecot) configure(s setup, mail, more string) (conf string, err error) {
	// A lock that the last instance left, killed, would be waited for.
	spool := filepath.Join(d.dir, "spool")
	if err := errors.Join(os.RemoveAll(spool), os.Mkdir(spool, 0o755)); err != nil {
		return "", err
	}
	passwd := filepath.Join(d.dir, "etc", "passwd")
	text := fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/spool
mail_location = maildir:%[2]s/%%n
first_valid_uid = 1
default_client_limit = 4000
passdb {
  driver = passwd-file
  args = %[3]s
}
userdb {
  driver = passwd-file
  args = %[3]s
}
`, d.dir, mail, passwd) + more
	if s.scheme == schemeCrypt {
		text += "auth_cache_size = 10M\nauth_cache_verify_password_with_worker = yes\n"
	}
	if err := d.write(map[string]string{"dovecot.conf": text, "passwd": passwdFile(s, mail)}); err != nil {
		return "", err
	}
	return filepath.Join(d.etc, "dovecot.conf"), makeCert(d.etc)
}
