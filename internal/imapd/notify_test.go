package imapd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// quiet checks that a client is told nothing: what it would be told comes before
// the answer to another command.
func (u *user) quiet() {
	u.t.Helper()
	u.play("C: q ID NIL\nS: * ID ...\nS: q OK ID completed.")
}

// hears has something happen while the client is in the middle of a command, so
// that all of it has happened before anybody looks, and checks what it is told.
func (u *user) hears(happen func(), told string) {
	u.t.Helper()
	u.play("C+ q ID N")
	happen()
	u.send("IL\r\n")
	var got, want []string
	for l := range strings.Lines(told) {
		want = append(want, strings.TrimPrefix(strings.TrimSpace(l), "S: "))
	}
	for range len(want) + 2 {
		if l := u.line(); !strings.HasPrefix(l, "* ID ") && l != "q OK ID completed." {
			got = append(got, l)
		}
	}
	if !slices.Equal(got, want) {
		u.t.Fatalf("told %q, want %q", got, want)
	}
}

// What NOTIFY refuses, and how.
func TestNotifyRefused(t *testing.T) {
	t.Parallel()
	u := newRig(t).connect()
	for _, c := range []struct{ args, want string }{
		{"", "BAD"}, {"SET", "BAD"}, {"NONE x", "BAD"}, {"SET ()", "BAD"}, {"SET (SELECTED)", "BAD"}, {"SET (SELECTED ())", "BAD"},
		{"SET (EVERYWHERE (MessageNew MessageExpunge))", "BAD"},
		{"SET (MAILBOXES () (MessageNew MessageExpunge))", "BAD"},
		{"SET (SELECTED (MessageNew))", "BAD"},
		{"SET (PERSONAL (MessageExpunge))", "BAD"},
		{"SET (SELECTED (FlagChange))", "BAD"},
		{"SET (SELECTED (MessageNew FlagChange))", "BAD"},
		{"SET (SELECTED (MessageNew MessageExpunge MailboxName))", "BAD"},
		{"SET (SELECTED (MessageNew MessageExpunge)) (SELECTED-DELAYED (MessageNew MessageExpunge))", "BAD"},
		{"SET (SELECTED NONE) (SELECTED NONE)", "BAD"},
		{"SET (PERSONAL (MessageNew (UID) MessageExpunge))", "BAD"},
		{"SET (SELECTED (MessageNew (NONSENSE) MessageExpunge))", "BAD"},
		{"SET (SELECTED (MessageNew MessageExpunge AnnotationChange))", "NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)]"},
		{"SET (PERSONAL (MailboxMetadataChange))", "NO [BADEVENT (MessageNew "},
		{"SET (PERSONAL (ServerMetadataChange))", "NO [BADEVENT (MessageNew "},
		{"SET (PERSONAL (SomethingNew))", "NO [BADEVENT (MessageNew "},
		{"NONE", "OK"}, {"SET (SELECTED NONE)", "OK"}, {"SET (MAILBOXES nowhere (MessageNew MessageExpunge))", "OK"},
	} {
		l := u.cmd("NOTIFY %s", c.args)
		if got := strings.Join(l, "\n"); !strings.HasPrefix(got, "x "+c.want) {
			t.Errorf("NOTIFY %s: %q, want %s", c.args, got, c.want)
		}
	}
}

