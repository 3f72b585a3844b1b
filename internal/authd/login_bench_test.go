package authd

import (
	"fmt"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/sasl"
)

// Logins one after the other. That of SCRAM has its beat of 5 ms, which delays and
// does not keep anybody busy.
func BenchmarkLogin(b *testing.B) {
	for _, c := range []struct{ mechanism, secret string }{
		{"PLAIN", "ginger"}, {"CRAM-MD5", "ginger"}, {"SCRAM-SHA-256", "ginger"},
	} {
		b.Run(c.mechanism, func(b *testing.B) {
			d := newDesk(b, accounts)
			b.ReportAllocs()
			for b.Loop() {
				if r, _, _ := d.login(c.mechanism, "bob", c.secret, sasl.Channel{}); r.State != ipc.AuthOK {
					b.Fatalf("got %+v", r)
				}
			}
		})
	}
}

// A right login, while an address has ten thousand wrong ones under way, next to
// one while nobody has.
func BenchmarkLoginInFlood(b *testing.B) {
	for _, flood := range []int{0, 10000} {
		b.Run(fmt.Sprint(flood), func(b *testing.B) {
			d := newDesk(b, accounts)
			d.v.send = func(r *ipc.AuthReply) error {
				if r.Exchange < 1<<32 {
					d.replies <- r
				}
				return nil
			}
			for n := range flood {
				f := d.facts
				f.Client = "198.51.100.1"
				d.v.take(&ipc.AuthRequest{
					Op: ipc.AuthBegin, Exchange: 1<<32 + uint64(n), Mechanism: "PLAIN", Facts: &f,
					Initial: true, Response: fmt.Appendf(nil, "\x00bob\x00wrong%d", n),
				}, nil)
			}
			var longest time.Duration
			for b.Loop() {
				r, _, took := d.login("PLAIN", "bob", "ginger", sasl.Channel{})
				if r.State != ipc.AuthOK {
					b.Fatalf("got %+v", r)
				}
				longest = max(longest, took[len(took)-1])
			}
			b.ReportMetric(float64(longest.Microseconds()), "µs-longest")
		})
	}
}
