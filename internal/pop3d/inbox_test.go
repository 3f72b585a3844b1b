package pop3d

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/mailbox"
)

// A box is a Maildir on disk, and who opens it.
type box struct {
	t   *testing.T
	dir string
	o   *opener
}

func newBox(t *testing.T, files map[string]string) *box {
	t.Helper()
	b := &box{t: t, dir: filepath.Join(t.TempDir(), "Maildir")}
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.MkdirAll(filepath.Join(b.dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store := mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Warn: t.Logf})
	t.Cleanup(store.Close)
	uidl, err := parseUIDL("%08Xu%08Xv")
	if err != nil {
		t.Fatal(err)
	}
	b.o = &opener{store: store, uidl: uidl, seen: true}
	return b
}

// session has a session; each line of the dialogue is as play wants it.
func (b *box) session(dialogue string) {
	b.t.Helper()
	drop, err := b.o.open(&ipc.Account{Base: filepath.Dir(b.dir), Mailbox: "Maildir/", Beneath: true})
	if err != nil {
		b.t.Fatal(err)
	}
	defer drop.close()
	c, _, done := talkTo(b.t, b.t.Context(), drop, time.Minute, 20)
	play(b.t, c, "S: +OK Logged in.\n"+dialogue)
	c.Close()
	<-done
}

// Sizes in names may lie. What is read is whole; RETR counts small messages
// itself, and what was read once is counted ever after.
func TestSizesThatLie(t *testing.T) {
	t.Parallel()
	long := "Subject: long\n\n" + strings.Repeat("0123456789\n", 10000)
	octets := len(long) + strings.Count(long, "\n")
	b := newBox(t, map[string]string{
		"cur/1.h,S=19,W=99:2,": "Subject: one\n\nbody\n",
		fmt.Sprintf("cur/2.h,S=%d,W=%d:2,", len(long), len(long)+7): long,
	})
	read := "C: RETR 2\nS: +OK ...\n"
	for l := range strings.Lines(long) {
		read += "S: " + l
	}
	b.session("C: LIST 1\nS: +OK 1 99\nC: RETR 1\nS: +OK 22 octets\nS: Subject: one\nS:\nS: body\nS: .\n" + read + "S: .\nC: QUIT\nS: +OK Logging out.")
	b.session(fmt.Sprintf("C: LIST\nS: +OK 2 messages:\nS: 1 22\nS: 2 %d\nS: .\nC: RETR 2\nS: +OK %[1]d octets", octets))
}

// Somebody renumbers the mailbox during a session: what QUIT should have
// removed is there, so it must not say otherwise.
func TestRenumbered(t *testing.T) {
	t.Parallel()
	b := newBox(t, map[string]string{"cur/1.h:2,": "a\n\nb\n"})
	drop, err := b.o.open(&ipc.Account{Base: filepath.Dir(b.dir), Mailbox: "Maildir/", Beneath: true})
	if err != nil {
		t.Fatal(err)
	}
	defer drop.close()
	c, _, _ := talkTo(t, t.Context(), drop, time.Minute, 20)
	play(t, c, "S: +OK Logged in.\nC: DELE 1\nS: +OK Marked to be deleted.")
	if err := os.WriteFile(filepath.Join(b.dir, "dovecot-uidlist"), []byte("3 V99 N8 G0123456789abcdef0123456789abcdef\n7 :1.h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.session("C: UIDL\nS: +OK\nS: 1 0000000700000063\nS: .\nC: QUIT\nS: +OK Logging out.") // sees it first
	play(t, c, "C: QUIT\nS: -ERR [SYS/TEMP] Some deleted messages were not removed.")
	b.session("C: STAT\nS: +OK 1 8")
}

// Whatever lies in a Maildir beside messages does not keep people from them.
func TestJunk(t *testing.T) {
	t.Parallel()
	b := newBox(t, map[string]string{"cur/1.h:2,": "a\n\nb\n", "new/2.h": "c\n\nd\n", "cur/" + strings.Repeat("n", 255): "x\n", "cur/\xff 3": "e\n\nf\n"})
	for _, err := range []error{
		os.Mkdir(filepath.Join(b.dir, "cur/directory"), 0o700),
		syscall.Mkfifo(filepath.Join(b.dir, "cur/fifo"), 0o600),
		os.Symlink("/etc/passwd", filepath.Join(b.dir, "cur/link")),
		os.Symlink("nowhere", filepath.Join(b.dir, "new/dangling")),
		os.Symlink("1.h:2,", filepath.Join(b.dir, "cur/inside")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.session("C: LIST\nS: +OK 4 messages:\nS: 1 3\nS: 2 8\nS: 3 8\nS: 4 8\nS: .\nC: RETR 2\nS: +OK 8 octets\nS: ...\nS:\nS: ...\nS: .\nC: DELE 1\nS: +OK ...\nC: QUIT\nS: +OK Logging out, messages deleted.")
	if _, err := os.Stat(filepath.Join(b.dir, "cur/link")); err != nil {
		t.Error(err)
	}
}

// A message that went before anybody counted it is not there.
func TestGoneUncounted(t *testing.T) {
	t.Parallel()
	b := newBox(t, map[string]string{"cur/1.h:2,": "a\n\nb\n", "cur/2.h:2,": "c\n\nd\n"})
	tree, err := b.o.store.Tree(&ipc.Account{Base: filepath.Dir(b.dir), Mailbox: "Maildir/", Beneath: true})
	if err != nil {
		t.Fatal(err)
	}
	in := &inbox{tree: tree, stop: make(chan struct{})}
	defer in.close()
	if in.view, err = tree.Open("INBOX", mailbox.ReadWrite); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(b.dir, "cur/1.h:2,")); err != nil {
		t.Fatal(err)
	}
	if err := in.number(b.o); err != nil {
		t.Fatal(err)
	}
	if len(in.list) != 1 || in.list[0].octets != 8 {
		t.Errorf("got %+v", in.list)
	}
	c, _, err := in.open(0)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(c); string(text) != "c\r\n\r\nd\r\n" {
		t.Errorf("got %q", text)
	}
	c.Close()
}
