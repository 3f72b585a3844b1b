//go:build interop

package interop

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
	scripted "yubin/test/peer"
)

// A day is a system to which much happens.
type day struct {
	*instance.Desk
	t *testing.T
}

// Clients by what they do; names and addresses are given by XCLIENT.
const (
	goodClient   = "desk.example.net 192.0.2.1"
	noUser       = "a.example.org 198.51.100.1"
	noRelay      = "b.example.org 198.51.100.2"
	badHelo      = "c.example.org 198.51.100.3"
	badSender    = "d.example.org 198.51.100.4"
	refused      = "e.example.org 198.51.100.5"
	errorMaker   = "f.example.org 198.51.100.6"
	hasty        = "h.example.org 198.51.100.8"
	lost         = "i.example.org 198.51.100.9"
	guesser      = "j.example.org 198.51.100.10"
	scramGuesser = "k.example.org 198.51.100.11"
	tooLarge     = "l.example.org 198.51.100.12"
	popGuesser   = "127.0.1.13"
	popStranger  = "127.0.1.14"
	imapGuesser  = "127.0.1.15"
	imapSilent   = "127.0.1.16"
)

// newDay starts the system; nothing has happened yet.
func newDay(t *testing.T) *day {
	t.Helper()
	config, _ := scripted.Certificate(t, "peer.test")
	far := scripted.Start(t, scripted.Options{TLS: config, Script: scripted.Script{
		"RCPT later@far.test": "450 4.2.0 <later@far.test>: greylisted", "RCPT gone@far.test": "550 5.1.1 <gone@far.test>: no such user",
	}})
	d := instance.NewDesk(t, "smtpd_authorized_xclient_hosts = 127.0.0.1", fmt.Sprintf("relayhost = [127.0.0.1]:%d", far.Port()),
		"smtp_tls_loglevel = 1", "smtpd_tls_loglevel = 1", "smtpd_hard_error_limit = 3", "smtpd_error_sleep_time = 0", "bounce_queue_lifetime = 0", "smtp_initial_destination_concurrency = 1",
		"message_size_limit = 20000", "smtpd_helo_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_non_fqdn_helo_hostname",
		"smtpd_sender_restrictions = reject_non_fqdn_sender", "smtpd_client_restrictions = check_client_access inline:{198.51.100.5=REJECT}",
	)
	extend(t, d, "etc/master.cf", fmt.Sprintf("%s:1110 inet n - n - - pop3d\n%[1]s:1430 inet n - n - - imapd\n", d.Host))
	d.WriteFile("etc/aliases", []string{"team: alice@" + instance.Domain})
	nobody, err := user.Lookup("nobody") // root's mail is not served
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(d.Path("mail"), uid, gid); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(d.Path("etc/main.cf"))
	if err != nil {
		t.Fatal(err)
	}
	d.WriteFile("etc/main.cf", []string{strings.NewReplacer("virtual_uid_maps = static:0", "virtual_uid_maps = static:"+nobody.Uid,
		"virtual_gid_maps = static:0", "virtual_gid_maps = static:"+nobody.Gid,
		"{elsewhere.test=discard:gone}", "{elsewhere.test=discard:gone, dead.test=smtp:[127.0.0.1]:1}").Replace(string(b))})
	d.KeepPlain(annMail, annSecret)
	d.Start()
	return &day{d, t}
}

