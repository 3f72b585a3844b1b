package queue

import (
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "abc", true}, {"?", "", false},
		{"abc", "ABC", true}, {"a*c", "abbbc", true}, {"a*c", "abbbd", false}, {"*@example.com", "x@y@Example.COM", true},
		{"*.example.com", "example.com", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*a*b", "aab", true}, {"*a*b*", "ba", false}, {"a*", "a", true}, {"[a]", "a", false},
	} {
		if got := Glob(test.pattern, test.s); got != test.want {
			t.Errorf("Glob(%q, %q) = %t", test.pattern, test.s, got)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := &Message{
		Header: Header{Arrival: now.Add(-time.Hour).UnixMicro()},
		Env: &Envelope{Sender: "ann@example.com", Recipients: []Recipient{
			{Address: "bob@a.example.org"}, {Address: "carol@b.example.org"}, {Address: "done@c.example.org"},
		}},
		Results: []Result{
			{State: Deferred, Text: "Connection refused"}, {State: Deferred, Text: "mailbox full"}, {State: Sent, Text: "delivered"},
		},
	}
	hop := func(address string) string { return "[relay]:25" }
	for name, test := range map[string]struct {
		f    Filter
		want bool
	}{
		"all":                   {Filter{}, true},
		"sender":                {Filter{Sender: []string{"x", "ANN@*"}}, true},
		"null sender":           {Filter{Sender: []string{"<>"}}, false},
		"recipient":             {Filter{Recipient: []string{"bob@*"}}, true},
		"who is done":           {Filter{Recipient: []string{"done@*"}}, false},
		"domain":                {Filter{Destination: []string{"*.example.org"}}, true},
		"part of a domain":      {Filter{Destination: []string{"example.org"}}, false},
		"next hop":              {Filter{Destination: []string{"[relay]*"}}, true},
		"part of a reason":      {Filter{Reason: []string{"connection*refu"}}, true},
		"same recipient":        {Filter{Destination: []string{"b.example.org"}, Reason: []string{"full"}}, true},
		"different recipients":  {Filter{Destination: []string{"a.example.org"}, Reason: []string{"full"}}, false},
		"older":                 {Filter{Older: time.Hour}, true},
		"not so old":            {Filter{Older: 2 * time.Hour}, false},
		"newer":                 {Filter{Newer: 2 * time.Hour}, true},
		"not so new":            {Filter{Newer: time.Hour}, false},
		"right age, no address": {Filter{Older: time.Minute, Sender: []string{"x"}}, false},
	} {
		if got := test.f.Match(m, now, hop); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
