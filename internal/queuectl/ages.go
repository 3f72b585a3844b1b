package queuectl

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// maxNames is how many domains a table counts apart; what comes later is counted
// as otherName, so that a queue full of invented domains fills no memory.
const (
	maxNames  = 100_000
	otherName = "(others)"
	localName = "(no domain)"
)

// An Ages table counts what waits by domain and age, in the form of Postfix's
// qshape:
//
//	              T  5 10 20 40 80 160 320 640 1280 1280+
//	      TOTAL  12  0  0  1  0  0   0   1   0    0    10
//	example.com  10  0  0  1  0  0   0   0   0    0     9
//	example.org   2  0  0  0  0  0   0   1   0    0     1
//
// A column has what is younger than so many minutes and older than the one
// before. Recipients are counted, or, by sender, messages.
type Ages struct {
	bySender bool
	limits   []time.Duration // of all columns but the last
	now      time.Time
	names    map[string][]int // by domain: the sum, then each column
	total    []int
	last     string // ID
}

// NewAges makes a table of n columns of age, the first of which ends at first and
// each other at twice the one before, or, linear, at as much more.
func NewAges(bySender bool, n int, first time.Duration, linear bool) *Ages {
	a := &Ages{bySender: bySender, now: time.Now(), names: map[string][]int{}}
	for limit := first; len(a.limits) < n-1; {
		a.limits = append(a.limits, limit)
		if linear {
			limit += first
		} else {
			limit *= 2
		}
	}
	a.total = make([]int, n+1)
	return a
}

// Entry counts a message, or its next recipients.
func (a *Ages) Entry(e *ipc.Entry) error {
	age := a.now.Sub(time.UnixMicro(e.Arrival))
	column := 1
	for column <= len(a.limits) && age >= a.limits[column-1] {
		column++
	}
	if a.bySender {
		if e.ID != a.last {
			a.count(e.Sender, column)
		}
		a.last = e.ID
		return nil
	}
	for i := range e.Recipients {
		a.count(e.Recipients[i].Address, column)
	}
	return nil
}

func (a *Ages) count(address string, column int) {
	name := NullSender
	if address != "" {
		_, name = smtp.SplitAddress(address)
		if name = strings.ToLower(name); name == "" {
			name = localName
		}
	}
	row := a.names[name]
	if row == nil && len(a.names) >= maxNames {
		name = otherName
		row = a.names[name]
	}
	if row == nil {
		row = make([]int, len(a.total))
		a.names[name] = row
	}
	for _, r := range [][]int{row, a.total} {
		r[0]++
		r[column]++
	}
}

// Print writes the table, the domains with most first; those with fewer than
// least are left out.
func (a *Ages) Print(out io.Writer, least int) error {
	w := bufio.NewWriter(out)
	heads := []string{"T"}
	for _, l := range a.limits {
		heads = append(heads, fmt.Sprintf("%d", int(l.Minutes())))
	}
	heads = append(heads, heads[len(heads)-1]+"+")
	if len(a.limits) == 0 {
		heads[1] = "0+"
	}
	names := slices.SortedFunc(maps.Keys(a.names), func(x, y string) int {
		return cmp.Or(cmp.Compare(a.names[y][0], a.names[x][0]), cmp.Compare(x, y))
	})
	names = slices.DeleteFunc(names, func(n string) bool { return a.names[n][0] < least })
	wide := 30
	for _, n := range names {
		wide = max(wide, min(len(n), 64))
	}
	line := func(name string, cell func(i int) string) {
		fmt.Fprintf(w, "%*s", wide, name)
		for i := range a.total {
			// The sum is the largest of its column.
			fmt.Fprintf(w, " %*s", max(len(heads[i]), len(fmt.Sprint(a.total[i]))), cell(i))
		}
		w.WriteByte('\n')
	}
	row := func(counts []int) func(int) string {
		return func(i int) string { return fmt.Sprint(counts[i]) }
	}
	line("", func(i int) string { return heads[i] })
	line("TOTAL", row(a.total))
	for _, n := range names {
		line(maillog.Clean(n), row(a.names[n]))
	}
	return written(w.Flush())
}
