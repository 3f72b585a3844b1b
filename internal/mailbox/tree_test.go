package mailbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, disk := range map[string]string{
		"INBOX": ".", "inbox": ".", "A": ".A", "A/B": ".A.B", "inbox/B": ".INBOX.B", "Größe & mehr": ".Gr&APYA3w-e &- mehr",
		"台北/日本語": ".&U,BTFw-.&ZeVnLIqe-", "~peter/mail": ".~peter.mail", "\U0001f600": ".&2D3eAA-",
	} {
		got, err := diskName(name)
		if err != nil || got != disk {
			t.Errorf("%q is %q, %v on the disk, want %q", name, got, err, disk)
		}
		if back, ok := folderName(got); !ok || !strings.EqualFold(back, name) {
			t.Errorf("%q is the folder %q, %t", got, back, ok)
		}
	}
	for _, name := range []string{"", "/", "A//B", "A/", "/A", ".", "..", "A.B", "../x", "A/..", "a\x00b", "a\nb", "\xff", strings.Repeat("x", 300)} {
		if disk, err := diskName(name); !errors.Is(err, ErrName) {
			t.Errorf("%q is %q, %v; want ErrName", name, disk, err)
		}
	}
	for _, disk := range []string{".&", ".&!-", ".&AGE-", ".&U-", "..x", ".a..b", ".Gr\xc3\xbc", ".&2D0-"} {
		if name, ok := folderName(disk); ok {
			t.Errorf("%q is the folder %q", disk, name)
		}
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	folders := func(want ...string) {
		t.Helper()
		if got, err := b.tree.Folders(); err != nil || !slices.Equal(got, append([]string{Inbox}, want...)) {
			t.Errorf("folders %q, %v, want %q", got, err, want)
		}
	}
	folders()
	for _, name := range []string{"A", "A/B/C", "Ä", "AB"} {
		if err := b.tree.Create(name); err != nil {
			t.Errorf("create %s: %v", name, err)
		}
	}
	folders("A", "A/B/C", "AB", "Ä")
	for _, file := range []string{".A/maildirfolder", ".A.B.C/cur", ".&AMQ-/new", ".A/tmp"} {
		if _, err := os.Stat(b.path(file)); err != nil {
			t.Error(err)
		}
	}
	if err := b.tree.Create("A"); !errors.Is(err, ErrExists) {
		t.Errorf("create again: %v", err)
	}
	if err := b.tree.Create("inbox"); !errors.Is(err, ErrExists) {
		t.Errorf("create INBOX: %v", err)
	}
	if err := b.tree.Rename("A", "A/X"); !errors.Is(err, ErrName) {
		t.Errorf("rename below itself: %v", err)
	}
	if err := b.tree.Rename("A", "Ä"); !errors.Is(err, ErrExists) {
		t.Errorf("rename over another: %v", err)
	}
	if err := b.tree.Rename("None", "X"); !errors.Is(err, ErrNoFolder) {
		t.Errorf("rename of none: %v", err)
	}
	if err := b.tree.Rename("A", "Z/Y"); err != nil {
		t.Error(err)
	}
	folders("AB", "Z/Y", "Z/Y/B/C", "Ä")
	for _, name := range []string{"Inbox", "Z"} {
		if err := b.tree.Delete(name); err == nil {
			t.Errorf("%s is deleted", name)
		}
	}
	if err := b.tree.Delete("Z/Y"); err != nil {
		t.Error(err)
	}
	folders("AB", "Z/Y/B/C", "Ä")
	if _, err := b.tree.Open("Z/Y", ReadWrite); !errors.Is(err, ErrNoFolder) {
		t.Errorf("open of a folder that is deleted: %v", err)
	}
	if _, err := b.tree.Append("Z/Y"); !errors.Is(err, ErrNoFolder) {
		t.Errorf("append to a folder that is deleted: %v", err)
	}
}

