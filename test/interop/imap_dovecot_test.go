//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// twoServers are sessions of Dovecot and of imapd, each for its copy of one
// Maildir.
type twoServers struct {
	t            *testing.T
	dirs         []string // ours, Dovecot's
	ours, theirs *imapTalk
	n            int // letters put into the Maildirs
	differs      map[string]string
}

// Dovecot's settings are as imapd's: its separator, its special folders.
const dovecotAsImapd = `
namespace inbox {
  separator = /
  mailbox Sent {
    special_use = \Sent
  }
  mailbox Trash {
    special_use = \Trash
  }
}
`

// seedLetters are what the Maildirs of scripts hold: flags, and text.
var seedLetters = []struct{ flags, text string }{
	{"S", "From: Ann <ann@a.test>\nTo: dave@far.test\nSubject: plan\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nMessage-ID: <1@a.test>\n\nHello Dave,\nlunch?\n"},
	{"", "From: \"Bo, the 2nd\" <bo@b.test>\nTo: dave@far.test, ann@a.test\nCc: c@c.test\nSubject: Re: plan\nDate: Mon, 1 Jan 2024 11:00:00 +0100\n" +
		"Message-ID: <2@b.test>\nIn-Reply-To: <1@a.test>\nReferences: <1@a.test>\n\nYes. Gr\xc3\xbc\xc3\x9fe\n"},
	{"FS", "From: =?utf-8?q?J=C3=BCrgen?= <j@c.test>\nTo: dave@far.test\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?= from the sea\nDate: Tue, 2 Jan 2024 09:00:00 -0500\n" +
		"Message-ID: <3@c.test>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nein sch=F6ner Tag=\n am Meer\n"},
	{"R", "From: dave@far.test\nTo: list@l.test\nSubject: [l] Fwd: report\nDate: Wed, 3 Jan 2024 08:30:00 +0000\nMessage-ID: <4@far.test>\nReferences: <1@a.test> <2@b.test>\n" +
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b1\"\n\npreamble\n--b1\nContent-Type: multipart/alternative; boundary=b2\n\n" +
		"--b2\n\nplain words\n--b2\nContent-Type: text/html\n\n<p>html words</p>\n--b2--\n--b1\nContent-Type: application/octet-stream; name=x.bin\n" +
		"Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=x.bin\n\naGlkZGVuIHdvcmRz\n--b1\nContent-Type: message/rfc822\n\n" +
		"From: in@ner.test\nSubject: inner\n\ninner text\n--b1--\nepilogue\n"},
	{"DT", "From: x@x.test\nSubject: old\n\ndeleted draft\n"},
	{"", "Subject: plan\nFrom: zed@z.test\n\nno date\n"},
}

func newTwoServers(t *testing.T, names ...string) (all map[string]*twoServers) {
	t.Helper()
	all = map[string]*twoServers{}
	homes := map[string]string{}
	for n, name := range names {
		s := &twoServers{t: t}
		for _, whose := range []string{"ours", "dovecot"} {
			dir := serverDir(t, whose, map[string]string{"further": dovecotAsImapd})
			for _, sub := range []string{"mail", "Maildir/cur", "Maildir/new", "Maildir/tmp"} {
				if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			s.dirs = append(s.dirs, dir)
		}
		for _, l := range seedLetters {
			s.put(l.flags, l.text)
		}
		for _, dir := range s.dirs {
			filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
				s.own(path)
				return err
			})
		}
		all[name] = s
		homes[fmt.Sprintf("u%d", n)] = s.dirs[0]
	}
	_, host := readerServer(t, "imapd", ":1143", ":1993", homes)
	for n, name := range names {
		all[name].ours = loginOurs(t, host, fmt.Sprintf("u%d", n))
	}
	return all
}

// loginOurs has a session of imapd; it is logged in when the first response was
// read.
func loginOurs(t *testing.T, host, user string) *imapTalk {
	t.Helper()
	c, err := net.DialTimeout("tcp", host+":1143", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(4 * time.Minute))
	s := (&imapTalk{t: t, name: "imapd", to: c, in: bufio.NewReader(c)}).strictly()
	s.response()
	if got := s.ask("l", fmt.Sprintf("LOGIN %s %s", user, popSecret)); !strings.HasPrefix(got, "t OK") {
		t.Fatalf("login: %s", got)
	}
	return s
}

