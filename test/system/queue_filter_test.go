package system

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"yubin/test/instance"
)

// Messages are chosen by sender, recipient, destination, reason and age.
func TestQueueFilters(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"defer_transports = smtp"}})
	a := i.Submit("ann@example.test", "dave@one.test", "Subject: 1\n\nx\n")
	b := i.Submit("bob@example.test", "eve@sub.two.test", "Subject: 2\n\nx\n")
	c := i.Submit("bob@example.test", "eve@one.test", "Subject: 3\n\nx\n")
	all := []string{a, b, c}
	i.Until("all are deferred", func() bool { return strings.Count(i.Mailq(), "(deferred transport)") == 3 })
	for _, test := range []struct {
		filter string
		want   []string
	}{
		{"--sender BOB@*", []string{b, c}},
		{"--recipient eve@one.test", []string{c}},
		{"--destination one.test", []string{a, c}},
		{"--destination *.two.test --destination two.test", []string{b}},
		{"--sender bob@* --destination one.test", []string{c}},
		{"--reason deferred", all},
		{"--reason refused", nil},
		{"--older 1h", nil},
		{"--newer 1h --queue deferred", all},
		{"--queue hold", nil},
	} {
		r := i.Mailctl(append([]string{"queue", "delete", "-n"}, strings.Fields(test.filter)...)...)
		if got := strings.Fields(r.Stdout); r.Code != 0 || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(test.want))) {
			t.Errorf("%s: got %+v, want %q", test.filter, r, test.want)
		}
	}
	ages := i.Mailctl("queue", "ages", "--least", "2")
	if want := " TOTAL 3 3 "; !strings.Contains(ages.Stdout, want) || !strings.Contains(ages.Stdout, " one.test 2 2 ") || strings.Contains(ages.Stdout, "two.test") {
		t.Errorf("ages: %+v, want %q and one.test", ages, want)
	}
	showsJSON(t, i, c)
	if r := i.Mailctl("queue", "hold", "--sender", "bob@*"); !strings.HasSuffix(r.Stderr, "Placed on hold: 2 messages\n") {
		t.Errorf("hold: %+v", r)
	}
	if r := i.Mailctl("queue", "requeue", "--queue", "hold", "--destination", "one.test"); r.Stderr != fmt.Sprintf("mailctl: %s: requeued\nmailctl: Requeued: 1 message\n", c) {
		t.Errorf("requeue: %+v", r)
	}
	i.Until("it is tried again", func() bool {
		return strings.Contains(i.Run("", "mailq", "-c", i.Etc(), "--json").Stdout, `"attempts": 2`)
	})
	if r := i.Run("", "mailq", "-q", "-C", i.Etc()); r.Code != 0 || r.Stdout+r.Stderr != "" {
		t.Errorf("mailq -q: %+v", r)
	}
	i.Until("mailq -q has it tried again", func() bool {
		return strings.Contains(i.Run("", "mailq", "-c", i.Etc(), "--json").Stdout, `"attempts": 3`)
	})
	if r := i.Mailctl("queue", "delete", "--reason", "deferred*transport"); !strings.HasSuffix(r.Stderr, "Deleted: 3 messages\n") {
		t.Errorf("delete: %+v", r)
	}
	if q := i.Mailq(); q != "Mail queue is empty\n" {
		t.Errorf("mailq:\n%s", q)
	}
}

// showsJSON checks the line of one message: Postfix's keys in their order come first.
func showsJSON(t *testing.T, i *instance.Instance, id string) {
	t.Helper()
	for line := range strings.Lines(i.Run("", "mailq", "-c", i.Etc(), "--json").Stdout) {
		if !strings.HasPrefix(line, `{"queue_name": "deferred", "queue_id": "`+id+`", "arrival_time": `) {
			continue
		}
		var m struct {
			Next       int64 `json:"next_attempt"`
			Expires    int64 `json:"expires"`
			Recipients []struct {
				Attempts  int
				Last      int64 `json:"last_attempt"`
				Transport string
				Nexthop   string
			}
		}
		err := json.Unmarshal([]byte(line), &m)
		if err != nil || m.Next == 0 || m.Expires < m.Next || len(m.Recipients) != 1 || m.Recipients[0].Attempts != 1 || m.Recipients[0].Last == 0 ||
			m.Recipients[0].Transport != "smtp" || m.Recipients[0].Nexthop != "one.test" {
			t.Errorf("%s%+v, %v", line, m, err)
		}
		return
	}
	t.Errorf("%s is not listed", id)
}
