package smtpc

import (
	"fmt"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/test/peer"
)

// BenchmarkDeliver sends messages to one destination, as many at once as qmgr
// does.
func BenchmarkDeliver(b *testing.B) {
	for _, size := range []int{1 << 10, 10 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := peer.Start(b, peer.Options{})
			r := newRig(b, rigOptions{})
			nexthop := fmt.Sprintf("[127.0.0.1]:%d", p.Port())
			content := "Subject: x\n\n" + strings.Repeat(strings.Repeat("x", 71)+"\n", size/72)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			out := 0
			for b.Loop() {
				r.request(nexthop, content, "bob@far.test")
				if out++; out == 20 {
					for _, got := range r.replies(1) {
						if got.Status != ipc.Sent {
							b.Fatal(say(got))
						}
					}
					out--
				}
			}
			r.replies(out)
			b.ReportMetric(float64(p.Conns()), "connections")
		})
	}
}
