package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A row is one line of the table.
type row struct {
	name   string
	unit   string
	talks  bool // the talker can play it
	setup  setup
	boxes  int // mailboxes that mail goes to
	large  bool
	reads  bool                        // nothing is delivered: people read
	filled int                         // messages in the first mailbox from the start
	stock  *stock                      // what is in all mailboxes from the start; nil: nothing
	peer   string                      // what yubin is compared with; empty: postfix
	away   func(*setup) (*sink, error) // where mail goes that leaves the system; nil: none does
	do     func(ctx context.Context, r *run, s system, a *arrivals) (result, error)

	// The targets of docs/benchmarks.md. ratio: what yubin must reach of
	// the peer's figure (when less is better: at most). most: an absolute
	// limit. cpu: at most this part of the peer's processor time. slower: at most
	// this many times what it took without dead destinations.
	ratio, most, cpu, slower float64
}

// wants reports whether the system plays a part in the row.
func (r row) wants(system string) bool {
	return system == "yubin" || system == "talk" && r.talks || system == r.comparedWith()
}

func (r row) comparedWith() string { return cmp.Or(r.peer, "postfix") }

// less reports whether a smaller figure is the better one.
func (r row) less() bool { return r.unit != perSecond && r.unit != megabytes }

const (
	perSecond = "/s"
	seconds   = "s"
	mebibytes = "MiB"
	millis    = "ms"
	kibibytes = "KiB"
	megabytes = "MB/s"
)

// A result is what one turn gave.
type result struct {
	value    float64
	without  float64 // value, without dead destinations
	messages int
	used     usage             // by the system
	client   usage             // by commands that were run, and is added to that
	rest     time.Duration     // by the rest of the machine
	wanted   func(id int) bool // of the messages, those that must be in the sink
}

var rows = makeRows()

func makeRows() []row {
	var rows []row
	for _, d := range []struct {
		name   string
		size   int
		ratios [3]float64
		cpu    float64
	}{
		{"1K", 1 << 10, [3]float64{1.5, 5, 5}, 0.25},
		{"10K", 10 << 10, [3]float64{1.5, 4, 4}, 0},
		{"1M", 1 << 20, [3]float64{1.5, 1.5, 1.5}, 0},
	} {
		for i, sessions := range []int{1, 20, 100} {
			rows = append(rows, row{
				name: fmt.Sprintf("deliver/%s/%d", d.name, sessions), unit: perSecond,
				talks: true, boxes: loadBoxes, large: d.size >= 1<<20,
				do: deliver(d.size, sessions), ratio: d.ratios[i], cpu: d.cpu,
			})
		}
	}
	for i, sessions := range []int{1, 20, 100} {
		rows = append(rows, row{
			name: fmt.Sprintf("accept/1K/%d", sessions), unit: perSecond,
			talks: true, setup: setup{held: true}, boxes: loadBoxes,
			do: accept(1<<10, sessions), ratio: [3]float64{1.5, 5, 5}[i],
		})
	}
	for _, workers := range []int{1, 8} {
		rows = append(rows, row{
			name: fmt.Sprintf("sendmail/%d", workers), unit: perSecond, boxes: loadBoxes,
			do: submit(1<<10, workers), ratio: 4,
		})
	}
	rows = append(rows, row{
		name: fmt.Sprintf("list/%d", mailboxes), unit: seconds, boxes: mailboxes,
		do: list(mailboxes), ratio: 0.25,
	})
	for i, sessions := range []int{0, 100, 1000} {
		rows = append(rows, row{
			name: fmt.Sprintf("memory/%d", sessions), unit: mebibytes,
			do: memory(sessions), most: [3]float64{20, 30, 70}[i],
		})
	}
	rows = append(rows, overloadRow())
	return slices.Concat(rows, makeAwayRows(), makeBacklogRows(), makePeopleRows(), makeIMAPRows())
}

// makeAwayRows makes the rows of mail that leaves.
func makeAwayRows() []row {
	var rows []row
	for _, d := range []struct {
		name string
		size int
	}{{"1K", 1 << 10}, {"10K", 10 << 10}} {
		for i, sessions := range []int{1, 20, 100} {
			rows = append(rows, row{
				name: fmt.Sprintf("relay/%s/%d", d.name, sessions), unit: perSecond, talks: true,
				away: relayed, do: relay(d.size, sessions), ratio: [3]float64{1.5, 5, 5}[i],
			})
		}
	}
	const connections = 500
	return append(rows, row{
		name: fmt.Sprintf("destinations/%d", destinations), unit: seconds,
		setup: setup{left: true, main: fmt.Sprintf("smtp_helo_timeout = %.0fs\n", heloTimeout.Seconds())},
		away:  spread(3*destinations, ofDestination), do: outbound, slower: 1.1,
	}, row{
		name: fmt.Sprintf("memory/out/%d", connections), unit: mebibytes,
		setup: setup{left: true, clients: connections + 100},
		away:  spread(connections, func(int) manner { return stalls }), do: memoryOut(connections),
	})
}

// selectRows returns the rows whose name begins with one of the prefixes.
func selectRows(prefixes string) []row {
	var selected []row
	for _, r := range rows {
		for p := range strings.SplitSeq(prefixes, ",") {
			if strings.HasPrefix(r.name, p) {
				selected = append(selected, r)
				break
			}
		}
	}
	return selected
}
