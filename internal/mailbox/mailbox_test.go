package mailbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"yubin/internal/durable"
	"yubin/internal/ipc"
)

// A box is a Maildir made by hand, and a store that serves it.
type box struct {
	t    *testing.T
	dir  string
	warn []string
	tree *Tree
	st   *Store
}

func newBox(t *testing.T, files ...string) *box {
	t.Helper()
	b := &box{t: t, dir: filepath.Join(t.TempDir(), "Maildir")}
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(b.dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		b.write(f, "Subject: "+f+"\n\nbody\n")
	}
	b.open()
	return b
}

func (b *box) open() {
	b.t.Helper()
	b.st = newStore(func(format string, args ...any) { b.warn = append(b.warn, fmt.Sprintf(format, args...)) })
	var err error
	if b.tree, err = b.st.Tree(account(b.dir)); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.close)
}

// newStore flushes nothing: power does not fail in these tests.
func newStore(warn func(string, ...any)) *Store {
	nothing := func(*os.File) error { return nil }
	return New(Options{Flush: durable.New(durable.Options{Fsync: nothing, Syncfs: nothing}), Warn: warn})
}

func account(dir string) *ipc.Account {
	return &ipc.Account{Base: filepath.Dir(dir), Mailbox: filepath.Base(dir) + "/", Beneath: true}
}

func (b *box) close() {
	if b.tree != nil {
		b.tree.Close()
		b.st.Close()
		b.tree = nil
	}
}

// reopen is another process's view: nothing is remembered but what is on the disk.
func (b *box) reopen() {
	b.close()
	b.open()
}

func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

