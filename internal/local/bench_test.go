package local

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// load sends n requests with at most window outstanding, and waits for all.
func load(b *testing.B, c *fdpass.Conn, f *os.File, n, window int, request func(i int) *ipc.Request) {
	b.Helper()
	free := make(chan struct{}, window)
	left := make([]int, n)
	requests := make([]*ipc.Request, n)
	for i := range n {
		requests[i] = request(i)
		left[i] = len(requests[i].Recipients)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, req := range requests {
			free <- struct{}{}
			req.N = uint64(i)
			if err := send(c, req, f); err != nil {
				b.Error(err)
				return
			}
		}
	})
	for done := 0; done < n; {
		var p ipc.ReplyPacket
		if _, err := c.Recv(&p); err != nil {
			b.Fatal(err)
		}
		for _, reply := range p.Replies {
			for _, r := range reply.Results {
				if r.Status != ipc.Sent {
					b.Fatalf("%+v", r)
				}
			}
			if left[reply.N] -= len(reply.Results); left[reply.N] == 0 {
				<-free
				done++
			}
		}
	}
	wg.Wait()
}

// BenchmarkMailboxes is one message of 1 KiB to 10,000 mailboxes that exist, flushes
// included.
func BenchmarkMailboxes(b *testing.B) {
	const mailboxes = 10_000
	a, _ := newTestAgent(b, map[string]transport{relayLocal: into(b.TempDir())}, production())
	a.open = newBudget(descriptorBudget(1<<16, maxWorkers))
	c := dial(b, a)
	template, f := request(b, strings.Repeat("0123456789abcde\n", 64))
	round := 0
	run := func() {
		round++
		load(b, c, f, mailboxes/ipc.MaxRequestRecipients, 64, func(i int) *ipc.Request {
			req := *template
			req.ID = fmt.Sprintf("%014X", round)
			for k := range ipc.MaxRequestRecipients {
				n := i*ipc.MaxRequestRecipients + k
				req.Recipients = append(req.Recipients, ipc.Recipient{Index: n, Address: fmt.Sprintf("u%d@mx.example", n)})
			}
			return &req
		})
	}
	run() // makes the mailboxes
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(mailboxes*b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkMessages is messages of 1 KiB, each to one of 50 mailboxes, flushes
// included, with as many at once as there are sessions.
func BenchmarkMessages(b *testing.B) {
	for _, window := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("at once=%d", window), func(b *testing.B) {
			a, _ := newTestAgent(b, map[string]transport{relayLocal: into(b.TempDir())}, production())
			a.open = newBudget(descriptorBudget(1<<16, maxWorkers))
			c := dial(b, a)
			template, f := request(b, strings.Repeat("0123456789abcde\n", 64))
			const n = 1000
			round := 0
			for b.Loop() {
				round++
				load(b, c, f, n, window, func(i int) *ipc.Request {
					req := *template
					req.ID = fmt.Sprintf("%014X", round*n+i)
					req.Recipients = []ipc.Recipient{{Address: fmt.Sprintf("u%d@mx.example", i%50)}}
					return &req
				})
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}