// The selected mailbox: what happens is told between commands, with what the
// client wants of new messages; not of its own.
func TestNotifySelected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	u, other := r.connect(), r.connect()
	u.cmd("SELECT INBOX")
	other.cmd("SELECT INBOX")
	u.play(`
		C: a NOTIFY SET (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge FlagChange))
		S: a OK Notify completed.`)
	r.deliver("", "2.h", "Subject: two\n\nx\n")
	u.play(`
		S: * 2 EXISTS
		S: * ... RECENT
		S: * 2 FETCH (UID 2 BODY[HEADER.FIELDS (Subject)] {16}
		S: Subject: two
		S:
		S: )`)
	other.cmd(`STORE 1 +FLAGS (\Seen)`)
	u.play(`S: * 1 FETCH (UID 1 FLAGS (\Seen...))`)
	other.cmd(`STORE 1 +FLAGS (\Deleted)`)
	u.play(`S: * 1 FETCH (UID 1 FLAGS (\Deleted \Seen...))`)
	other.cmd("EXPUNGE")
	u.play("S: * 1 EXPUNGE")
	u.play(`
		C: b APPEND INBOX {6+}
		C: A: b
		C:
		S: * 2 EXISTS
		S: * ... RECENT
		S: b OK [APPENDUID ... 3] Append completed.`)
	u.quiet()
	// IDLE tells the same.
	u.play("C: c IDLE\nS: + idling")
	r.deliver("", "4.h", "Subject: four\n\nx\n")
	u.play(`
		S: * 3 EXISTS
		S: * ... RECENT
		S: * 3 FETCH (UID 4 BODY[HEADER.FIELDS (Subject)] {17}
		S: Subject: four
		S:
		S: )
		C: DONE
		S: c OK Idle completed.`)
	// Without FlagChange flags are not told; with NONE nothing is until the
	// client asks.
	u.play("C: d NOTIFY SET (SELECTED (MessageNew MessageExpunge))\nS: d OK Notify completed.")
	other.cmd("NOOP")
	other.cmd(`STORE 1 +FLAGS (\Flagged)`)
	u.quiet()
	u.play("C: e NOTIFY NONE\nS: e OK ...")
	r.deliver("", "5.h", letter)
	other.cmd("NOOP")
	u.quiet()
	u.play("C: f NOOP\nS: * 4 EXISTS\nS: * ... RECENT\nS: f OK ...")
}

// SELECTED-DELAYED keeps EXPUNGE for a command that may tell it.
func TestNotifyDelayed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	r.deliver("", "2.h", letter)
	u, other := r.connect(), r.connect()
	u.cmd("SELECT INBOX")
	other.cmd("SELECT INBOX")
	u.play("C: a NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))\nS: a OK ...")
	r.deliver("", "3.h", letter)
	u.play("S: * 3 EXISTS\nS: * ... RECENT")
	other.cmd(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	u.play(`S: * 1 FETCH (UID 1 FLAGS (\Deleted...)...)`)
	other.cmd("EXPUNGE")
	u.play("C: b FETCH 2 UID\nS: * 2 FETCH (UID 2)\nS: b OK ...\nC: c NOOP\nS: * 1 EXPUNGE\nS: c OK ...")
}

// Other mailboxes: STATUS, of those that the filters name and no others.
func TestNotifyOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	for _, f := range []string{".Lists", ".Lists.a", ".Lists.b", ".Junk", ".Work"} {
		r.deliver(f, "1.h", letter)
	}
	u, other := r.connect(), r.connect()
	other.cmd("SUBSCRIBE Work")
	u.cmd("SELECT INBOX")
	u.play(`
		C: a NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge)) (SUBTREE Lists (MessageNew MessageExpunge FlagChange)) (SUBSCRIBED (MessageNew MessageExpunge SubscriptionChange)) (MAILBOXES (Lists/b nowhere) NONE)
		S: * STATUS Lists (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ... UNSEEN 1 HIGHESTMODSEQ ...)
		S: * STATUS Lists/a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ... UNSEEN 1 HIGHESTMODSEQ ...)
		S: * STATUS Work (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)
		S: a OK Notify completed.`)
	r.deliver(".Lists.b", "2.h", letter)
	r.deliver(".Junk", "2.h", letter)
	r.deliver(".Lists.a", "2.h", letter)
	u.play("S: * STATUS Lists/a (MESSAGES 2 UIDNEXT 3 UIDVALIDITY ... UNSEEN 2)")
	r.deliver(".Work", "2.h", letter)
	u.play("S: * STATUS Work (MESSAGES 2 UIDNEXT 3 UIDVALIDITY ...)")
	other.cmd("SELECT Lists/a")
	other.cmd(`STORE 1 +FLAGS (\Seen)`)
	u.play("S: * STATUS Lists/a (UIDVALIDITY ... UNSEEN 1)")
	other.cmd(`STORE 1 +FLAGS (\Deleted)`)
	other.cmd("EXPUNGE")
	u.play("S: * STATUS Lists/a (MESSAGES 1 UIDNEXT 3 UIDVALIDITY ... UNSEEN 1)")
	// What the client itself puts there is no news.
	u.play(`
		C: b APPEND Lists/a {6+}
		C: A: b
		C:
		S: b OK ...`)
	u.quiet()
	r.deliver(".Lists.a", "3.h", letter)
	u.play("S: * STATUS Lists/a (MESSAGES 3 UIDNEXT 5 UIDVALIDITY ... UNSEEN 3)")
	// One that is selected is no other; one that is left is again.
	for _, l := range u.cmd("SELECT Lists/a") {
		if strings.Contains(l, "STATUS") {
			t.Error(l)
		}
	}
	r.deliver(".Lists.a", "4.h", letter)
	u.play("S: * 4 EXISTS\nS: * ... RECENT\nC: c UNSELECT\nS: c OK ...")
	r.deliver(".Lists.a", "5.h", letter)
	u.play("S: * STATUS Lists/a (MESSAGES 5 UIDNEXT 7 UIDVALIDITY ... UNSEEN 5)")
	// Who is no longer subscribed is no longer told of.
	other.cmd("UNSUBSCRIBE Work")
	u.play(`S: * LIST (\HasNoChildren) "/" Work`)
	r.deliver(".Work", "3.h", letter)
	u.quiet()
}

