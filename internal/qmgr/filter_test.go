package qmgr

import (
	"testing"

	"yubin/internal/queue"
)

// A content filter comes before what an address says.
func TestFilterDestination(t *testing.T) {
	t.Parallel()
	routed := resolver(func(address, _ string) (destination, error) {
		return destination{transport: "local", nexthop: "here", address: address, mailbox: address}, nil
	})
	for _, c := range []struct {
		filter string
		want   destination
	}{
		{"", destination{"local", "here", "ann@a.test", "ann@a.test", ""}},
		{"scan:[::1]:1025", destination{"scan", "[::1]:1025", "ann@a.test", "", "content_filter"}},
		{"scan:", destination{"scan", "a.test", "ann@a.test", "", "content_filter"}},
		{"retry:", destination{"retry", "", "ann@a.test", "", "content_filter"}},
		{"error:5.7.1 no", destination{"error", "5.7.1 no", "ann@a.test", "", "content_filter"}},
	} {
		env := &queue.Envelope{Attrs: map[string]string{}}
		if c.filter != "" {
			env.Attrs[queue.AttrFilter] = c.filter
		}
		if got, err := routed.of(env, "ann@a.test"); err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v, want %+v", c.filter, got, err, c.want)
		}
	}
}
