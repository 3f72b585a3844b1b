package mailbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const benchMessages = 100_000

// bigBox is a Maildir of 100,000 messages in cur/, links to one file.
func bigBox(b *testing.B) string {
	dir := filepath.Join(b.TempDir(), "Maildir")
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			b.Fatal(err)
		}
	}
	one := ""
	for i := range benchMessages {
		name := filepath.Join(dir, "cur", fmt.Sprintf("%d.M%dP4711.mail.example.org,S=1044,W=1071:2,S", 1700000000+i/7, i))
		if i%50_000 == 0 { // ext4 takes 65,000 links
			one = name
			if err := os.WriteFile(name, make([]byte, 1044), 0o600); err != nil {
				b.Fatal(err)
			}
			continue
		}
		if err := os.Link(one, name); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// select is what SELECT or a POP3 login asks for.
func benchSelect(b *testing.B, s *Store, dir string) {
	tree, err := s.Tree(account(dir))
	if err != nil {
		b.Fatal(err)
	}
	v, err := tree.Open(Inbox, ReadWrite)
	if err != nil || v.Snapshot().Len() != benchMessages {
		b.Fatal(v, err)
	}
	v.Close()
	tree.Close()
}

// cpu is the time that the process has used: what a busy machine does not change.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func quiet(string, ...any) {}

// BenchmarkOpen is opening 100,000 messages: with no file but the messages
// (none), with a uidlist (uidlist), with our cache in a fresh process (cache),
// in a process that had it open (warm).
func BenchmarkOpen(b *testing.B) {
	dir := bigBox(b)
	s := newStore(quiet)
	benchSelect(b, s, dir)
	s.Close()
	for name, before := range map[string]func(){
		"none": func() {
			os.Remove(filepath.Join(dir, uidlistFile))
			os.Remove(filepath.Join(dir, cacheFile))
		},
		"uidlist": func() { os.Remove(filepath.Join(dir, cacheFile)) },
		"cache":   func() {},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			used := time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				before()
				s := newStore(quiet)
				runtime.GC()
				start := cpu()
				b.StartTimer()
				benchSelect(b, s, dir)
				b.StopTimer()
				used += cpu() - start
				s.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
	b.Run("readdir", func(b *testing.B) { // what none of them can spare
		s := newStore(quiet)
		tree, err := s.Tree(account(dir))
		if err != nil {
			b.Fatal(err)
		}
		defer tree.Close()
		cur, err := tree.openDir("cur")
		if err != nil {
			b.Fatal(err)
		}
		defer cur.Close()
		start := cpu()
		for b.Loop() {
			n := 0
			if err := cur.each(func([]byte) { n++ }); err != nil || n != benchMessages {
				b.Fatal(n, err)
			}
		}
		b.ReportMetric(float64((cpu()-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	})
	b.Run("warm", func(b *testing.B) {
		s := newStore(quiet)
		defer s.Close()
		benchSelect(b, s, dir)
		b.ReportAllocs()
		for b.Loop() {
			benchSelect(b, s, dir)
		}
	})
}

// BenchmarkStore adds a flag to 10,000 messages and takes it away again.
func BenchmarkStore(b *testing.B) {
	dir := bigBox(b)
	s := newStore(quiet)
	defer s.Close()
	tree, err := s.Tree(account(dir))
	if err != nil {
		b.Fatal(err)
	}
	defer tree.Close()
	v, err := tree.Open(Inbox, ReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	for name, n := range map[string]int{"1": 1, "10000": 10_000} {
		b.Run(name, func(b *testing.B) {
			uids := make([]uint32, n)
			for i := range uids {
				uids[i] = uint32(i + 1)
			}
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				for _, c := range []FlagChange{{Add: Flagged}, {Remove: Flagged}} {
					changed, err := v.Store(uids, c)
					if err != nil || len(changed) != n {
						b.Fatal(len(changed), err)
					}
					if _, err := v.Refresh(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkContent is opening and reading messages of 1 KiB, as RETR does.
func BenchmarkContent(b *testing.B) {
	dir := bigBox(b)
	s := newStore(quiet)
	defer s.Close()
	tree, err := s.Tree(account(dir))
	if err != nil {
		b.Fatal(err)
	}
	defer tree.Close()
	v, err := tree.Open(Inbox, ReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c, err := v.Content(i % benchMessages)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
		c.Close()
		i++
	}
}
