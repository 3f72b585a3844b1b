package imapd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What strangers and users try (THREATS): each is answered, in little time and
// memory, and the session goes on.
func TestHostileCommands(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("(", 5000)
	for _, c := range []struct{ name, say, want string }{
		{"NUL in a quoted string", "SELECT \"IN\x00BOX\"", "BAD"},
		{"NUL in an atom", "SELECT IN\x00BOX", "BAD"},
		{"NUL in a search", "SEARCH SUBJECT \"a\x00b\"", "BAD"},
		{"NUL in a literal", "SELECT {3+}\r\na\x00b", "BAD"},
		{"8 bits in a quoted string", "SELECT \"\xff\xfe\"", "BAD"},
		{"an open quote", "SELECT \"abc", "BAD"},
		{"a backslash at the end", "SELECT \"abc\\", "BAD"},
		{"huge literal", "SELECT {4294967295}", "BAD [TOOBIG]"},
		{"literal beyond all numbers", "SELECT {99999999999999999999}", "BAD"},
		{"negative literal", "SELECT {-1}", "BAD"},
		{"many literals", "SEARCH" + strings.Repeat(" SUBJECT {9000+}\r\n"+strings.Repeat("x", 9000), 20), "BAD [TOOBIG]"},
		{"huge message", "APPEND INBOX {9223372036854775807}", "NO [TOOBIG]"},
		{"search in parentheses", "SEARCH " + deep, "BAD [TOOBIG]"},
		{"search of nots", "SEARCH " + strings.Repeat("NOT ", 5000) + "ALL", "BAD [TOOBIG]"},
		{"search of ors", "SEARCH " + strings.Repeat("OR ", 5000) + "ALL", "BAD [TOOBIG]"},
		{"thread in parentheses", "THREAD REFS UTF-8 " + deep, "BAD [TOOBIG]"},
		{"many search keys", "SEARCH" + strings.Repeat(" ALL", 10000), "OK"},
		{"list in parentheses", "LIST " + deep, "BAD"},
		{"ID in parentheses", "ID " + deep, "BAD"},
		{"wildcards", `LIST "" ` + strings.Repeat("*a", 4000) + "b", "OK"},
		{"a pattern too long", `LIST "" ` + strings.Repeat("*a", 10000) + "b", "NO [LIMIT]"},
		{"many patterns", `LIST ` + strings.Repeat("r", 1000) + " (a" + strings.Repeat(" *", 10) + ")", "NO [LIMIT]"},
		{"a subscription's pattern too long", `LSUB "" ` + strings.Repeat("%a", 10000), "NO [LIMIT]"},
		{"wildcards of a level", `LIST "" ` + strings.Repeat("%", 8000), "OK"},
		{"all numbers", "FETCH 1:4294967295 UID", "BAD"},
		{"all UIDs", "UID FETCH 1:4294967295 UID", "OK"},
		{"all UIDs backwards", "UID FETCH *:1 UID", "OK"},
		{"all UIDs, often", "UID FETCH 1" + strings.Repeat(",1:*", 10000) + " UID", "OK"},
		{"many UIDs", "UID FETCH 1" + strings.Repeat(",7", 20000) + " UID", "OK"},
		{"a number too large", "UID FETCH 4294967296 UID", "BAD"},
		{"number 0", "FETCH 0 UID", "BAD"},
		{"items, often", "FETCH 1 (" + strings.Repeat("ENVELOPE BODYSTRUCTURE ", 2000) + "UID)", "OK"},
		{"texts, often", "FETCH 1 (" + strings.Repeat("BODY[] ", 5000) + "UID)", "OK"},
		{"header fields, often", "FETCH 1 BODY.PEEK[HEADER.FIELDS (" + strings.Repeat("a ", 20000) + "b)]", "OK"},
		{"a part deep down", "FETCH 1 BODY.PEEK[1" + strings.Repeat(".1", 5000) + "]", "BAD [TOOBIG]"},
		{"a part beyond all", "FETCH 1 BODY.PEEK[4294967295.4294967295]", "OK"},
		{"flags, often", "STORE 1 +FLAGS (" + strings.Repeat(`\Seen `, 9000) + `\Seen)`, "OK"},
		{"too many keywords", "STORE 1 +FLAGS (" + keywords(27) + ")", "NO [LIMIT]"},
		{"a long keyword", "STORE 1 +FLAGS (" + strings.Repeat("k", 300) + ")", "NO [LIMIT]"},
		{"up", "SELECT ../../../etc/passwd", "NO"},
		{"up, in UTF-7", "SELECT &AC4ALg-/x", "NO"},
		{"from the root", "SELECT /etc/passwd", "NO"},
		{"somebody else's", "SELECT ~root/mail", "NO [NONEXISTENT]"},
		{"a dot", "CREATE a.b", "NO [CANNOT]"},
		{"only dots", "CREATE ..", "NO [CANNOT]"},
		{"a directory of ours", "SELECT .INBOX", "NO"},
		{"new/", "DELETE new", "NO [NONEXISTENT]"},
		{"a line end in a name", "CREATE {4+}\r\na\r\nb", "NO [CANNOT]"},
		{"a long name", "CREATE " + strings.Repeat("x", 3000), "NO [CANNOT]"},
		{"a deep name", "CREATE " + strings.Repeat("x/", 3000), "NO [CANNOT]"},
		{"renaming out", "RENAME INBOX ../x", "NO [CANNOT]"},
		{"subscribing out", "SUBSCRIBE ../../x", "NO [CANNOT]"},
		{"a status out", "STATUS ../x (MESSAGES)", "NO"},
		{"notify in parentheses", "NOTIFY SET " + deep, "BAD"},
		{"notify of many", "NOTIFY SET (MAILBOXES (" + strings.Repeat("a ", 20000) + "b) (MessageNew MessageExpunge))", "OK"},
		{"a long line", "NOOP " + strings.Repeat("x", 1<<20), "BAD"},
		{"a long tag", strings.Repeat("y", 70000) + " NOOP", "BAD"},
		{"STARTTLS", "STARTTLS", "BAD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.deliver("", "1.h", letter)
			u := r.connect()
			u.cmd("SELECT INBOX")
			sent := make(chan bool)
			u.strict.Sent("a NOOP\r\n")
			go func() {
				defer close(sent)
				io.WriteString(u.c, "a "+c.say+"\r\n")
			}()
			for l := ""; !strings.HasPrefix(l, "a ") && !strings.HasPrefix(l, "* BAD"); {
				if l = u.line(); strings.HasPrefix(l, "ended") {
					t.Fatal(l)
				} else if rest, ok := strings.CutPrefix(l, "a "); ok && !strings.HasPrefix(rest, c.want) {
					t.Errorf("%.200q, want %s", l, c.want)
				}
			}
			<-sent
			u.play("C: b NOOP\nS: b OK ...")
			// Nothing has come to be outside of the mailbox.
			if files, _ := os.ReadDir(filepath.Dir(r.dir)); len(files) != 1 {
				t.Errorf("beside the Maildir: %v", files)
			}
		})
	}
}

