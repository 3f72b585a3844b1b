package queue

import (
	"slices"
	"strings"
	"time"
)

// A Filter chooses messages. What is empty or zero chooses all; of the patterns
// of one kind one must match, and every kind that has some. Recipient,
// Destination and Reason must match one and the same recipient who still waits.
//
// In a pattern * stands for any text and ? for one character; letters match
// whatever their case. A pattern is that of the whole address (the null sender
// is "<>"), of the whole domain or next hop, or of some part of the reason.
type Filter struct {
	Queues      []string // active among them, for what is being tried
	Sender      []string
	Recipient   []string
	Destination []string
	Reason      []string
	Older       time.Duration // since it arrived, at least
	Newer       time.Duration // less than
}

// Needs tells whether the filter asks for more than the queue's name, so that
// files must be read.
func (f *Filter) Needs() bool {
	return len(f.Sender)+len(f.Recipient)+len(f.Destination)+len(f.Reason) > 0 || f.Older > 0 || f.Newer > 0
}

// InQueue tells whether a message in the queue called name may be chosen.
func (f *Filter) InQueue(name string) bool {
	return len(f.Queues) == 0 || slices.Contains(f.Queues, name)
}

// Match tells whether m is chosen, its queue apart. hop returns the next hop of
// mail for an address, "" when it is not known; nil: nobody knows.
func (f *Filter) Match(m *Message, now time.Time, hop func(address string) string) bool {
	age := now.Sub(time.UnixMicro(m.Arrival))
	if f.Older > 0 && age < f.Older || f.Newer > 0 && age >= f.Newer {
		return false
	}
	sender := m.Env.Sender
	if sender == "" {
		sender = "<>"
	}
	if !matchAny(f.Sender, sender) {
		return false
	}
	if len(f.Recipient)+len(f.Destination)+len(f.Reason) == 0 {
		return true
	}
	for i := range m.Env.Recipients {
		if r := m.Result(i); !r.Done() && f.matchRecipient(m.Env.Recipients[i].Address, r.Reason(), hop) {
			return true
		}
	}
	return false
}

func (f *Filter) matchRecipient(address, reason string, hop func(string) string) bool {
	if !matchAny(f.Recipient, address) {
		return false
	}
	if len(f.Reason) > 0 && !slices.ContainsFunc(f.Reason, func(p string) bool { return Glob("*"+p+"*", reason) }) {
		return false
	}
	if len(f.Destination) == 0 {
		return true
	}
	_, domain, _ := cutLast(address, '@')
	return matchAny(f.Destination, domain) || hop != nil && matchAny(f.Destination, hop(address))
}

// matchAny tells whether one of the patterns matches; no pattern matches all.
func matchAny(patterns []string, s string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return Glob(p, s) })
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// Glob tells whether the pattern is that of s: * is any text, ? one octet,
// letters match whatever their case. Its time is bounded by the product of both
// lengths.
func Glob(pattern, s string) bool {
	pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	p, i := 0, 0
	star, mark := -1, 0 // the last * and where its text ends
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
