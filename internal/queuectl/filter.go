package queuectl

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/config"
	"yubin/internal/ipc"
)

// queues are the names that a message's queue can have.
var queues = []string{"maildrop", "incoming", "active", "deferred", "hold"}

// A Filter is the options that choose messages.
type Filter struct {
	ipc.Filter
	set *pflag.FlagSet
}

// age is the value of an option that is a time with its unit.
type age struct{ d *time.Duration }

func (a age) String() string {
	if a.d == nil || *a.d == 0 {
		return ""
	}
	return a.d.String()
}

func (a age) Type() string { return "age" }

func (a age) Set(v string) error {
	d, ok := config.ParseDuration(v)
	if !ok || d == 0 {
		return fmt.Errorf("want a number and a unit: 30m, 12h, 5d or 1w")
	}
	*a.d = d
	return nil
}

// filterOptions names the options, in the order of the manual.
var filterOptions = []string{"queue", "sender", "recipient", "destination", "reason", "older", "newer"}

// AddFilter adds the options to fs.
func AddFilter(fs *pflag.FlagSet) *Filter {
	f := &Filter{set: fs}
	fs.StringArrayVar(&f.Queues, "queue", nil, "in this queue: incoming, active, deferred or hold")
	fs.StringArrayVar(&f.Sender, "sender", nil, "from this `address`")
	fs.StringArrayVar(&f.Recipient, "recipient", nil, "for this `address`, which waits")
	fs.StringArrayVar(&f.Destination, "destination", nil, "for somebody who waits at this `domain`, or behind this next hop")
	fs.StringArrayVar(&f.Reason, "reason", nil, "last deferred for a reason with this `text`")
	fs.Var(age{&f.Older}, "older", "that arrived this long ago or longer")
	fs.Var(age{&f.Newer}, "newer", "that arrived less long ago")
	return f
}

// Given returns the filter, nil when no option was given.
func (f *Filter) Given() (*ipc.Filter, error) {
	for _, q := range f.Queues {
		if !slices.Contains(queues, q) {
			return nil, fmt.Errorf("--queue %s: want one of %q", q, queues)
		}
	}
	if !slices.ContainsFunc(filterOptions, f.set.Changed) {
		return nil, nil
	}
	return &f.Filter, nil
}
