package qmgr

import (
	"fmt"
	"sync"
	"testing"

	"yubin/internal/ipc"
)

// BenchmarkAccept is what writers see: blank, write, commit, safe. The agent is
// there and answers at once; the disk is the one below the temporary directory.
func BenchmarkAccept(b *testing.B) {
	content := string(make([]byte, 1024))
	for _, writers := range []int{1, 20, 100} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			r := newRig(b)
			r.params = func(p *params) { p.limitsOf = func(string) limits { return limits{concurrency: 1000, perRequest: 50} } }
			r.start()
			defer r.stopAll()
			w := r.writer()
			l := &loader{w: w, answers: map[string]chan ipc.Done{}}
			go l.listen()
			w.send(&ipc.WriterPacket{Want: 2 * writers})
			work := make(chan int)
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for n := range work {
						l.one(b, fmt.Sprintf("user%d@example.org", n%50), content)
					}
				})
			}
			b.ResetTimer()
			for n := range b.N {
				work <- n
			}
			close(work)
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			r.settled()
		})
	}
}

// A loader shares one conversation among many goroutines, as smtpd's sessions do.
type loader struct {
	w       *client
	mu      sync.Mutex // guards ready and answers
	ready   []blank
	waiting []chan blank
	answers map[string]chan ipc.Done
}

func (l *loader) listen() {
	for {
		var p ipc.LendPacket
		files, err := l.w.c.Recv(&p)
		if err != nil {
			return
		}
		l.mu.Lock()
		for i, bl := range p.Lend {
			b := blank{bl, files[i]}
			if len(l.waiting) > 0 {
				l.waiting[0] <- b
				l.waiting = l.waiting[1:]
			} else {
				l.ready = append(l.ready, b)
			}
		}
		for _, d := range p.Done {
			l.answers[d.Blank] <- d
			delete(l.answers, d.Blank)
		}
		l.mu.Unlock()
	}
}

func (l *loader) take() blank {
	l.mu.Lock()
	if n := len(l.ready); n > 0 {
		b := l.ready[n-1]
		l.ready = l.ready[:n-1]
		l.mu.Unlock()
		return b
	}
	c := make(chan blank, 1)
	l.waiting = append(l.waiting, c)
	l.mu.Unlock()
	return <-c
}

func (l *loader) one(t testing.TB, to, content string) {
	b := l.take()
	b.write(t, b.ID, envelope("ann@example.com", to), content)
	answer := make(chan ipc.Done, 1)
	l.mu.Lock()
	l.answers[b.ID] = answer
	l.mu.Unlock()
	if err := l.w.c.Send(&ipc.WriterPacket{Want: 1, Commit: []ipc.Commit{{Blank: b.ID}}}); err != nil {
		t.Error(err)
		return
	}
	if d := <-answer; d.Error != "" {
		t.Error(d.Error)
	}
}
