package system

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// An imapper is an IMAP client.
type imapper struct {
	t  testing.TB
	i  *instance.Instance
	c  net.Conn
	in *bufio.Reader
}

func imap(i *instance.Instance, addr string, over *tls.Config) *imapper {
	i.T.Helper()
	var c net.Conn
	i.Until("master listens on "+addr, func() bool {
		var err error
		c, err = net.DialTimeout("tcp", addr, instance.Wait)
		return err == nil
	})
	if over != nil {
		c = tls.Client(c, over)
	}
	p := &imapper{i.T, i, c, bufio.NewReader(c)}
	i.T.Cleanup(func() { p.c.Close() })
	p.want("* OK [CAPABILITY IMAP4rev1 ", p.line())
	return p
}

func (p *imapper) line() string {
	p.c.SetDeadline(time.Now().Add(instance.Wait))
	s, err := p.in.ReadString('\n')
	if err != nil {
		return "ended: " + err.Error()
	}
	return strings.TrimSuffix(s, "\r\n")
}

// cmd gives a command, and returns all that is said up to its end.
func (p *imapper) cmd(format string, args ...any) string {
	fmt.Fprintf(p.c, "t "+format+"\r\n", args...)
	var all []string
	for {
		l := p.line()
		all = append(all, l)
		if strings.HasPrefix(l, "t ") || strings.HasPrefix(l, "ended: ") {
			return strings.Join(all, "\n")
		}
	}
}

// want checks an answer: text is in it.
func (p *imapper) want(text, answer string) string {
	p.t.Helper()
	if !strings.Contains(answer, text) {
		p.t.Fatalf("got %q, want %s; the log:\n%s", answer, text, p.i.Log())
	}
	return answer
}

func (p *imapper) login(name string) *imapper {
	p.t.Helper()
	before := logins(p.i)
	p.want("t OK [CAPABILITY IMAP4rev1 ", p.cmd(`LOGIN "%s" "%s"`, name, userSecret))
	p.i.Until("the login is in the log", func() bool { return logins(p.i) > before })
	return p
}

func (p *imapper) startTLS() *imapper {
	p.t.Helper()
	p.want("t OK", p.cmd("STARTTLS"))
	p.c = tls.Client(p.c, anyCert("mx.example.test"))
	p.in = bufio.NewReader(p.c)
	return p
}

func plainResponse(name, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + password))
}

// Over plain connections on loopback, STARTTLS and TLS, and by each way to log
// in, the same mailbox; the log has Dovecot's lines, and no password.
func TestIMAP(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readersBy(t, instance.Options{}, "imapd")
	ways := []struct {
		name string
		dial func() *imapper
	}{
		{"plain", func() *imapper { return imap(i, plain, nil).login("ann@users.test") }},
		{"STARTTLS", func() *imapper {
			p := imap(i, plain, nil).startTLS()
			p.want("t OK", p.cmd("AUTHENTICATE PLAIN %s", plainResponse("ann@users.test", userSecret)))
			return p
		}},
		{"wrapped", func() *imapper {
			p := imap(i, wrapped, anyCert("mx.example.test"))
			fmt.Fprint(p.c, "t AUTHENTICATE PLAIN\r\n")
			p.want("+ ", p.line())
			fmt.Fprintf(p.c, "%s\r\nt NOOP\r\n", plainResponse("ann@users.test", userSecret))
			p.want("t OK [CAPABILITY", p.line())
			p.want("t OK NOOP", p.line())
			return p
		}},
	}
	for n, way := range ways {
		p := way.dial()
		p.want("IDLE", p.cmd("CAPABILITY"))
		p.want(fmt.Sprintf("* %d EXISTS", 2*n), p.cmd("SELECT INBOX"))
		fmt.Fprint(p.c, "t APPEND INBOX (\\Flagged) {24}\r\n")
		p.want("+ ", p.line())
		fmt.Fprint(p.c, "Subject: one\r\n\r\nsecret\r\n\r\n")
		p.want("EXISTS", p.line())
		p.want("RECENT", p.line())
		p.want("t OK [APPENDUID ", p.line())
		fmt.Fprint(p.c, "t IDLE\r\n")
		p.want("+ ", p.line())
		i.Submit("carol@client.test", "ann@users.test", "Subject: letter\r\n\r\ntext\r\n")
		for l := ""; !strings.HasSuffix(l, fmt.Sprintf("* %d EXISTS", 2*n+2)); {
			l = p.want("* ", p.line())
		}
		p.want("RECENT", p.line())
		fmt.Fprint(p.c, "DONE\r\n")
		p.want("t OK Idle", p.line())
		p.want("Subject: letter", p.cmd("FETCH %d (FLAGS BODY[HEADER])", 2*n+2))
		p.want(`\Seen`, p.cmd("FETCH %d FLAGS", 2*n+2))
		p.want("* BYE", p.cmd("LOGOUT"))
	}
	for _, want := range []string{
		`dovecot: imap-login: Login: user=<ann@users\.test>, method=PLAIN, rip=127[\d.]+, lip=127[\d.]+, mpid=\d+, TLS, session=<\S+>\n`,
		`dovecot: imap-login: Login: user=<ann@users\.test>, method=PLAIN, rip=127[\d.]+, lip=127[\d.]+, mpid=\d+, secured, session=<\S+>\n`,
		`dovecot: imap\(ann@users\.test\)<\d+><\S+>: Disconnected: Logged out in=\d+ out=\d+ deleted=0 expunged=0 trashed=0 hdr_count=1 hdr_bytes=\d+ body_count=0 body_bytes=0\n`,
	} {
		i.Until("the log has "+want, func() bool { return regexp.MustCompile(want).MatchString(i.Log()) })
	}
	i.KeepsSecret("ann@users.test", userSecret)
}

