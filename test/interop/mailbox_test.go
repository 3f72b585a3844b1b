//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/mailbox"
	"yubin/internal/maildir"
)

// mailOwner is whose the Maildirs are: Dovecot serves none of root's.
const mailOwner = 65534

// A shared Maildir is served by Dovecot and by the store.
type shared struct {
	t    *testing.T
	dir  string
	n    int // deliveries
	tree *mailbox.Tree
}

func newShared(t *testing.T) *shared {
	t.Helper()
	s := &shared{t: t, dir: serverDir(t, "imap", nil)}
	if err := os.MkdirAll(filepath.Join(s.dir, "mail"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(s.dir, mailOwner, mailOwner); err != nil {
		t.Fatal(err)
	}
	s.asOwner(s.open)
	t.Cleanup(s.tree.Close)
	return s
}

func (s *shared) open() {
	store := mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Warn: func(format string, args ...any) {
		s.t.Errorf("warning: "+format, args...)
	}})
	var err error
	s.tree, err = store.Tree(&ipc.Account{Base: s.dir, Mailbox: "Maildir", Beneath: true})
	if err != nil {
		s.t.Error(err)
	}
}

// asOwner calls do on a thread that has the owner's rights.
func (s *shared) asOwner(do func()) {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends with us
		for _, err := range []syscall.Errno{setres(syscall.SYS_SETRESGID), setres(syscall.SYS_SETRESUID)} {
			if err != 0 {
				s.t.Error(err)
				return
			}
		}
		do()
	}()
	<-done
}

func setres(call uintptr) syscall.Errno {
	_, _, errno := syscall.RawSyscall(call, ^uintptr(0), mailOwner, ^uintptr(0))
	return errno
}

// dovecot runs commands, none of which may fail, in a session of Dovecot's imap or
// pop3.
func (s *shared) dovecot(name string, commands ...string) string {
	s.t.Helper()
	out := s.say(name, commands...)
	for i := range commands {
		if tag := fmt.Sprintf("t%d OK", i); name == "imap" && !strings.Contains(out, tag) {
			s.t.Fatalf("Dovecot does not say %s to %q:\n%s", tag, commands[i], out)
		}
	}
	return out
}

