package mailbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkFirst is the first opening of 10,000 messages of 1 KiB in new/ by a POP3 session: UIDs
// are given, messages move to cur/, and their octets are counted.
func BenchmarkFirst(b *testing.B) {
	const messages = 10_000
	content := bytes.Repeat([]byte("0123456789abcdef0123456789abcd\n"), 33)
	used := time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		dir := filepath.Join(b.TempDir(), "Maildir")
		for _, sub := range []string{"tmp", "new", "cur"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
				b.Fatal(err)
			}
		}
		for i := range messages {
			name := fmt.Sprintf("%d.M%dP4711.mail.example.org", 1700000000+i/7, i)
			if err := os.WriteFile(filepath.Join(dir, "new", name), content, 0o600); err != nil {
				b.Fatal(err)
			}
		}
		s := newStore(quiet)
		start := cpu()
		b.StartTimer()
		tree, err := s.Tree(account(dir))
		if err != nil {
			b.Fatal(err)
		}
		v, err := tree.Open(Inbox, ReadWrite)
		if err != nil {
			b.Fatal(err)
		}
		if sizes, err := v.AllOctets(); err != nil || len(sizes) != messages || sizes[0] != 1056 {
			b.Fatal(len(sizes), err)
		}
		v.Close()
		tree.Close()
		b.StopTimer()
		used += cpu() - start
		s.Close()
		os.RemoveAll(dir)
		b.StartTimer()
	}
	b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