// put puts a letter into both Maildirs.
func (s *twoServers) put(flags, text string) {
	s.t.Helper()
	s.n++
	at := time.Unix(1700000000+int64(s.n)*86400, 0)
	name := fmt.Sprintf("new/%d.M%dP1.mx", at.Unix(), s.n)
	if flags != "" {
		name = fmt.Sprintf("cur/%d.M%dP1.mx:2,%s", at.Unix(), s.n, flags)
	}
	for _, dir := range s.dirs {
		path := filepath.Join(dir, "Maildir", name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			s.t.Fatal(err)
		}
		s.own(path)
	}
}

func (s *twoServers) own(path string) {
	if err := os.Chown(path, mailOwner, mailOwner); err != nil {
		s.t.Fatal(err)
	}
}

// begin begins Dovecot's session.
func (s *twoServers) begin() {
	s.t.Helper()
	if c, ok := s.ours.to.(net.Conn); ok { // other tests may have kept this one waiting
		c.SetDeadline(time.Now().Add(4 * time.Minute))
	}
	s.theirs = dovecotTalk(s.t, s.dirs[1])
	// What is there is recent no more.
	for _, server := range []*imapTalk{s.ours, s.theirs} {
		server.ask("a", "SELECT INBOX")
		server.ask("a", "UNSELECT")
	}
}

// dovecotTalk has a session of Dovecot's imap with the Maildir in dir.
func dovecotTalk(t *testing.T, dir string) *imapTalk {
	t.Helper()
	root := os.Getenv("YUBIN_SERVERS")
	if root == "" {
		t.Fatal("YUBIN_SERVERS is not set; make interop sets it")
	}
	c := exec.Command("./server.sh", "imap", root, dir)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	to, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = &testLog{t}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(4*time.Minute, func() { syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	t.Cleanup(func() {
		to.Close()
		c.Wait()
		timer.Stop()
	})
	talk := &imapTalk{t: t, name: "Dovecot", to: to, in: bufio.NewReader(from)}
	talk.response()
	return talk
}

// testLog takes what Dovecot complains of.
type testLog struct{ t *testing.T }

func (l *testLog) Write(p []byte) (int, error) {
	if s := string(p); strings.Contains(s, "Panic") || strings.Contains(s, "Fatal") {
		l.t.Errorf("Dovecot complains: %s", p)
	}
	return len(p), nil
}

// readDifferences reads what differs by intention: a reason, then "= SCRIPT:
// COMMAND" and what we answer.
func readDifferences(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/imap_differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	key := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "= "):
			key = line[2:]
			list[key] = ""
		default:
			list[key] = strings.TrimPrefix(list[key]+"\n"+line, "\n")
		}
	}
	return list
}

// Dovecot and imapd answer alike, but for the differences of
// testdata/imap_differences.txt.
func TestIMAPAsDovecot(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(imapScripts))
	all := newTwoServers(t, names...)
	differs := readDifferences(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := all[name]
			s.t, s.ours.t, s.differs = t, t, differs
			s.begin()
			s.play(name, imapScripts[name])
		})
	}
}

// play gives both the commands; "@" is a letter that comes, "@cur" one that another
// program puts there as one that was seen; "% NAME" gives the highest mod-sequence
// so far a name, under which commands have it with a "$".
func (s *twoServers) play(script, commands string) {
	s.t.Helper()
	seen := map[string]int{}
	for command := range strings.Lines(commands) {
		command = strings.TrimSpace(command)
		if command == "" || command[0] == '#' {
			continue
		}
		if command == "@" || command == "@cur" {
			s.put(map[string]string{"@cur": "S"}[command], fmt.Sprintf("Subject: another %d\n\ntext\n", s.n))
			continue
		}
		if name, ok := strings.CutPrefix(command, "% "); ok {
			s.ours.mark(name)
			s.theirs.mark(name)
			continue
		}
		seen[command]++
		key := script + ": " + command
		if n := seen[command]; n > 1 {
			key += fmt.Sprintf(" (%d)", n)
		}
		command = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\xfc`, "\xfc").Replace(command)
		ours, theirs := s.ours.ask("a", command), s.theirs.ask("a", command)
		want, differs := s.differs[key]
		switch {
		case differs && want == theirs:
			s.t.Errorf("%s: the difference is none: Dovecot says\n%s", key, theirs)
		case differs && ours != want:
			s.t.Errorf("got\n= %s\n%s\nwant\n%s\nDovecot says\n%s", key, ours, want, theirs)
		case !differs && ours != theirs:
			s.t.Errorf("got\n= %s\n%s\nDovecot says\n%s", key, ours, theirs)
		}
	}
}