func (s *shared) say(name string, commands ...string) string {
	s.t.Helper()
	root := os.Getenv("YUBIN_SERVERS")
	if root == "" {
		s.t.Fatal("YUBIN_SERVERS is not set; make interop sets it")
	}
	var in bytes.Buffer
	for i, c := range commands {
		if name == "imap" {
			fmt.Fprintf(&in, "t%d ", i)
		}
		in.WriteString(c + "\r\n")
	}
	c := exec.Command("./server.sh", name, root, s.dir)
	c.Stdin = &in
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	timer := time.AfterFunc(time.Minute, func() { syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	out, err := c.CombinedOutput()
	timer.Stop()
	if err != nil {
		s.t.Fatalf("Dovecot's %s: %v\n%s", name, err, out)
	}
	for _, word := range []string{"Error:", "Warning:", "Panic:"} {
		if strings.Contains(string(out), word) {
			s.t.Errorf("Dovecot's %s complains:\n%s", name, out)
		}
	}
	return string(out)
}

// deliver puts a message into the Maildir as local does.
func (s *shared) deliver() {
	s.t.Helper()
	s.n++
	boxes := maildir.NewBoxes(1)
	defer boxes.Close()
	text := fmt.Sprintf("Subject: %d\n\n%s", s.n, strings.Repeat("line\n", s.n))
	d, err := boxes.Deliver(&maildir.Place{Base: s.dir, Path: "Maildir/", Beneath: true}, &maildir.Message{
		Name:    maildir.Name(time.Unix(1700000000+int64(s.n), 0), fmt.Sprintf("%014X", s.n), 0, "mx.example"),
		Content: strings.NewReader(text), Length: int64(len(text)),
	})
	if err != nil {
		s.t.Error(err)
		return
	}
	d.Flushed()
	d.Close()
}

var fetched = regexp.MustCompile(`(?m)^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) RFC822.SIZE (\d+)`)
var validity = regexp.MustCompile(`UIDVALIDITY (\d+)`)
var uidNext = regexp.MustCompile(`UIDNEXT (\d+)`)

// dovecotView is what Dovecot shows of a folder, as text.
func (s *shared) dovecotView(folder string) []string {
	s.t.Helper()
	out := s.dovecot("imap", "EXAMINE "+folder, "FETCH 1:* (UID FLAGS RFC822.SIZE)", "LOGOUT")
	list := []string{"validity " + validity.FindStringSubmatch(out)[1]}
	for _, m := range fetched.FindAllStringSubmatch(out, -1) {
		words := strings.Fields(strings.ReplaceAll(m[2], `\Recent`, ""))
		slices.Sort(words)
		list = append(list, fmt.Sprintf("%s %s %s", m[1], m[3], strings.Join(words, " ")))
	}
	return append(list, "next "+uidNext.FindStringSubmatch(out)[1])
}

var flagWords = []string{`\Draft`, `\Flagged`, "", `\Answered`, `\Seen`, `\Deleted`}

// ourView is what the store shows.
func (s *shared) ourView(folder string) (list []string) {
	s.asOwner(func() {
		v, err := s.tree.Open(folder, mailbox.Peek)
		if err != nil {
			s.t.Error(err)
			return
		}
		defer v.Close()
		sizes, err := v.AllOctets()
		if err != nil {
			s.t.Error(err)
			return
		}
		snap := v.Snapshot()
		list = append(list, fmt.Sprintf("validity %d", snap.UIDValidity()))
		for i := range snap.Len() {
			m := snap.Message(i)
			var words []string
			for b, w := range flagWords {
				if m.Flags&(1<<b) != 0 && w != "" {
					words = append(words, w)
				}
			}
			for k := range 26 {
				if m.Keywords&(1<<k) != 0 {
					words = append(words, snap.Keyword(k))
				}
			}
			slices.Sort(words)
			list = append(list, fmt.Sprintf("%d %d %s", m.UID, sizes[i], strings.Join(words, " ")))
		}
		list = append(list, fmt.Sprintf("next %d", snap.UIDNext()))
	})
	return list
}

// agree compares the two views, ours first, then Dovecot's first.
func (s *shared) agree(folder, disk string) {
	s.t.Helper()
	ours := s.ourView(folder)
	theirs := s.dovecotView(disk)
	if again := s.ourView(folder); !slices.Equal(ours, theirs) || !slices.Equal(ours, again) {
		s.t.Fatalf("%s: ours\n%q, Dovecot's\n%q, ours again\n%q", folder, ours, theirs, again)
	}
}

// Dovecot and the store take turns on one Maildir: UIDVALIDITY, UIDs, UIDLs,
// flags, keywords, folders and subscriptions stay, whoever made them.
func TestMaildirInTurns(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.asOwner(func() {
		for range 3 {
			s.deliver()
		}
	})
	s.dovecot("imap", "SELECT INBOX", `STORE 1 +FLAGS (\Seen Foo $Forwarded)`, `CREATE "A.Gr&APw-n.X"`, `SUBSCRIBE "A.Gr&APw-n.X"`,
		"SUBSCRIBE INBOX", `COPY 1 "A.Gr&APw-n.X"`, "LOGOUT")
	s.agree("INBOX", "INBOX")
	s.agree("A/Grün/X", `"A.Gr&APw-n.X"`)
	first := s.ourView("INBOX")[0]
	uidl := map[string]bool{}
	for round := range 4 {
		s.asOwner(func() { s.ourTurn(round) })
		s.agree("INBOX", "INBOX")
		s.agree("A/Grün/X", `"A.Gr&APw-n.X"`)
		s.subscriptions("A/Grün/X", "INBOX", fmt.Sprintf("Ours/%d", round))
		s.asOwner(s.deliver)
		s.dovecot("imap", "SELECT INBOX", fmt.Sprintf(`STORE 2:3 +FLAGS (\Flagged Theirs%d)`, round), `UID STORE 1 -FLAGS (\Seen)`,
			"STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", `COPY 1:2 "A.Gr&APw-n.X"`, fmt.Sprintf("UNSUBSCRIBE Ours.%d", round), "LOGOUT")
		s.agree("INBOX", "INBOX")
		s.agree("A/Grün/X", `"A.Gr&APw-n.X"`)
		for _, line := range s.uidls() {
			uidl[line] = true
		}
	}
	// Enough goes for the uidlist to be written anew.
	s.asOwner(func() {
		for range 100 {
			s.deliver()
		}
		v, err := s.tree.Open("INBOX", mailbox.ReadWrite)
		s.must(err)
		defer v.Close()
		var uids []uint32
		for i := range v.Snapshot().Len() - 3 {
			uids = append(uids, v.Snapshot().Message(i).UID)
		}
		_, err = v.Expunge(uids)
		s.must(err)
		s.deliver()
		_, err = v.Refresh()
		s.must(err)
	})
	list, err := os.ReadFile(filepath.Join(s.dir, "Maildir", "dovecot-uidlist"))
	if err != nil || bytes.Count(list, []byte("\n")) != 1+4 {
		t.Errorf("uidlist after many removals: %s, %v", list, err)
	}
	s.agree("INBOX", "INBOX")
	if now := s.ourView("INBOX")[0]; now != first {
		t.Errorf("UIDVALIDITY: %s, at first %s", now, first)
	}
	if max := s.n + 8; len(uidl) > max { // 8 were appended; a UIDL that changed would be one more
		t.Errorf("%d UIDLs for %d messages: %v", len(uidl), max, uidl)
	}
}

// ourTurn does with the store what a session does.
func (s *shared) ourTurn(round int) {
	s.deliver()
	s.deliver()
	v, err := s.tree.Open("INBOX", mailbox.ReadWrite)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer v.Close()
	uid := func(i int) uint32 { return v.Snapshot().Message(i).UID }
	n := v.Snapshot().Len()
	_, err = v.Store([]uint32{uid(n - 1), uid(0)}, mailbox.FlagChange{Add: mailbox.Replied | mailbox.Draft, AddKeywords: []string{fmt.Sprintf("Ours%d", round), "foo"}})
	s.must(err)
	_, err = v.Store([]uint32{uid(1)}, mailbox.FlagChange{Replace: true, Add: mailbox.Seen})
	s.must(err)
	_, err = v.Expunge([]uint32{uid(n - 2)})
	s.must(err)
	a, err := s.tree.Append("A/Grün/X")
	s.must(err)
	s.must(a.Copy(v, 0))
	s.must(a.Message(strings.NewReader("Subject: crlf\r\n\r\ntext\r\n"), mailbox.Attributes{Flags: mailbox.Flagged, Keywords: []string{"Appended"}}))
	_, _, err = a.Commit()
	s.must(err)
	a, err = s.tree.Append("INBOX")
	s.must(err)
	for range 2 {
		s.must(a.Message(strings.NewReader("Subject: lf\n\ntext\n"), mailbox.Attributes{Received: time.Unix(1600000000, 0)}))
	}
	_, _, err = a.Commit()
	s.must(err)
	s.must(s.tree.Subscribe(fmt.Sprintf("Ours/%d", round), true))
	if round == 0 {
		s.must(s.tree.Create("Ours/Höhe"))
	}
}

func (s *shared) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Error(err)
	}
}