func (b *box) write(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func (b *box) mv(from, to string) {
	b.t.Helper()
	if err := os.Rename(b.path(from), b.path(to)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) rm(name string) {
	b.t.Helper()
	if err := os.Remove(b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

// files lists new/ and cur/.
func (b *box) files() []string {
	b.t.Helper()
	var list []string
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(b.path(sub))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, sub+"/"+e.Name())
		}
	}
	sort.Strings(list)
	return list
}

func (b *box) view(mode Mode) *View {
	b.t.Helper()
	v, err := b.tree.Open(Inbox, mode)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(v.Close)
	return v
}

// describe is a Snapshot as text: UID, base name, flags.
func describe(s *Snapshot) []string {
	var list []string
	for i := range s.Len() {
		m := s.Message(i)
		list = append(list, fmt.Sprintf("%d %s%s", m.UID, s.Base(i), appendInfo(nil, m.Flags, m.Keywords)))
	}
	return list
}

func (b *box) want(v *View, want ...string) {
	b.t.Helper()
	got := describe(v.Snapshot())
	if slices.Equal(got, want) {
		return
	}
	for len(got) > 0 && len(want) > 0 && got[0] == want[0] { // what differs
		got, want = got[1:], want[1:]
	}
	b.t.Errorf("messages:\n%.500q, want\n%.500q", got[:min(5, len(got))], want[:min(5, len(want))])
}

func refresh(t *testing.T, v *View) *Changes {
	t.Helper()
	c, err := v.Refresh()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func content(t *testing.T, v *View, i int) string {
	t.Helper()
	c, err := v.Content(i)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Octets()
	if err != nil || n != int64(len(data)) {
		t.Errorf("%d octets, %v; have read %d", n, err, len(data))
	}
	return string(data)
}

// Opening takes up what is new, in the order in which it came, and the next
// process finds the same UIDs.
func TestOpen(t *testing.T) {
	t.Parallel()
	b := newBox(t, "new/20.M1P1.h", "new/10.M2P1.h,S=5,W=6", "new/10.M1P1.h", "cur/5.h:2,S", "cur/6.h:2,FSab", "cur/7.h")
	v := b.view(ReadWrite)
	want := []string{"1 5.h:2,S", "2 6.h:2,FSab", "3 7.h:2,", "4 10.M1P1.h:2,", "5 10.M2P1.h,S=5,W=6:2,", "6 20.M1P1.h:2,"}
	b.want(v, want...)
	if got, want := b.files(), []string{"cur/10.M1P1.h:2,", "cur/10.M2P1.h,S=5,W=6:2,", "cur/20.M1P1.h:2,", "cur/5.h:2,S", "cur/6.h:2,FSab", "cur/7.h"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	s := v.Snapshot()
	if !v.Recent(3) || !v.Recent(0) {
		t.Error("what nobody has seen is recent, in new/ and in cur/")
	}
	lines := strings.Split(b.read(uidlistFile), "\n")
	if !strings.HasPrefix(lines[0], fmt.Sprintf("3 V%d N7 G", s.UIDValidity())) || lines[1] != "1 :5.h" || lines[5] != "5 :10.M2P1.h,S=5,W=6" {
		t.Errorf("uidlist %q", lines)
	}
	v.Close()
	b.reopen()
	v = b.view(ReadWrite)
	b.want(v, want...)
	if v.Recent(3) || v.Recent(0) {
		t.Error("what another has seen is recent")
	}
	if v.Snapshot().UIDValidity() != s.UIDValidity() || v.Snapshot().UIDNext() != 7 {
		t.Errorf("UIDVALIDITY %d, UIDNEXT %d", v.Snapshot().UIDValidity(), v.Snapshot().UIDNext())
	}
	if len(b.warn) > 0 {
		t.Errorf("warnings: %q", b.warn)
	}
}

// A View that only looks moves nothing, and gives UIDs all the same.
func TestPeek(t *testing.T) {
	t.Parallel()
	b := newBox(t, "new/10.h", "new/11.h:2,F")
	p := b.view(Peek)
	b.want(p, "1 10.h:2,", "2 11.h:2,F")
	if got := b.files(); !slices.Equal(got, []string{"new/10.h", "new/11.h:2,F"}) {
		t.Errorf("files %q", got)
	}
	if got := content(t, p, 0); got != "Subject: new/10.h\r\n\r\nbody\r\n" {
		t.Errorf("content %q", got)
	}
	v := b.view(ReadWrite)
	b.want(v, "1 10.h:2,", "2 11.h:2,F")
	if got := b.files(); !slices.Equal(got, []string{"cur/10.h:2,", "cur/11.h:2,F"}) {
		t.Errorf("files %q", got)
	}
	if got := content(t, p, 0); got != "Subject: new/10.h\r\n\r\nbody\r\n" {
		t.Errorf("content after the move %q", got)
	}
	if _, err := p.Store([]uint32{1}, FlagChange{Add: Seen}); err == nil {
		t.Error("a View that only looks has changed flags")
	}
}

// What others do to the directories between two looks.
func TestChangesUnderneath(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,", "cur/4.h:2,")
	v := b.view(ReadWrite)
	b.mv("cur/1.h:2,", "cur/1.h:2,FS") // flags
	b.rm("cur/2.h:2,S")                // removed
	b.write("new/5.h", "five\n")       // delivered
	b.mv("cur/3.h:2,", "new/3.h")      // back to new/
	if got := content(t, v, 0); got != "Subject: cur/1.h:2,\r\n\r\nbody\r\n" {
		t.Errorf("content of a renamed file: %q", got)
	}
	if _, err := v.Content(1); err != ErrGone {
		t.Errorf("content of a removed file: %v, want ErrGone", err)
	}
	b.want(v, "1 1.h:2,", "2 2.h:2,S", "3 3.h:2,", "4 4.h:2,")
	c := refresh(t, v)
	b.want(v, "1 1.h:2,FS", "3 3.h:2,", "4 4.h:2,", "5 5.h:2,")
	if fmt.Sprint(*c) != "{false [5] [2] [1] []}" {
		t.Errorf("changes %+v", *c)
	}
	if c := refresh(t, v); !c.Empty() {
		t.Errorf("changes without a change: %+v", *c)
	}
	// A removed file that comes back is the same message as long as its line is there.
	b.write("cur/2.h:2,", "two\n")
	refresh(t, v)
	b.want(v, "1 1.h:2,FS", "2 2.h:2,", "3 3.h:2,", "4 4.h:2,", "5 5.h:2,")
}

// A change that the directories' times do not show is seen by Reread.
func TestReread(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	before, err := os.Stat(b.path("cur"))
	if err != nil {
		t.Fatal(err)
	}
	b.mv("cur/1.h:2,", "cur/1.h:2,S")
	if err := os.Chtimes(b.path("cur"), before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	c, err := v.Reread()
	if err != nil || !slices.Equal(c.Flags, []uint32{1}) {
		t.Errorf("changes %+v, %v", c, err)
	}
}

// Flags and keywords are names of files and letters of dovecot-keywords.
func TestStore(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,Sa", "cur/3.h:2,FXb,zz", "cur/4.h", "new/5.h")
	b.write(keywordsFile, "0 Foo\n3 $Forwarded\n")
	v := b.view(ReadWrite)
	all := []uint32{1, 2, 3, 4, 5, 9}
	changed, err := v.Store(all, FlagChange{Add: Seen, AddKeywords: []string{"foo", "New"}})
	if err != nil || !slices.Equal(changed, []uint32{1, 2, 3, 4, 5}) {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if got, want := b.files(), []string{"cur/1.h:2,Sac", "cur/2.h:2,Sac", "cur/3.h:2,FSXabc,zz", "cur/4.h:2,Sac", "cur/5.h:2,Sac"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if got := b.read(keywordsFile); got != "0 Foo\n2 New\n3 $Forwarded\n" {
		t.Errorf("keywords %q", got)
	}
	b.want(v, "1 1.h:2,", "2 2.h:2,Sa", "3 3.h:2,Fb", "4 4.h:2,", "5 5.h:2,") // until Refresh
	if c := refresh(t, v); len(c.Flags) != 5 {
		t.Errorf("changes %+v", *c)
	}
	if changed, err = v.Store(all, FlagChange{Add: Seen}); err != nil || len(changed) != 0 {
		t.Errorf("changed again %v, %v", changed, err)
	}
	// Somebody else renames first.
	b.mv("cur/1.h:2,Sac", "cur/1.h:2,FSac")
	b.rm("cur/2.h:2,Sac")
	if changed, err = v.Store([]uint32{1, 2}, FlagChange{Remove: Seen, DropKeywords: []string{"NEW", "none"}}); err != nil || !slices.Equal(changed, []uint32{1}) {
		t.Errorf("changed %v, %v", changed, err)
	}
	if changed, err = v.Store([]uint32{3}, FlagChange{Replace: true, Add: Draft}); err != nil || !slices.Equal(changed, []uint32{3}) {
		t.Errorf("changed %v, %v", changed, err)
	}
	if got, want := b.files(), []string{"cur/1.h:2,Fa", "cur/3.h:2,DX,zz", "cur/4.h:2,Sac", "cur/5.h:2,Sac"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func TestKeywordsRunOut(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	for i := range maxKeywords {
		if _, err := v.Store([]uint32{1}, FlagChange{AddKeywords: []string{fmt.Sprintf("k%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.Store([]uint32{1}, FlagChange{AddKeywords: []string{"more"}}); err != ErrKeywords {
		t.Errorf("the 27th: %v", err)
	}
	if _, err := v.Store([]uint32{1}, FlagChange{AddKeywords: []string{"a b"}}); err == nil {
		t.Error("a keyword with a space")
	}
	refresh(t, v)
	b.want(v, "1 1.h:2,abcdefghijklmnopqrstuvwxyz")
	if got := v.Snapshot().Keyword(25); got != "k25" {
		t.Errorf("keyword %q", got)
	}
}

func TestExpunge(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,", "cur/3.h:2,", "cur/4.h:2,", "new/5.h")
	v, other := b.view(ReadWrite), b.view(ReadWrite)
	held, err := other.Content(1)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	b.mv("cur/2.h:2,", "cur/2.h:2,S")
	b.rm("cur/3.h:2,")
	gone, err := v.Expunge([]uint32{5, 2, 3, 77})
	if err != nil || !slices.Equal(gone, []uint32{2, 3, 5}) {
		t.Fatalf("gone %v, %v", gone, err)
	}
	if got := b.files(); !slices.Equal(got, []string{"cur/1.h:2,", "cur/4.h:2,"}) {
		t.Errorf("files %q", got)
	}
	if data, err := io.ReadAll(held); err != nil || !strings.Contains(string(data), "cur/2.h") {
		t.Errorf("open content after removal: %q, %v", data, err)
	}
	b.want(other, "1 1.h:2,", "2 2.h:2,", "3 3.h:2,", "4 4.h:2,", "5 5.h:2,")
	if c := refresh(t, other); !slices.Equal(c.Gone, []uint32{2, 3, 5}) {
		t.Errorf("changes %+v", *c)
	}
	// UIDs are not given again.
	b.write("new/6.h", "six\n")
	refresh(t, v)
	b.want(v, "1 1.h:2,", "4 4.h:2,", "6 6.h:2,")
	v.Close()
	other.Close()
	b.reopen()
	v = b.view(ReadWrite)
	b.want(v, "1 1.h:2,", "4 4.h:2,", "6 6.h:2,")
}

// Two files with one base name are two messages, two links one.
func TestOneNameTwice(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S")
	v := b.view(ReadWrite)
	b.write("new/1.h", "another\n")
	if err := os.Link(b.path("cur/2.h:2,S"), b.path("cur/2.h:2,")); err != nil {
		t.Fatal(err)
	}
	refresh(t, v)
	refresh(t, v)
	s := v.Snapshot()
	if s.Len() != 3 || s.Base(0) != "1.h" || s.Base(1) != "2.h" {
		t.Fatalf("messages %q, files %q, warnings %q", describe(s), b.files(), b.warn)
	}
	if got := content(t, v, 0); !strings.Contains(got, "cur/1.h") {
		t.Errorf("content of UID 1: %q", got)
	}
	if got := content(t, v, 2); got != "another\r\n" {
		t.Errorf("content of the second: %q", got)
	}
	if len(b.files()) != 3 {
		t.Errorf("files %q", b.files())
	}
}

// A lost or damaged uidlist changes UIDVALIDITY, also under an open View, and
// loses no message.
func TestUidlistLost(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(b *box){
		"lost":        func(b *box) { b.rm(uidlistFile) },
		"empty":       func(b *box) { b.write(uidlistFile, "") },
		"not ours":    func(b *box) { b.write(uidlistFile, "hello\n") },
		"no validity": func(b *box) { b.write(uidlistFile, "3 N5\n1 :1.h\n") },
		"not rising":  func(b *box) { b.write(uidlistFile, "3 V1 N5 G00\n2 :1.h\n1 :2.h\n") },
		"a hole":      func(b *box) { b.write(uidlistFile, "3 V1 N5 G00\n1 :1.h\n\x00\x00\x00\n") },
	} {
		for _, open := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, open %t", name, open), func(t *testing.T) {
				t.Parallel()
				b := newBox(t, "cur/1.h:2,", "new/2.h")
				v := b.view(ReadWrite)
				old := v.Snapshot().UIDValidity()
				if !open {
					v.Close()
					b.close()
				}
				damage(b)
				if open {
					if c := refresh(t, v); !c.Reset {
						t.Errorf("changes %+v, want Reset", *c)
					}
				} else {
					b.open()
					v = b.view(ReadWrite)
				}
				b.want(v, "1 1.h:2,", "2 2.h:2,")
				if now := v.Snapshot().UIDValidity(); now <= old {
					t.Errorf("UIDVALIDITY %d, before %d", now, old)
				}
				if len(b.warn) == 0 && name != "lost" {
					t.Error("no warning")
				}
			})
		}
	}
}

// A line that is being written, or was when the power failed, counts for
// nothing, and nothing is glued to it.
func TestUidlistTorn(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,")
	b.write(uidlistFile, "3 V7 N2 G0123456789abcdef0123456789abcdef Xkept\n1 W9 Qq :1.h\n3 :2.")
	v := b.view(ReadWrite)
	b.want(v, "1 1.h:2,", "2 2.h:2,")
	if got, want := b.read(uidlistFile), "3 V7 N3 G0123456789abcdef0123456789abcdef Xkept\n1 W9 Qq :1.h\n2 :2.h\n"; got != want {
		t.Errorf("uidlist %q, want %q", got, want)
	}
}

// Version 1, Courier's and old Dovecots', is taken over with its UIDs.
func TestUidlistVersion1(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,", "cur/3.h:2,")
	b.write(uidlistFile, "1 77 12\n4 1.h\n9 2.h:2,S\n")
	v := b.view(ReadWrite)
	b.want(v, "4 1.h:2,", "9 2.h:2,", "12 3.h:2,")
	if s := v.Snapshot(); s.UIDValidity() != 77 || s.UIDNext() != 13 {
		t.Errorf("UIDVALIDITY %d, UIDNEXT %d", s.UIDValidity(), s.UIDNext())
	}
	if got := b.read(uidlistFile); !strings.HasPrefix(got, "3 V77 N13 G") {
		t.Errorf("uidlist %q", got)
	}
}

// Another program appends to the uidlist, or writes it anew.
func TestUidlistOfOthers(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	list := b.read(uidlistFile)
	b.write("cur/5.h:2,", "five\n")
	f, err := os.OpenFile(b.path(uidlistFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "5 Puidl5 O3 Gguid :5.h\n")
	f.Close()
	refresh(t, v)
	b.want(v, "1 1.h:2,", "5 5.h:2,")
	if s := v.Snapshot(); s.UIDL(1) != "uidl5" || s.Order(1) != 3 || s.GUID(1) != "guid" || s.GUID(0) != "1.h" {
		t.Errorf("extensions %q %d %q", s.UIDL(1), s.Order(1), s.GUID(1))
	}
	b.write("new/6.h", "six\n")
	refresh(t, v)
	b.want(v, "1 1.h:2,", "5 5.h:2,", "6 6.h:2,")
	if got := b.read(uidlistFile); got != list+"5 Puidl5 O3 Gguid :5.h\n6 :6.h\n" {
		t.Errorf("uidlist %q", got)
	}
	// Written anew, with the header's next UID lower than one that we gave.
	b.write("x", strings.Replace(list, "N2", "N3", 1)+"5 Puidl5 :5.h\n")
	b.mv("x", uidlistFile)
	b.rm("cur/6.h:2,")
	b.write("new/7.h", "seven\n")
	refresh(t, v)
	b.want(v, "1 1.h:2,", "5 5.h:2,", "7 7.h:2,")
}
