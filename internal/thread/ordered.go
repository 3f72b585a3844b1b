package thread

import (
	"cmp"
	"slices"
)

// OrderedSubject threads messages by THREAD=ORDEREDSUBJECT (RFC 5256, 3): those
// with one base subject are a thread, all others below the first that was sent.
func OrderedSubject(messages []Message) []*Node {
	list := make([]*Message, len(messages))
	for i := range messages {
		list[i] = &messages[i]
	}
	slices.SortStableFunc(list, func(a, b *Message) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Sent, b.Sent), cmp.Compare(a.ID, b.ID))
	})
	var roots []*Node
	for _, m := range list {
		n := &Node{ID: m.ID, m: m, date: m.Sent}
		if k := len(roots); k > 0 && roots[k-1].m.Subject == m.Subject {
			roots[k-1].Kids = append(roots[k-1].Kids, n)
		} else {
			roots = append(roots, n)
		}
	}
	sortByDate(roots)
	return roots
}