func (s *shared) subscriptions(want ...string) {
	s.t.Helper()
	ours, err := s.tree.Subscriptions()
	if err != nil || !slices.Equal(ours, want) {
		s.t.Errorf("subscriptions %q, %v, want %q", ours, err, want)
	}
	out := s.dovecot("imap", `LSUB "" *`, `LIST "" *`, "LOGOUT")
	for _, name := range want {
		name = mailbox.EncodeUTF7(strings.ReplaceAll(name, "/", "."))
		if !regexp.MustCompile(`(?m)^\* LSUB .*"\." "?` + regexp.QuoteMeta(name) + `"?\r$`).MatchString(out) {
			s.t.Errorf("Dovecot does not show the subscription %s:\n%s", name, out)
		}
	}
	if n := strings.Count(out, "* LSUB "); n != len(want) {
		s.t.Errorf("Dovecot shows %d subscriptions, want %d:\n%s", n, len(want), out)
	}
	for _, folder := range []string{"Ours.H&APY-he", "A.Gr&APw-n.X"} {
		if !strings.Contains(out, folder) {
			s.t.Errorf("Dovecot does not list %s:\n%s", folder, out)
		}
	}
}

// uidls are the UIDLs that Dovecot gives, checked against what its default
// format makes of our UIDs.
func (s *shared) uidls() []string {
	s.t.Helper()
	out := s.dovecot("pop3", "UIDL", "LIST", "QUIT")
	view := s.ourView("INBOX")
	v, _ := strconv.ParseUint(strings.TrimPrefix(view[0], "validity "), 10, 32)
	var list []string
	for i, line := range view[1 : len(view)-1] {
		f := strings.Fields(line)
		uid, _ := strconv.ParseUint(f[0], 10, 32)
		list = append(list, fmt.Sprintf("%08x%08x", uid, v))
		if want := fmt.Sprintf("\r\n%d %08x%08x\r\n", i+1, uid, v); !strings.Contains(out, want) {
			s.t.Errorf("Dovecot has no UIDL line %q:\n%s", want, out)
		}
		if want := fmt.Sprintf("\r\n%d %s\r\n", i+1, f[1]); !strings.Contains(out, want) {
			s.t.Errorf("Dovecot has no LIST line %q:\n%s", want, out)
		}
	}
	return list
}

