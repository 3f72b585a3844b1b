package mailbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// manyBox is a Maildir that is worth a cache, old enough for its times to be
// believed.
func manyBox(t *testing.T) *box {
	b := newBox(t)
	for i := range cacheLeast {
		b.write(fmt.Sprintf("cur/%d.h:2,S", 1000+i), "a\nb\n")
	}
	b.write("cur/2000.h:2,Xq", "odd\n")
	b.settle()
	return b
}

// settle makes the directories look as if nobody had changed them for long.
func (b *box) settle() {
	b.t.Helper()
	for _, sub := range []string{"new", "cur"} {
		when := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(b.dir, sub), when, when); err != nil {
			b.t.Fatal(err)
		}
	}
}

// The next process has flags, UIDs and sizes from the cache without reading
// directories or messages; what changed since it sees.
func TestCache(t *testing.T) {
	t.Parallel()
	b := manyBox(t)
	v := b.view(ReadWrite)
	want := describe(v.Snapshot())
	sizes, err := v.AllOctets()
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	b.reopen()
	v = b.view(ReadWrite)
	if got := describe(v.Snapshot()); !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	if v.f.cur.read != processStart || v.f.index.slots != nil {
		t.Error("cur/ was read in spite of the cache")
	}
	for i := range sizes {
		if n, ok := v.octets(v.Snapshot().Message(i).UID); !ok || n != sizes[i] {
			t.Errorf("message %d: %d octets, %t, want %d", i, n, ok, sizes[i])
		}
	}
	b.mv("cur/1000.h:2,S", "cur/1000.h:2,F")
	b.write("new/3000.h", "new\n")
	refresh(t, v)
	if got := describe(v.Snapshot()); len(got) != len(want)+1 || got[0] != "1 1000.h:2,F" || !strings.HasSuffix(got[len(got)-1], " 3000.h:2,") {
		t.Errorf("messages %q", got)
	}
	v.Close()
	b.reopen()
	v = b.view(ReadWrite)
	if got := describe(v.Snapshot()); len(got) != len(want)+1 || got[0] != "1 1000.h:2,F" {
		t.Errorf("messages after a change %q", got)
	}
}

// A cache that is lost, damaged, cut or of another uidlist costs time only.
func TestCacheDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(b *box, data []byte){
		"lost":             func(b *box, _ []byte) { b.rm(cacheFile) },
		"empty":            func(b *box, _ []byte) { b.write(cacheFile, "") },
		"cut":              func(b *box, data []byte) { b.write(cacheFile, string(data[:len(data)/2])) },
		"a bit":            func(b *box, data []byte) { data[len(data)/2] ^= 4; b.write(cacheFile, string(data)) },
		"another's":        func(b *box, _ []byte) { b.write(cacheFile, strings.Repeat("x", 10_000)) },
		"uidlist appended": func(b *box, _ []byte) { b.write(uidlistFile, b.read(uidlistFile)+"5000 :5000.h\n") },
		"cur replaced": func(b *box, _ []byte) {
			b.mv("cur", "old")
			if err := os.CopyFS(b.path("cur"), os.DirFS(b.path("old"))); err != nil {
				b.t.Fatal(err)
			}
			b.settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := manyBox(t)
			v := b.view(ReadWrite)
			want := describe(v.Snapshot())
			if _, err := v.AllOctets(); err != nil {
				t.Fatal(err)
			}
			v.Close()
			b.close()
			data, err := os.ReadFile(b.path(cacheFile))
			if err != nil {
				t.Fatal(err)
			}
			damage(b, data)
			b.open()
			v = b.view(ReadWrite)
			if got := describe(v.Snapshot()); !slices.Equal(got, want) {
				t.Errorf("messages %q, want %q", got, want)
			}
			if _, ok := v.octets(1); name == "uidlist appended" && !ok {
				t.Error("the count of a message is lost with the uidlist's time")
			}
		})
	}
}

// What dead writers left in tmp/ goes after 36 hours; what is being written
// stays.
func TestSweep(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	b.write("tmp/left", "x")
	v := b.view(ReadWrite)
	v.f.sweep(time.Now().Add(35 * time.Hour))
	if b.read("tmp/left") != "x" {
		t.Error("changed")
	}
	v.f.sweep(time.Now().Add(37 * time.Hour))
	if _, err := os.Stat(b.path("tmp/left")); !os.IsNotExist(err) {
		t.Errorf("after 37 hours: %v", err)
	}
}