// Files and folders have the rights that the mailbox has, as Dovecot gives them.
func TestModes(t *testing.T) {
	t.Parallel()
	for dir, file := range map[os.FileMode]os.FileMode{0o700: 0o600, 0o750: 0o640, 0o770: 0o660, 0o755: 0o644} {
		b := newBox(t)
		b.close()
		for _, sub := range []string{".", "tmp", "new", "cur"} {
			if err := os.Chmod(b.path(sub), dir); err != nil {
				t.Fatal(err)
			}
		}
		b.open()
		a, err := b.tree.Append(Inbox)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Message(strings.NewReader("x"), Attributes{Keywords: []string{"K"}}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.tree.Create("A"), b.tree.Subscribe("A", true)); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]os.FileMode{
			uidlistFile: file, keywordsFile: file, subsFile: file, b.files()[0]: file, ".A": dir | os.ModeDir, ".A/cur": dir | os.ModeDir, ".A/maildirfolder": file,
		} {
			info, err := os.Stat(b.path(name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != want {
				t.Errorf("in a mailbox of %v %s has %v, want %v", dir, name, info.Mode(), want)
			}
		}
	}
}

// A folder that is deleted under a View, and one that is made anew.
func TestFolderReplaced(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	if err := b.tree.Create("A"); err != nil {
		t.Fatal(err)
	}
	b.write(".A/new/1.h", "one\n")
	v, err := b.tree.Open("A", ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := b.tree.Delete("A"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Refresh(); !errors.Is(err, ErrNoFolder) {
		t.Errorf("refresh of a folder that is deleted: %v", err)
	}
	if err := b.tree.Create("A"); err != nil {
		t.Fatal(err)
	}
	w, err := b.tree.Open("A", ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Snapshot().Len() != 0 || w.Snapshot().UIDValidity() <= v.Snapshot().UIDValidity() {
		t.Errorf("%d messages, UIDVALIDITY %d after %d", w.Snapshot().Len(), w.Snapshot().UIDValidity(), v.Snapshot().UIDValidity())
	}
	// Only cur/ is another.
	if err := errors.Join(os.Rename(b.path(".A/cur"), b.path(".A/old")), os.Mkdir(b.path(".A/cur"), 0o700)); err != nil {
		t.Fatal(err)
	}
	b.write(".A/cur/9.h:2,S", "nine\n")
	refresh(t, w)
	b.want(w, "1 9.h:2,S")
}

// Links lead nowhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	outside := t.TempDir()
	if err := errors.Join(os.MkdirAll(outside+"/cur", 0o700), os.WriteFile(outside+"/cur/secret", []byte("secret\n"), 0o600),
		os.MkdirAll(outside+"/new", 0o700), os.MkdirAll(outside+"/tmp", 0o700),
		os.Symlink(outside+"/cur/secret", b.path("cur/2.h:2,")), os.Symlink(outside, b.path(".Out")),
		os.Symlink(outside+"/cur/secret", b.path(subsFile))); err != nil {
		t.Fatal(err)
	}
	b.want(b.view(ReadWrite), "1 1.h:2,")
	if _, err := b.tree.Open("Out", ReadWrite); err == nil {
		t.Error("a link out of the mailbox is a folder")
	}
	if got, err := b.tree.Folders(); err != nil || !slices.Equal(got, []string{Inbox}) {
		t.Errorf("folders %q, %v", got, err)
	}
	if got, err := b.tree.Subscriptions(); err == nil {
		t.Errorf("subscriptions of another file: %q", got)
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		names  []string
		after  string // with "New/Ö" subscribed and "A/B" not
	}{
		"none yet": {"", nil, "V\t2\n\nNew\t&ANY-\n"},
		"version 2": {"V\t2\n\nINBOX\nA\tB\nGr&APw-n\nodd\x01tname\nA\tB\n", []string{"A/B", "Grün", "INBOX"},
			"V\t2\n\nINBOX\nGr&APw-n\nodd\x01tname\nNew\t&ANY-\n"},
		"plain": {"INBOX\nA.B\nshared/x\nGr&APw-n", []string{"A/B", "Grün", "INBOX"},
			"INBOX\nshared/x\nGr&APw-n\nNew.&ANY-\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			if c.before != "" {
				b.write(subsFile, c.before)
			}
			if got, err := b.tree.Subscriptions(); err != nil || !slices.Equal(got, c.names) {
				t.Errorf("names %q, %v, want %q", got, err, c.names)
			}
			for range 2 {
				if err := errors.Join(b.tree.Subscribe("New/Ö", true), b.tree.Subscribe("A/B", false)); err != nil {
					t.Error(err)
				}
			}
			if got := b.read(subsFile); got != c.after {
				t.Errorf("file %q, want %q", got, c.after)
			}
		})
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	if err := errors.Join(b.tree.SetUses("Gesendet", `\Sent`, `\Important`), b.tree.SetUses("A/B", `\Junk`), b.tree.SetUses("A/B", `\Trash`), b.tree.SetUses("Gone", `\Drafts`), b.tree.SetUses("Gone")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.tree.Create("Gesendet"), b.tree.Create("Gesendet/Alt"), b.tree.Create("Weg"), b.tree.SetUses("Gesendet/Alt", `\Archive`), b.tree.SetUses("Weg", `\Junk`),
		b.tree.Delete("Weg"), b.tree.Rename("Gesendet", "Raus")); err != nil {
		t.Fatal(err)
	}
	got, err := b.tree.Uses()
	if want := `map[A/B:[\Trash] Raus:[\Sent \Important] Raus/Alt:[\Archive]]`; err != nil || fmt.Sprint(got) != want {
		t.Errorf("uses %v, %v, want %s", got, err, want)
	}
}

// What is appended has LF in the file, sizes in its name, its time, flags and
// keywords; UIDs in order.
func TestAppend(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	a, err := b.tree.Append(Inbox)
	if err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1234567890, 0)
	texts := []string{"A: b\r\n\r\nx\r\ny\r\n", "lf\nonly\n", "odd\r\r\nmix\rx\n\r", ""}
	for i, text := range texts {
		at := Attributes{Flags: Seen, Received: when}
		if i == 1 {
			at = Attributes{Keywords: []string{"Kw"}}
		}
		if err := a.Message(iotest{strings.NewReader(text)}, at); err != nil {
			t.Fatal(err)
		}
	}
	validity, uids, err := a.Commit()
	if err != nil || validity != v.Snapshot().UIDValidity() || !slices.Equal(uids, []uint32{2, 3, 4, 5}) {
		t.Fatalf("UIDVALIDITY %d, UIDs %v, %v", validity, uids, err)
	}
	refresh(t, v)
	s := v.Snapshot()
	if s.Len() != 5 || s.Message(1).Flags != Seen || s.Message(2).Keywords != 1 || s.Keyword(0) != "Kw" || !v.Recent(4) {
		t.Fatalf("messages %q", describe(s))
	}
	for i, want := range []string{"A: b\r\n\r\nx\r\ny\r\n", "lf\r\nonly\r\n", "odd\r\r\nmix\rx\r\n\r", ""} {
		if got := content(t, v, i+1); got != want {
			t.Errorf("content %q, want %q", got, want)
		}
		if n, err := v.Octets(i + 1); err != nil || n != int64(len(want)) || !strings.Contains(s.Base(i+1), fmt.Sprintf(",W=%d", n)) {
			t.Errorf("%s: %d octets, %v, want %d", s.Base(i+1), n, err, len(want))
		}
	}
	if got, err := v.Received(1); err != nil || !got.Equal(when) {
		t.Errorf("received %v, %v", got, err)
	}
	if a, err = b.tree.Append(Inbox); err != nil {
		t.Fatal(err)
	}
	if err := a.Message(strings.NewReader("x"), Attributes{}); err != nil {
		t.Fatal(err)
	}
	a.Abort()
	if tmp, err := filepath.Glob(b.path("tmp/[^l]*")); err != nil || len(tmp) != 0 || len(b.files()) != 5 {
		t.Errorf("after Abort: %v in tmp/, files %q", tmp, b.files())
	}
}

// A folder that is deleted while somebody opens it is none, and not a fault.
func TestDeletedWhileOpened(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for at := range 14 { // changes of the disk before it goes
		name := fmt.Sprintf("A%d", at)
		if err := b.tree.Create(name); err != nil {
			t.Fatal(err)
		}
		b.write("."+name+"/new/1.h", "one\n")
		v, err := b.tree.view(name, ReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		setFault(b, v, func(op, what string) error {
			if done++; done == at+1 {
				return os.RemoveAll(b.path("." + name))
			}
			return nil
		})
		// At the end it may be too late to be noticed.
		if err := v.track(); !errors.Is(err, ErrNoFolder) && (err != nil || at == 0) {
			t.Errorf("deleted before the change %d: %v", at, err)
		}
		v.Close()
	}
}

// A folder that is deleted while something is appended is none, too.
func TestDeletedWhileAppended(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for at := range 14 { // changes of the disk before it goes
		name := fmt.Sprintf("A%d", at)
		if err := b.tree.Create(name); err != nil {
			t.Fatal(err)
		}
		a, err := b.tree.Append(name)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		setFault(b, a.view, func(op, what string) error {
			if done++; done == at+1 {
				return os.RemoveAll(b.path("." + name))
			}
			return nil
		})
		if err = a.Message(strings.NewReader("x"), Attributes{}); err == nil {
			_, _, err = a.Commit()
		} else {
			a.Abort()
		}
		// At the end it may be too late to be noticed.
		if !errors.Is(err, ErrNoFolder) && (err != nil || at == 0) {
			t.Errorf("deleted before the change %d: %v", at, err)
		}
	}
}

// Of two messages one can be linked, and the other has to be copied, for which
// there is no room: neither is copied.
func TestCopyFailsHalfWay(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,")
	if err := b.tree.Create("A"); err != nil {
		t.Fatal(err)
	}
	v := b.view(ReadWrite)
	a, err := b.tree.Append("A")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Copy(v, 0), a.Copy(v, 1)); err != nil {
		t.Fatal(err)
	}
	links := 0
	failing := func(op, name string) error {
		if op != "link" || !strings.Contains(name, ":2,") {
			return nil
		}
		links++
		return map[int]error{1: unix.EPERM, 3: unix.ENOSPC}[links]
	}
	setFault(b, v, failing)
	a.f.curDir.fault = failing
	if _, _, err := a.Commit(); !errors.Is(err, ErrFull) || links != 3 {
		t.Fatalf("%d links, %v", links, err)
	}
	if left, err := filepath.Glob(b.path(".A/cur/*")); err != nil || len(left) > 0 {
		t.Errorf("in cur/ are %v, %v", left, err)
	}
}

// A date of APPEND may be one that nanoseconds in 64 bits do not reach.
func TestAppendLate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	late := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	a, err := b.tree.Append(Inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Message(strings.NewReader("x"), Attributes{Received: late}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	// A file system may end in 2038, and gives its last time then.
	if got, err := b.view(ReadWrite).Received(0); err != nil || got.After(late) || got.Before(time.Unix(1<<31-1, 0)) {
		t.Errorf("received %v, %v", got, err)
	}
}

// iotest gives out one octet at a time.
type iotest struct{ io.Reader }

func (r iotest) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

// A copy has the flags and the time, and the keywords in the letters of its folder.
func TestCopy(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,Sa", "cur/2.h,S=5,W=6:2,")
	b.write(keywordsFile, "0 Foo\n")
	if err := b.tree.Create("A"); err != nil {
		t.Fatal(err)
	}
	b.write(".A/"+keywordsFile, "0 Other\n")
	when := time.Unix(1234567890, 0)
	if err := os.Chtimes(b.path("cur/1.h:2,Sa"), when, when); err != nil {
		t.Fatal(err)
	}
	v := b.view(ReadWrite)
	b.mv("cur/2.h,S=5,W=6:2,", "cur/2.h,S=5,W=6:2,F")
	a, err := b.tree.Append("A")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Copy(v, 1), a.Copy(v, 0)); err != nil {
		t.Fatal(err)
	}
	if _, uids, err := a.Commit(); err != nil || !slices.Equal(uids, []uint32{1, 2}) {
		t.Fatalf("UIDs %v, %v", uids, err)
	}
	w, err := b.tree.Open("A", ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := w.Snapshot()
	if s.Len() != 2 || s.Message(1).Flags != Seen || s.Message(1).Keywords != 2 || s.Keyword(1) != "Foo" || content(t, w, 1) != content(t, v, 0) {
		t.Errorf("copies %q", describe(s))
	}
	if got, err := w.Received(1); err != nil || !got.Equal(when) {
		t.Errorf("received %v, %v", got, err)
	}
	// What is removed meanwhile is not copied.
	if a, err = b.tree.Append("A"); err != nil {
		t.Fatal(err)
	}
	b.rm("cur/1.h:2,Sa")
	if err := errors.Join(a.Copy(v, 1), a.Copy(v, 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Commit(); !errors.Is(err, ErrGone) {
		t.Errorf("copy of a removed message: %v", err)
	}
	if refresh(t, w); w.Snapshot().Len() != 2 {
		t.Errorf("copies %q", describe(w.Snapshot()))
	}
}

// Sizes come from the name, the uidlist or a count, and are exact for what is read.
func TestOctets(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.write("cur/1.h,S=4,W=6:2,", "a\nb\n")
	b.write("cur/2.h:2,", "a\r\nb\n")
	b.write("cur/3.h:2,", "a\nb")
	b.write("cur/4.h,S=4,W=99:2,", "a\nb\n") // wrong
	b.write("cur/5.h,S=9,W=11:2,", "a\nb\n") // changed since
	b.write("cur/6.h:2,", strings.Repeat("0123456789abcde\n", copySize/16)+"\n\r\n\r")
	b.write(uidlistFile, "3 V9 N9 G0123456789abcdef0123456789abcdef\n1 :1.h,S=4,W=6\n3 W4 :3.h\n")
	v := b.view(ReadWrite)
	sizes, err := v.AllOctets()
	if want := []int64{6, 4, 6, 99, 11, copySize + copySize/16 + 5}; err != nil || !slices.Equal(sizes, want) {
		t.Errorf("sizes %v, %v, want %v", sizes, err, want)
	}
	for i, want := range []int64{6, 4, 6, 6, 6, copySize + copySize/16 + 5} {
		if got := content(t, v, i); int64(len(got)) != want {
			t.Errorf("message %d has %d octets, want %d", i, len(got), want)
		}
	}
	if !slices.Equal(sizes[:3], []int64{6, 4, 6}) {
		t.Errorf("sizes %v", sizes)
	}
	b.rm("cur/2.h:2,")
	refresh(t, v)
}