// Mailboxes that come, go and are renamed, and subscriptions.
func TestNotifyNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u, other := r.connect(), r.connect()
	u.play("C: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge MailboxName SubscriptionChange))\nS: a OK ...")
	for _, c := range []struct{ do, told string }{
		{"CREATE new", `S: * LIST (\HasNoChildren) "/" new`},
		{"CREATE new/kid", `S: * LIST (\HasChildren) "/" new
		                    S: * LIST (\HasNoChildren) "/" new/kid`},
		{"RENAME new old", `S: * LIST (\HasChildren) "/" old ("OLDNAME" (new))`},
		{"SUBSCRIBE old", `S: * LIST (\Subscribed \HasChildren) "/" old`},
		{"UNSUBSCRIBE old", `S: * LIST (\HasChildren) "/" old`},
		{"DELETE old/kid", `S: * LIST (\HasNoChildren) "/" old
		                    S: * LIST (\NonExistent \HasNoChildren) "/" old/kid`},
		{"DELETE old", `S: * LIST (\NonExistent \HasNoChildren) "/" old`},
		{"SUBSCRIBE nowhere", `S: * LIST (\NonExistent \Subscribed \HasNoChildren) "/" nowhere`},
	} {
		u.hears(func() {
			if l := other.cmd("%s", c.do); !strings.HasPrefix(l[len(l)-1], "x OK") {
				t.Fatalf("%s: %q", c.do, l)
			}
		}, c.told)
	}
	// What the client does itself it is not told; what comes into a mailbox that
	// is new it is.
	u.cmd("CREATE mine")
	u.quiet()
	r.deliver(".mine", "1.h", letter)
	u.play("S: * STATUS mine (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)")
	u.cmd("RENAME mine ours")
	u.quiet()
	r.deliver(".ours", "2.h", letter)
	u.play("S: * STATUS ours (MESSAGES 2 UIDNEXT 3 UIDVALIDITY ...)")
	r.deliver(".late", "1.h", letter)
	u.play("S: * LIST (\\HasNoChildren) \"/\" late\nS: * STATUS late (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)")
	u.play("C: b NOTIFY NONE\nS: b OK ...")
	r.deliver(".late", "2.h", letter)
	u.quiet()
}

// With mod-sequences STATUS has HIGHESTMODSEQ, also for flags alone.
func TestNotifyCondStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver(".a", "1.h", letter)
	u, other := r.connect(), r.connect()
	u.cmd("ENABLE CONDSTORE")
	u.play("C: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge FlagChange))\nS: a OK ...")
	other.cmd("SELECT a")
	other.cmd(`STORE 1 +FLAGS (\Flagged)`)
	u.play("S: * STATUS a (UIDVALIDITY ... UNSEEN 1 HIGHESTMODSEQ ...)")
	r.deliver(".a", "2.h", letter)
	u.play("S: * STATUS a (MESSAGES 2 UIDNEXT 3 UIDVALIDITY ... UNSEEN 2 HIGHESTMODSEQ ...)")
}