// Who is not who he says is told so, in the same way whoever he says he is; the
// log has what fail2ban looks for. What is said in the clear behind STARTTLS
// counts no more.
func TestIMAPRefused(t *testing.T) {
	t.Parallel()
	i, plain, _ := readersBy(t, instance.Options{Main: []string{"login_failure_limit = 3"}}, "imapd")
	p := imap(i, plain, nil)
	first := p.want("t NO [AUTHENTICATIONFAILED]", p.cmd("LOGIN ann@users.test wrong"))
	if again := p.cmd("LOGIN nobody@users.test wrong"); again != first {
		t.Errorf("a user that is not there: %q, want %q", again, first)
	}
	p.want("t BAD", p.cmd("AUTHENTICATE PLAIN ====x"))
	fmt.Fprint(p.c, "t AUTHENTICATE PLAIN\r\n")
	p.want("+ ", p.line())
	p.want("t BAD", p.say("*"))
	p.want("* BYE", p.line())
	p.want("ended", p.line())
	line := regexp.MustCompile(`dovecot: imap-login: Disconnected: Too many authentication failures \(auth failed, 3 attempts in \d+ secs\): user=<nobody@users\.test>, method=PLAIN, rip=127`)
	i.Until("the log has the failures", func() bool { return line.MatchString(i.Log()) })

	p = imap(i, plain, nil)
	fmt.Fprintf(p.c, "t STARTTLS\r\nt LOGIN ann@users.test %s\r\n", userSecret)
	p.want("t OK", p.line())
	p.c = tls.Client(p.c, anyCert("mx.example.test"))
	p.in = bufio.NewReader(p.c)
	p.want("t BAD", p.cmd("SELECT INBOX"))
}

// say sends a line that is no command.
func (p *imapper) say(line string) string {
	fmt.Fprintf(p.c, "%s\r\n", line)
	return p.line()
}

// The death of a session process loses nothing that was said to be there, and
// the next login works; mailctl lists and ends sessions.
func TestIMAPKilled(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readersBy(t, instance.Options{}, "imapd")
	for n := range 3 {
		p := imap(i, wrapped, anyCert("mx.example.test")).login("ann@users.test")
		p.want(fmt.Sprintf("* %d EXISTS", n), p.cmd("SELECT INBOX"))
		fmt.Fprint(p.c, "t APPEND INBOX {8+}\r\nA: b\r\n\r\n\r\n")
		for l := ""; !strings.HasPrefix(l, "t OK [APPENDUID"); {
			l = p.want("", p.line())
			if strings.HasPrefix(l, "ended") {
				t.Fatal(l)
			}
		}
		pid := sessionPID(i)
		syscall.Kill(pid, syscall.SIGKILL)
		for !strings.HasPrefix(p.line(), "ended") {
		}
		// Until master knows of the death, it may give a session to that process.
		i.WaitLog(fmt.Sprintf("pid %d killed by signal 9", pid))
	}
	p := imap(i, plain, nil).login("ann@users.test")
	p.want("* 3 EXISTS", p.cmd("SELECT INBOX"))
	who := i.Mailctl("who")
	if who.Code != 0 || !regexp.MustCompile(`(?m)^ann@users\.test +imap +127`).MatchString(who.Stdout) {
		t.Errorf("who: %+v", who)
	}
	if r := i.Mailctl("kick", "ann@users.test"); r.Code != 0 {
		t.Errorf("kick: %+v", r)
	}
	p.want("* BYE [UNAVAILABLE]", p.line())
	p.want("ended", p.line())
}