// extend adds to a file.
func extend(t *testing.T, d *instance.Desk, name, text string) {
	t.Helper()
	b, err := os.ReadFile(d.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Path(name), append(b, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// dial opens a session at a port; the front end has said EHLO.
func (d *day) dial(port string) *instance.Session {
	d.t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}).Dial("tcp", d.Host+":"+port)
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := instance.Greeted(d.t, c)
	if err != nil {
		d.t.Fatal(err)
	}
	s.Want("250", "EHLO front.test")
	return s
}

// as makes the session that client's, who says EHLO.
func (d *day) as(s *instance.Session, client, helo string) *instance.Session {
	d.t.Helper()
	name, addr, _ := strings.Cut(client, " ")
	s.Want("220", "XCLIENT NAME="+name+" ADDR="+addr)
	if helo != "" {
		s.Want("250", "EHLO "+helo)
	}
	return s
}

// sends has a client send a letter, and returns its queue ID.
func (d *day) sends(client, from string, to ...string) (id string) {
	d.t.Helper()
	s := d.as(d.dial("2525"), client, "mx.example.org")
	defer s.Close()
	id, err := s.Deliver(from, to, "Subject: x\n\n"+strings.Repeat("0123456789\n", 100))
	if err != nil {
		d.t.Fatal(err)
	}
	s.Want("221", "QUIT")
	return id
}

// refusals has a client say commands, of which the last gets that reply.
func (d *day) refusals(client, helo, reply string, commands ...string) {
	d.t.Helper()
	s := d.as(d.dial("2525"), client, helo)
	defer s.Close()
	for n, c := range commands {
		want := "2"
		if n == len(commands)-1 {
			want = reply
		}
		s.Want(want, c)
	}
	s.Want("221", "QUIT")
}

// submission is a session at the submission port, within TLS.
func (d *day) submission(client string) *instance.Session {
	d.t.Helper()
	s := d.dial(instance.SubmissionPort).StartTLS(&tls.Config{InsecureSkipVerify: true})
	s.Want("250", "EHLO front.test")
	return d.as(s, client, "laptop.example.org")
}

// reads has a session of POP3 or IMAP from an address; each answer begins so.
func (d *day) reads(from, port string, talk ...string) {
	d.t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", d.Host+":"+port)
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(instance.Wait))
	in := bufio.NewReader(c)
	for n := 0; n < len(talk); n += 2 {
		if talk[n] != "" {
			fmt.Fprintf(c, "%s\r\n", talk[n])
		}
		for line := ""; !strings.HasPrefix(line, talk[n+1]); {
			if line, err = in.ReadString('\n'); err != nil {
				d.t.Fatalf("%s: %q, %v; want %q", talk[n], line, err, talk[n+1])
			}
		}
	}
}

func plainLogin(user, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
}

// mail is what is taken and delivered, or not.
func (d *day) mail() {
	d.sends(goodClient, "ann@example.org", alice, bob)
	d.sends(goodClient, "ann@example.org", "dave@far.test")
	d.sends(goodClient, "ann@example.org", "team@localhost")
	d.sends(goodClient, "ann@example.org", "x@elsewhere.test")
	d.sends(goodClient, bob, "gone@far.test")
	waiting := d.sends(goodClient, "ann@example.org", "later@far.test")
	dead := d.sends(goodClient, "ann@example.org", "x@dead.test")
	d.sends(goodClient, "", "later@far.test")
	d.sends("m.example.org 198.51.100.13", "ann@example.org", alice)
	d.Sendmail("Subject: x\n\ny\n", "-f", alice, bob)
	s := d.submission("n.example.org 198.51.100.14")
	s.Want("235", plainLogin(annMail, annSecret))
	if _, err := s.Deliver(annMail, []string{alice}, "Subject: x\n\ny\n"); err != nil {
		d.t.Fatal(err)
	}
	s.Want("221", "QUIT")
	d.WaitLog(waiting+": to=<later@far.test>", "status=deferred")
	d.WaitLog(dead+": to=<x@dead.test>", "status=deferred")
	d.WaitLog("defer site ")
	for _, command := range [][]string{{"hold", waiting}, {"delete", waiting, dead}} {
		if r := d.Mailctl(append([]string{"queue"}, command...)...); r.Code != 0 {
			d.t.Fatalf("mailctl queue %q: %+v", command, r)
		}
	}
	d.WaitLog("nobody to tell")
	d.WaitMail("alice", 4)
	d.WaitMail("bob", 3)
	wantEmpty(d.t, d.Instance)
}