// Dovecot, the store and deliveries work on one Maildir at the same time. No
// message is lost or gets a second UID, and in the end both see the same.
func TestMaildirAtOnce(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.asOwner(s.deliver)
	s.dovecot("imap", "SELECT INBOX", "LOGOUT")
	const deliveries = 150
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for round := range 4 {
			var commands []string
			commands = append(commands, "SELECT INBOX")
			for range 20 {
				commands = append(commands, `STORE 1:* +FLAGS (\Flagged)`, "NOOP", `STORE 1:* -FLAGS (\Flagged)`, `APPEND INBOX {3+}`+"\r\na\r\n", "NOOP")
			}
			s.dovecot("imap", append(commands, fmt.Sprintf(`STORE 1:* +FLAGS (T%d)`, round), "LOGOUT")...)
		}
	}()
	names := map[uint32]string{}
	s.asOwner(func() {
		v, err := s.tree.Open("INBOX", mailbox.ReadWrite)
		if err != nil {
			t.Error(err)
			return
		}
		defer v.Close()
		for i := 0; ; i++ {
			if s.n < deliveries {
				s.deliver()
			} else {
				select {
				case <-ended:
					return
				default:
				}
			}
			if _, err := v.Refresh(); err != nil {
				t.Error(err)
				return
			}
			snap := v.Snapshot()
			var uids []uint32
			for i := range snap.Len() {
				uid := snap.Message(i).UID
				if old, ok := names[uid]; ok && old != snap.Base(i) {
					t.Errorf("UID %d is %s, was %s", uid, snap.Base(i), old)
				}
				names[uid] = snap.Base(i)
				uids = append(uids, uid)
			}
			add := mailbox.FlagChange{Add: mailbox.Seen}
			if i%2 == 1 {
				add = mailbox.FlagChange{Remove: mailbox.Seen}
			}
			if _, err := v.Store(uids, add); err != nil {
				t.Error(err)
			}
		}
	})
	<-ended
	s.agree("INBOX", "INBOX")
	// validity, one delivered at first, and what came since; next
	if view := s.ourView("INBOX"); len(view) != 2+deliveries+4*20 {
		t.Errorf("%d messages, want %d", len(view)-2, deliveries+4*20)
	}
	if len(names) > deliveries+4*20 {
		t.Errorf("%d UIDs for %d messages", len(names), deliveries+4*20)
	}
}
