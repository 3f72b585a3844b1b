package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A yubin is a private instance that root runs with the service accounts of an
// installed one.
type yubin struct {
	private
	bin   string
	stuck *net.UnixListener // held: the delivery agent that never answers
}

func newYubin(dir, bin string) (*yubin, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(bin, "master")); err != nil {
		return nil, fmt.Errorf("%w; build the programs first: make", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// Service accounts may be unable to reach a checkout in somebody's home.
	y := &yubin{private: newPrivate(dir), bin: filepath.Join(dir, "bin")}
	if err := os.CopyFS(y.bin, os.DirFS(bin)); err != nil {
		return nil, err
	}
	accounts := []string{"yubin", "yubinsmtpd", "yubinsmtp", "yubinnull"}
	return y, needAccounts(accounts, []string{"maildrop"})
}

func (y *yubin) name() string { return "yubin" }

// version is the commit of the checkout; make bench has built the programs
// from it.
func (y *yubin) version() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty= and changes").Output()
	if err != nil {
		return "yubin"
	}
	return "yubin " + strings.TrimSpace(string(out))
}

func (y *yubin) sendmail() []string {
	return []string{filepath.Join(y.bin, "sendmail"), "-C", y.etc}
}

func (y *yubin) start(s setup) error {
	queue := y.queue(s)
	if err := y.configure(s, queue); err != nil {
		return err
	}
	if s.scheme != "" {
		if err := y.makeAccounts(s); err != nil {
			return err
		}
	}
	if s.backlog > 0 {
		if err := y.fillQueue(queue, s.backlog); err != nil {
			return err
		}
		if err := settle(y.dir); err != nil {
			return err
		}
	}
	if err := y.run(exec.Command(filepath.Join(y.bin, "master"), "-c", y.etc)); err != nil || !s.held {
		return err
	}
	return y.holdUp(filepath.Join(queue, "private", stuckTransport))
}

// makeAccounts has mailctl take the accounts over.
func (y *yubin) makeAccounts(s setup) error {
	users := filepath.Join(y.etc, "users")
	if err := os.RemoveAll(users); err != nil {
		return err
	}
	passwd := filepath.Join(y.dir, "passwd")
	if err := os.WriteFile(passwd, []byte(passwdFile(s, y.mail())), 0o600); err != nil {
		return err
	}
	return errors.Join(makeCert(y.etc), command(filepath.Join(y.bin, "mailctl"), "-c", y.etc, "user", "import", passwd))
}

// readLines are the services of master.cf for POP3 and IMAP.
func (y *yubin) readLines() string {
	return fmt.Sprintf(`%s inet n - n - - pop3d
%s inet n - n - - pop3d -o pop3d_tls_wrappermode=yes
%s inet n - n - - imapd
%s inet n - n - - imapd -o imapd_tls_wrappermode=yes
`, y.at(popPort), y.at(popsPort), y.at(imapPort), y.at(imapsPort))
}

// stuckTransport is a transport whose agent takes requests and never answers,
// so that messages rest in incoming/, as Postfix's do without its queue
// manager. Deferring them would be more work than accepting.
const stuckTransport = "stuck"

func (y *yubin) holdUp(socket string) error {
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		return err
	}
	y.stuck = l
	go func() {
		var open []net.Conn // an agent that hangs up would be tried again
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, c)
		}
		for _, c := range open {
			c.Close()
		}
	}()
	return command("chown", "yubin", socket)
}

func (y *yubin) stop() error {
	err := y.private.stop()
	if y.stuck != nil {
		y.stuck.Close()
		y.stuck = nil
	}
	return err
}

// configure writes main.cf and master.cf: defaults, but for the limits that
// the load itself needs.
func (y *yubin) configure(s setup, queue string) error {
	main := fmt.Sprintf(`queue_directory = %[1]s
data_directory = %[2]s/data
daemon_directory = %[3]s
command_directory = %[3]s
sendmail_path = %[3]s/sendmail
mailq_path = %[3]s/mailq
newaliases_path = %[3]s/newaliases
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.%[4]s
mydestination = localhost
mynetworks = 127.0.0.0/8
alias_maps = hash:%[2]s/etc/aliases
alias_database = $alias_maps
virtual_mailbox_domains = %[4]s
virtual_mailbox_maps = hash:%[2]s/etc/mailboxes
virtual_mailbox_base = %[2]s/mail
virtual_uid_maps = %[5]s
virtual_gid_maps = $virtual_uid_maps
smtpd_recipient_limit = 20000
`, queue, y.dir, y.bin, domain, y.uidMaps(s))
	if s.held {
		main += "virtual_transport = " + stuckTransport + "\nincoming_limit = 1000000\nqmgr_message_active_limit = 1000000\n"
	}
	main += s.parameters(filepath.Join(y.dir, "etc"))
	master := fmt.Sprintf("%s inet n - n - %d smtpd\n", y.address, s.smtpdSessions())
	if s.clients > 0 {
		main += fmt.Sprintf("agent_window = %d\n", s.clients)
		master += s.smtpLine()
	}
	if s.scheme != "" {
		main += fmt.Sprintf("pop3d_tls_chain_files = %[1]s/%[2]s, %[1]s/%[3]s\nimapd_tls_chain_files = $pop3d_tls_chain_files\nmail_max_userip_connections = %[4]d\n", filepath.Join(y.dir, "etc"), keyFile, certFile, smtpProcesses)
		master += s.submitLines(y.address) + y.readLines()
	}
	return y.write(map[string]string{
		"main.cf": main, "master.cf": master, "mailboxes": mailboxMap(), "aliases": "postmaster: root\n",
		transportTable: s.transports, uidTable: uidMap(s),
	})
}

// uidMaps says whose the mailboxes are.
func (y *yubin) uidMaps(s setup) string {
	if s.uids {
		return fmt.Sprintf("hash:%s/etc/%s", y.dir, uidTable)
	}
	return fmt.Sprintf("static:%d", mailUID)
}

// uidTable is the file for setup.uids.
const uidTable = "uids"

func uidMap(s setup) string {
	var b strings.Builder
	for i := range accounts {
		fmt.Fprintf(&b, "%s@%s %d\n", mailbox(i), domain, s.uid(i))
	}
	return b.String()
}