// strangers are refused, and guess passwords.
func (d *day) strangers() {
	const from = "MAIL FROM:<eve@example.org>"
	d.refusals(noUser, "mx.example.org", "550 5.1.1", from, "RCPT TO:<nobody@example.test>")
	d.refusals(noRelay, "mx.example.org", "554 5.7.1", from, "RCPT TO:<dave@far.test>")
	d.refusals(badHelo, "short", "504 5.5.2", from, "RCPT TO:<alice@example.test>")
	d.refusals(badSender, "mx.example.org", "504 5.5.2", "MAIL FROM:<eve@short>", "RCPT TO:<alice@example.test>")
	d.refusals(refused, "mx.example.org", "554 5.7.1", from, "RCPT TO:<alice@example.test>")
	d.refusals(tooLarge, "mx.example.org", "552 5.3.4", from+" SIZE=30000")

	s := d.as(d.dial("2525"), tooLarge, "mx.example.org")
	if _, err := s.Deliver("eve@example.org", []string{alice}, strings.Repeat("0123456789\n", 3000)); err == nil || !strings.Contains(err.Error(), "552 5.3.4") {
		d.t.Errorf("too large: %v", err)
	}
	s.Want("221", "QUIT")
	s = d.as(d.dial("2525"), errorMaker, "mx.example.org")
	s.Want("500", "NONSENSE")
	s.Want("500", "NONSENSE")
	s.Send("NONSENSE\r\n")
	s.Reply()
	s.Close()
	s = d.as(d.dial("2525"), hasty, "")
	s.Send("EHLO mx.example.org\r\nMAIL FROM:<eve@example.org>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
	s.Reply()
	s.Close()
	s = d.as(d.dial("2525"), lost, "mx.example.org")
	s.Want("250", from)
	s.Close()
	d.WaitLog("lost connection after MAIL from i.example.org")

	for client, attempts := range map[string][]string{
		guesser:      {plainLogin(annMail, "wrong"), plainLogin("nobody@example.test", "wrong")},
		scramGuesser: {"AUTH SCRAM-SHA-256 " + base64.StdEncoding.EncodeToString([]byte("n,,n=nobody@example.test,r=abcdefgh"))},
	} {
		s := d.submission(client)
		for _, a := range attempts {
			reply, err := s.Cmd(a)
			if strings.HasPrefix(reply, "334") {
				challenge, _ := base64.StdEncoding.DecodeString(reply[4:])
				nonce, _, _ := strings.Cut(string(challenge), ",")
				proof := base64.StdEncoding.EncodeToString(make([]byte, 32))
				reply, err = s.Cmd(base64.StdEncoding.EncodeToString([]byte("c=biws," + nonce + ",p=" + proof)))
			}
			if err != nil || reply[0] != '5' {
				d.t.Errorf("%s: %q, %v", a, reply, err)
			}
		}
		s.Want("221", "QUIT")
	}
	d.reads(popGuesser, "1110", "", "+OK", "USER "+annMail, "+OK", "PASS wrong", "-ERR", "QUIT", "+OK")
	d.reads(popStranger, "1110", "", "+OK", "USER nobody@example.test", "+OK", "PASS wrong", "-ERR", "QUIT", "+OK")
	d.reads(imapGuesser, "1430", "", "* OK", "a LOGIN "+annMail+" wrong", "a NO", "b LOGOUT", "b OK")
	d.reads(imapSilent, "1430", "", "* OK")
}

// readers fetch their mail.
func (d *day) readers() {
	login := fmt.Sprintf("a LOGIN %s %q", annMail, annSecret)
	d.reads("127.0.1.1", "1430", "", "* OK", login, "a OK", "b SELECT INBOX", "b OK", "c LOGOUT", "c OK")
	d.reads("127.0.1.1", "1110", "", "+OK", "USER "+annMail, "+OK", "PASS "+annSecret, "+OK", "QUIT", "+OK")
	d.reads("127.0.1.2", "1110", "", "+OK", "USER "+annMail, "+OK", "PASS "+annSecret, "+OK") // and hangs up
	d.Until("the sessions are over", func() bool {
		return strings.Count(d.Log(), "dovecot: pop3("+annMail) >= 2 && strings.Contains(d.Log(), "dovecot: imap("+annMail)
	})
	d.WaitLog("imap-login: ", "no auth attempts", "rip="+imapSilent)
}
