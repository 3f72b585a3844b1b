package system

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// deflated compresses what a client says.
type deflated struct {
	net.Conn
	w   *flate.Writer
	out bytes.Buffer
}

func (d *deflated) Write(p []byte) (int, error) {
	d.out.Reset()
	d.w.Write(p)
	d.w.Flush()
	_, err := d.Conn.Write(d.out.Bytes())
	return len(p), err
}

// compress has both sides compress.
func (p *imapper) compress() *imapper {
	p.t.Helper()
	p.want("t OK", p.cmd("COMPRESS DEFLATE"))
	d := &deflated{Conn: p.c}
	d.w, _ = flate.NewWriter(&d.out, flate.DefaultCompression)
	p.c, p.in = d, bufio.NewReader(flate.NewReader(p.in))
	return p
}

// until reads lines up to one that has text in it.
func (p *imapper) until(text string) string {
	p.t.Helper()
	for {
		l := p.line()
		if strings.Contains(l, text) {
			return l
		}
		if strings.HasPrefix(l, "ended: ") {
			p.t.Fatalf("%s instead of %s; the log:\n%s", l, text, p.i.Log())
		}
	}
}

// Compressed connections, plain and in TLS, do what others do: long answers,
// messages that come, and IDLE.
func TestIMAPCompress(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readersBy(t, instance.Options{}, "imapd")
	text := "Subject: long\r\n\r\n" + strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 20000)
	for n, dial := range []func() *imapper{
		func() *imapper { return imap(i, plain, nil).login("ann@users.test") },
		func() *imapper { return imap(i, wrapped, anyCert("mx.example.test")).login("ann@users.test") },
	} {
		p := dial()
		p.want("COMPRESS=DEFLATE", p.cmd("CAPABILITY"))
		p.compress()
		p.want("t BAD", p.cmd("COMPRESS DEFLATE"))
		p.want("t OK", p.cmd("SELECT INBOX"))
		fmt.Fprintf(p.c, "t APPEND INBOX {%d+}\r\n%s\r\n", len(text), text)
		p.until("t OK [APPENDUID ")
		got := p.cmd("FETCH %d BODY.PEEK[]", n+1)
		if want := strings.ReplaceAll(text, "\r\n", "\n"); !strings.Contains(got, want) {
			t.Errorf("%d octets came back", len(got))
		}
		fmt.Fprint(p.c, "t IDLE\r\n")
		p.want("+ ", p.line())
		p.want("t OK Idle", p.say("DONE"))
		p.want("* BYE", p.cmd("LOGOUT"))
	}
}

// A letter that comes by SMTP is told at once, in IDLE and after NOTIFY, in the
// selected mailbox and in another.
func TestIMAPPush(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readersBy(t, instance.Options{}, "imapd")
	idle := imap(i, plain, nil).login("ann@users.test")
	idle.cmd("SELECT INBOX")
	fmt.Fprint(idle.c, "t IDLE\r\n")
	idle.want("+ ", idle.line())
	selected := imap(i, wrapped, anyCert("mx.example.test")).login("ann@users.test").compress()
	selected.cmd("SELECT INBOX")
	selected.want("t OK", selected.cmd("NOTIFY SET (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge))"))
	other := imap(i, plain, nil).login("ann@users.test")
	other.want("* STATUS INBOX (MESSAGES 0 UIDNEXT 1", other.cmd("NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge MailboxName))"))
	for n := 1; n <= 3; n++ {
		i.Submit("carol@client.test", "ann@users.test", fmt.Sprintf("Subject: letter %d\r\n\r\ntext\r\n", n))
		idle.until(fmt.Sprintf("* %d EXISTS", n))
		selected.until(fmt.Sprintf("* %d FETCH (UID %d BODY[HEADER.FIELDS (SUBJECT)]", n, n))
		selected.until(fmt.Sprintf("Subject: letter %d", n))
		other.until(fmt.Sprintf("* STATUS INBOX (MESSAGES %d UIDNEXT %d", n, n+1))
	}
	fmt.Fprint(idle.c, "DONE\r\n")
	idle.until("t OK Idle")
	idle.want("t OK", idle.cmd("CREATE Work"))
	other.until(`* LIST (\HasNoChildren) "/" Work`)
	// When the session process goes all are told, and nothing is left behind.
	for _, p := range []*imapper{idle, selected, other} {
		p.want("* BYE", p.cmd("LOGOUT"))
	}
}

// TestIMAPPushTimes says how long after a letter's file has come into new/ the
// client has the news: one at a time, and in bursts, of which none may be missed.
// docs/imap.md has figures; make bench holds them to a bound.
func TestIMAPPushTimes(t *testing.T) {
	t.Parallel()
	i, plain, _ := readersBy(t, instance.Options{}, "imapd")
	i.Submit("carol@client.test", "ann@users.test", "Subject: first\r\n\r\ntext\r\n")
	p := imap(i, plain, nil).login("ann@users.test")
	i.Until("the first letter is there", func() bool { return !strings.Contains(p.cmd("SELECT INBOX"), "* 0 EXISTS") })
	dir := i.Path("mail", "users.test/ann", "Maildir")
	st, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	id := st.Sys().(*syscall.Stat_t)
	put := func(n int) time.Time {
		name := fmt.Sprintf("%d.M%dP1.test", time.Now().Unix(), n)
		if err := os.WriteFile(filepath.Join(dir, "tmp", name), []byte("Subject: x\n\ntext\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chown(filepath.Join(dir, "tmp", name), int(id.Uid), int(id.Gid)) // as root
		start := time.Now()
		if err := os.Rename(filepath.Join(dir, "tmp", name), filepath.Join(dir, "new", name)); err != nil {
			t.Fatal(err)
		}
		return start
	}
	fmt.Fprint(p.c, "t IDLE\r\n")
	p.want("+ ", p.line())
	const rounds, burst = 50, 5
	for _, many := range []int{1, burst} {
		var times []time.Duration
		for n := range rounds {
			var first time.Time
			for k := range many {
				if at := put(many*1000000 + n*many + k); k == 0 {
					first = at
				}
			}
			want := 2 + n*many + many - 1
			if many == burst {
				want += rounds
			}
			p.until(fmt.Sprintf("* %d EXISTS", want))
			times = append(times, time.Since(first))
		}
		slices.Sort(times)
		t.Logf("%d at a time: median %v, worst of %d %v", many, times[rounds/2], rounds, times[rounds-1])
	}
}