func keywords(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("k%d", i))
	}
	return strings.Join(list, " ")
}

// A message of a thousand parts in each other is looked into without recursion
// that its sender chooses.
func TestHostileMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	r.deliver("", "1.h", b.String())
	r.deliver("", "2.h", strings.Repeat("Content-Type: message/rfc822\n\n", 20000))
	r.deliver("", "3.h", "Content-Type: multipart/mixed; boundary=b\n\n"+strings.Repeat("--b\n\nx\n", 50000))
	r.deliver("", "4.h", strings.Repeat("To: "+strings.Repeat("a@b, ", 2000)+"\n", 20)+"\nx\n")
	r.deliver("", "5.h", "Subject: "+strings.Repeat("=?utf-8?q?a?= ", 50000)+"\n\nx\n")
	u := r.connect()
	u.cmd("SELECT INBOX")
	for _, c := range []string{"FETCH 1:* (ENVELOPE BODYSTRUCTURE PREVIEW)", "FETCH 1:* BODY.PEEK[1.1.1.1.HEADER]", "SEARCH TEXT nothing", "SORT (SUBJECT) UTF-8 ALL"} {
		if l := u.cmd("%s", c); !strings.HasPrefix(l[len(l)-1], "x OK") {
			t.Errorf("%s: %.200q", c, l[len(l)-1])
		}
	}
}