// Hundreds of mailboxes: one inotify instance, and each is told of.
func TestNotifyMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const many = 300
	for i := range many {
		for _, sub := range []string{"new", "cur", "tmp"} {
			if err := os.MkdirAll(filepath.Join(r.dir, fmt.Sprintf(".f%03d", i), sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	u := r.connect()
	u.play("C: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge))\nS: a OK ...")
	instances := 0
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.Contains(to, "inotify") {
			instances++
		}
	}
	if instances < 1 || instances > 40 { // other tests have theirs
		t.Errorf("%d inotify instances", instances)
	}
	for i := 0; i < many; i += 37 {
		r.deliver(fmt.Sprintf(".f%03d", i), "1.h", letter)
		u.play(fmt.Sprintf("S: * STATUS f%03d (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)", i))
	}
}

// Pushes are quick: alone, and when mail comes in bursts.
func TestPushTimes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u := r.connect()
	u.cmd("SELECT INBOX")
	u.play("C: a NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge))\nS: a OK ...")
	start := time.Now()
	for n := 1; n <= 30; n++ {
		r.deliver("", fmt.Sprintf("%d.h", n), "A: b\n\nx\n")
	}
	for seen := 0; seen < 30; {
		if l := u.line(); strings.Contains(l, "FETCH (UID") {
			seen++
		} else if strings.HasPrefix(l, "ended") {
			t.Fatal(l)
		}
	}
	t.Logf("30 letters in a burst, the last told %v after the first came", time.Since(start))
}

// More mailboxes than are watched are refused, or end what is told when they
// become so many.
func TestNotifyOverflow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.notified = 3
	other := r.connect()
	other.cmd("CREATE a")
	other.cmd("CREATE b")
	u := r.connect()
	u.play("C: a NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))\nS: a OK ...")
	other.cmd("CREATE c")
	u.play("S: * OK [NOTIFICATIONOVERFLOW] Too many mailboxes: no more is told.")
	r.deliver(".a", "1.h", letter)
	u.quiet()
	u.play("C: b NOTIFY SET (PERSONAL (MessageNew MessageExpunge))\nS: b NO [NOTIFICATIONOVERFLOW] At most 4096 mailboxes are watched.")
	u.play("C: c NOTIFY SET (MAILBOXES (a b) (MessageNew MessageExpunge))\nS: c OK ...")
	r.deliver(".a", "2.h", letter)
	u.play("S: * STATUS a (MESSAGES 2 ...)")
}

// What a client makes of what NOTIFY tells it, without asking for anything, is
// what is there, whatever others do.
func TestNotifyModel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "0.h", letter)
	u, other := r.connect(), r.connect()
	u.cmd("SELECT INBOX")
	other.cmd("SELECT INBOX")
	u.play("C: a NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))\nS: a OK ...")
	m := &passive{list: []string{"? ?"}}
	heard := make(chan bool)
	go func() {
		defer close(heard)
		for {
			l := u.line()
			if strings.HasPrefix(l, "z OK") || strings.HasPrefix(l, "ended") {
				return
			}
			m.hear(t, l)
		}
	}()
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		switch rnd.IntN(6) {
		case 0, 1:
			r.deliver("", fmt.Sprintf("%d.h", n+1), letter)
		case 2:
			other.cmd("APPEND INBOX {8+}\r\nA: b\r\n\r\n")
		case 3:
			other.cmd(`UID STORE %d:%d +FLAGS (\Flagged)`, 1+rnd.IntN(n+1), 1+rnd.IntN(n+1))
		case 4:
			other.cmd(`UID STORE %d:* +FLAGS (\Deleted)`, n+1)
		default:
			other.cmd("EXPUNGE")
		}
	}
	other.cmd("NOOP")
	u.send("z NOOP\r\n")
	<-heard
	var want []string
	for _, l := range u.cmd("UID FETCH 1:* (UID FLAGS)") {
		if f := uidFlags.FindStringSubmatch(l); f != nil {
			want = append(want, f[2]+" "+bare(f[3]))
		}
	}
	if len(m.list) > 0 && m.list[0] == "? ?" {
		m.list[0] = want[0] // it was never asked for
	}
	if got := strings.Join(m.list, "; "); got != strings.Join(want, "; ") {
		t.Errorf("the client knows %s\nand there is %s", got, strings.Join(want, "; "))
	}
}

var uidFlags = regexp.MustCompile(`^\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)`)

func bare(flags string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(flags, `\Recent`, "")), " ")
}

// A passive client has messages as "UID flags".
type passive struct{ list []string }

func (m *passive) hear(t *testing.T, l string) {
	var n int
	var what string
	fmt.Sscanf(l, "* %d %s", &n, &what)
	switch what {
	case "EXISTS":
		for len(m.list) < n {
			m.list = append(m.list, "new")
		}
	case "EXPUNGE":
		if n < 1 || n > len(m.list) {
			t.Errorf("%s with %d messages", l, len(m.list))
			return
		}
		m.list = append(m.list[:n-1], m.list[n:]...)
	case "FETCH":
		f := uidFlags.FindStringSubmatch(l)
		if f == nil || n < 1 || n > len(m.list) {
			t.Errorf("%s with %d messages", l, len(m.list))
			return
		}
		m.list[n-1] = f[2] + " " + bare(f[3])
	}
}
