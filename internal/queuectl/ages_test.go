package queuectl

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
)

func TestAges(t *testing.T) {
	t.Parallel()
	now := time.Now()
	aged := func(id string, age time.Duration, sender string, to ...string) *ipc.Entry {
		e := &ipc.Entry{ID: id, Arrival: now.Add(-age).UnixMicro(), Sender: sender}
		for _, a := range to {
			e.Recipients = append(e.Recipients, ipc.EntryRecipient{Address: a})
		}
		return e
	}
	entries := []*ipc.Entry{
		aged("A", time.Minute, "ann@one.test", "x@Example.com", "y@example.com", "z@example.org"),
		aged("A", time.Minute, "ann@one.test", "w@example.com"), // the same message goes on
		aged("B", 6*time.Minute, "", "x@example.com"),
		aged("C", time.Hour, "bob@one.test", "local"),
	}
	for _, test := range []struct {
		name     string
		bySender bool
		columns  int
		linear   bool
		least    int
		want     string
	}{
		{"recipients", false, 4, false, 0, `
                               T 5 10 20 20+
                         TOTAL 6 4  1  0   1
                   example.com 4 3  1  0   0
                   (no domain) 1 0  0  0   1
                   example.org 1 1  0  0   0
`},
		{"senders, linear, most only", true, 3, true, 2, `
                               T 5 10 10+
                         TOTAL 3 1  1   1
                      one.test 2 1  0   1
`},
		{"one column", false, 1, false, 2, `
                               T 0+
                         TOTAL 6  6
                   example.com 4  4
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := NewAges(test.bySender, test.columns, 5*time.Minute, test.linear)
			for _, e := range entries {
				a.Entry(e)
			}
			var out strings.Builder
			if err := a.Print(&out, test.least); err != nil || out.String() != test.want[1:] {
				t.Errorf("got\n%swant%s", out.String(), test.want)
			}
		})
	}
}

// What a listing, or a table of ages, keeps does not grow with the queue.
func TestConstantMemory(t *testing.T) {
	const n = 200_000
	listing, lines := NewListing(io.Discard, time.UTC), NewJSONListing(io.Discard)
	table := NewAges(false, 10, 5*time.Minute, false)
	var before, after runtime.MemStats
	for i := range n {
		if i == n/10 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		e := &ipc.Entry{Queue: "deferred", ID: fmt.Sprintf("%014X", i), Sender: "ann@example.com", Recipients: []ipc.EntryRecipient{
			{Address: fmt.Sprintf("user%d@example%d.org", i, i%100), Reason: fmt.Sprintf("reason %d", i)},
		}}
		for _, entry := range []func(*ipc.Entry) error{listing.Entry, lines.Entry, table.Entry} {
			if err := entry(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+1<<20 {
		t.Errorf("%d octets after %d messages, %d after %d", after.HeapAlloc, n, before.HeapAlloc, n/10)
	}
	runtime.KeepAlive([]any{listing, lines, table})
}
