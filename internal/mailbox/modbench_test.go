package mailbox

import (
	"testing"
)

// BenchmarkModSeq is what mod-sequences cost, with 100,000 messages: a flag
// there and back with Refresh, a SELECT in a process that has them, one in a fresh process, and
// what QRESYNC asks.
func BenchmarkModSeq(b *testing.B) {
	dir := bigBox(b)
	open := func(b *testing.B, s *Store) *View {
		tree, err := s.Tree(account(dir))
		if err != nil {
			b.Fatal(err)
		}
		defer tree.Close()
		v, err := tree.Open(Inbox, ReadWrite)
		if err == nil {
			_, err = v.TrackModSeqs()
		}
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	s := newStore(quiet)
	defer s.Close()
	v := open(b, s)
	since := v.Snapshot().HighestModSeq()
	measure := func(name string, do func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				do(b)
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
	measure("store", func(b *testing.B) {
		for _, c := range []FlagChange{{Add: Flagged}, {Remove: Flagged}} {
			if _, err := v.Store([]uint32{77}, c); err != nil {
				b.Fatal(err)
			}
			if _, err := v.Refresh(); err != nil {
				b.Fatal(err)
			}
		}
	})
	measure("select", func(b *testing.B) { open(b, s).Close() })
	measure("fresh", func(b *testing.B) {
		fresh := newStore(quiet)
		open(b, fresh).Close()
		fresh.Close()
	})
	measure("resync", func(b *testing.B) {
		now := v.Snapshot()
		if len(now.ChangedSince(since)) > 1 || now.VanishedSince(since) != nil {
			b.Fatal("other messages have changed")
		}
	})
}
