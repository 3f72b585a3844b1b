package mailbox

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dovecotBox is a Maildir as Dovecot left it, with what the files say.
func dovecotBox(t *testing.T) (*box, map[string]string) {
	t.Helper()
	f, err := os.Open("testdata/dovecot-2.3.19")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := newBox(t)
	files := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var name, content string
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%q %q", &name, &content); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		for _, sub := range []string{".", "tmp", "new", "cur"} {
			if dir, _, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(dir, ".") {
				if err := os.MkdirAll(filepath.Join(b.dir, dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.write(name, content)
		files[name] = content
	}
	return b, files
}

// What Dovecot 2.3.19 wrote is read as it showed it to its clients (UIDs, flags,
// keywords, sizes, folders, subscriptions), and none of its files changes by that.
func TestDovecotsFiles(t *testing.T) {
	t.Parallel()
	b, files := dovecotBox(t)
	v := b.view(ReadWrite)
	b.want(v, "1 1600000000.V801I2.mx:2,RS", "2 1700000000.M5P1.host,S=31,W=35:2,Sab", "3 1700000001.M1P1.host:2,DFTc", "5 1795626583.M846530P29469.vm,S=5,W=6:2,a")
	s := v.Snapshot()
	if s.UIDValidity() != 1795626583 || s.UIDNext() != 6 || s.FolderGUID() != "f0b13c2b5716076b1d73000083ecc375" {
		t.Errorf("UIDVALIDITY %d, UIDNEXT %d, GUID %s", s.UIDValidity(), s.UIDNext(), s.FolderGUID())
	}
	if got := s.Keywords(); !slices.Equal(got, []string{"Foo", "$Forwarded", "NonJunk"}) {
		t.Errorf("keywords %q", got)
	}
	sizes, err := v.AllOctets()
	if err != nil || !slices.Equal(sizes, []int64{23, 35, 33, 6}) {
		t.Errorf("sizes %v, %v", sizes, err)
	}
	if len(v.f.sizes) != 0 {
		t.Errorf("%d messages were read for their sizes", len(v.f.sizes))
	}
	if got := content(t, v, 0); got != "Subject: seen\r\n\r\ncrlf\r\n" {
		t.Errorf("content %q", got)
	}
	folders, err := b.tree.Folders()
	if err != nil || !slices.Equal(folders, []string{Inbox, "Arbeit/Grün/X", "Sent & more"}) {
		t.Errorf("folders %q, %v", folders, err)
	}
	subs, err := b.tree.Subscriptions()
	if err != nil || !slices.Equal(subs, []string{"Arbeit/Grün/X", Inbox, "Sent & more"}) {
		t.Errorf("subscriptions %q, %v", subs, err)
	}
	w, err := b.tree.Open("Arbeit/Grün/X", ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b.want(w, "1 1600000000.V801I2.mx:2,RS", "2 1700000000.M5P1.host,S=31,W=35:2,Sab")
	for name, want := range files {
		if got := b.read(name); got != want {
			t.Errorf("%s is now %q, was %q", name, got, want)
		}
	}
	// The next message of each is appended as Dovecot appends.
	b.write("new/1800000000.h", "x\n")
	refresh(t, v)
	if got := b.read(uidlistFile); got != files[uidlistFile]+"6 :1800000000.h\n" {
		t.Errorf("uidlist %q", got)
	}
	// UIDVALIDITY of a new folder is above all that Dovecot gave.
	if err := b.tree.Create("New"); err != nil {
		t.Fatal(err)
	}
	n, err := b.tree.Open("New", ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if got := n.Snapshot().UIDValidity(); got <= w.Snapshot().UIDValidity() || b.read(validityFile) != fmt.Sprintf("%08x", got) {
		t.Errorf("UIDVALIDITY %d after %d; the file says %s", got, w.Snapshot().UIDValidity(), b.read(validityFile))
	}
}