// Who sends a thousand commands before hearing an answer gets a thousand, in
// order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver("", "1.h", letter)
	u := r.connect()
	u.cmd("SELECT INBOX")
	const many = 1000
	var all []string
	for n := range many {
		all = append(all, fmt.Sprintf("a%d %s\r\n", n, []string{"NOOP", "FETCH 1 (UID FLAGS)", "SEARCH ALL", "STATUS INBOX (MESSAGES)"}[n%4]))
		u.strict.Sent(all[n])
	}
	go io.WriteString(u.c, strings.Join(all, ""))
	for n := 0; n < many; {
		l := u.line()
		if l == "" || l[0] == '*' {
			continue
		}
		if want := fmt.Sprintf("a%d OK ", n); !strings.HasPrefix(l, want) {
			t.Fatalf("%q, want %s", l, want)
		}
		n++
	}
}

// Who takes nothing of what he asked for, asks for everything of a large mailbox,
// or dribbles, keeps nobody else from being served, and holds little memory.
func TestNeverReads(t *testing.T) {
	r := newRig(t) // not beside other tests, whose memory would count
	const many = 20000
	r.deliver("", "0.h", letter)
	for _, sub := range []string{"new", "cur"} {
		os.MkdirAll(filepath.Join(r.dir, sub), 0o700)
	}
	for n := 1; n <= many; n++ {
		if err := os.Link(filepath.Join(r.dir, "new/0.h"), filepath.Join(r.dir, fmt.Sprintf("cur/%d.h,S=%d:2,", n, len(letter)))); err != nil {
			t.Fatal(err)
		}
	}
	first := r.connect()
	first.cmd("SELECT INBOX")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const bad = 20
	for n := range bad {
		u := r.connect()
		u.cmd("SELECT INBOX")
		switch n % 3 {
		case 0:
			u.send("a FETCH 1:* BODY.PEEK[]\r\n")
		case 1:
			u.send("a UID SEARCH RETURN () ALL\r\nb FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)\r\n")
		default:
			u.send("a SEARCH SUBJECT \"" + strings.Repeat("x", 1000))
		}
	}
	for range 20 {
		start := time.Now()
		first.play("C: n NOOP\nS: n OK ...")
		if l := first.cmd("FETCH %d (UID ENVELOPE)", many); !strings.HasPrefix(l[len(l)-1], "x OK") {
			t.Fatal(l)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("another was served after %v", d)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / bad; each > 1<<20 {
		t.Errorf("each holds %d octets", each)
	}
}

// Who takes nothing is given up.
func TestTakesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.timeout = 3 * time.Second // enough for a command, on a busy machine
	r.deliver("", "1.h", letter)
	u := r.connect()
	u.cmd("SELECT INBOX")
	u.send("a FETCH 1 (" + strings.Repeat("BODY.PEEK[] ", 500) + "UID)\r\n")
	waitEnd(t, u)
}

// Who dribbles a command has no more time for it than another.
func TestDribbles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.timeout = 300 * time.Millisecond
	u := r.connect()
	start := time.Now()
	for {
		u.c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := u.c.Write([]byte("a")); err != nil {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatal("the session goes on")
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
		u.c.SetReadDeadline(time.Now().Add(time.Millisecond))
		u.in.ReadString('\n') // BYE
	}
}

// waitEnd waits until the server has given a client up who reads nothing.
func waitEnd(t *testing.T, u *user) {
	t.Helper()
	for range 2000 {
		u.c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := u.c.Write([]byte("x")); err == io.ErrClosedPipe {
			return
		}
	}
	t.Error("the session goes on")
}
