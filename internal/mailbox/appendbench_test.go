package mailbox

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yubin/internal/durable"
)

// BenchmarkAppend is APPEND of 1 KiB by so many sessions, each into a mailbox
// of its own.
func BenchmarkAppend(b *testing.B) {
	text := strings.Repeat("Sixty-two octets and an end of line make the lines of a text.\r\n", 16)
	for _, sessions := range []int{1, 5, 20} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			s := New(Options{Flush: durable.New(durable.Options{}), Warn: quiet})
			defer s.Close()
			trees := make([]*Tree, sessions)
			for i := range trees {
				tree, err := s.Tree(account(b.TempDir()))
				if err != nil {
					b.Fatal(err)
				}
				defer tree.Close()
				trees[i] = tree
			}
			var wg sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			start := cpu()
			for _, tree := range trees {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if err := benchAppend(tree, text); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64((cpu()-start)/time.Microsecond)/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

func benchAppend(tree *Tree, text string) error {
	a, err := tree.Append(Inbox)
	if err != nil {
		return err
	}
	if err := a.Message(strings.NewReader(text), Attributes{Flags: Seen}); err != nil {
		a.Abort()
		return err
	}
	_, _, err = a.Commit()
	return err
}
