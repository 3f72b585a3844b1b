package imapd

import (
	"context"
	"errors"
	"slices"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
	"yubin/internal/mailsearch"
	"yubin/internal/mimescan"
	"yubin/internal/thread"
)

// sort is SORT (RFC 5256; RFC 5957; RFC 5267, ESORT).
func (v *visit) sort(ctx context.Context) (reply, error) {
	v.d.SP()
	return v.answerSearch(ctx, v.d.Sort(), v.order)
}

// order sorts messages.
func (v *visit) order(arg *imap.Search, found []int) error {
	keys := make(map[int]mailsearch.Key, len(found))
	size := slices.ContainsFunc(arg.Sort, func(k imap.SortKey) bool { return k.By == "SIZE" })
	p := &program{visit: v}
	for _, i := range found {
		c := p.candidate(i)
		fields, arrived, err := c.facts()
		n := int64(0)
		if size {
			n = c.octets()
		}
		c.close()
		if err = errors.Join(err, c.err); err != nil && !errors.Is(err, mailbox.ErrGone) {
			return v.failed("sort", err)
		}
		keys[i] = mailsearch.SortKey(arg.Sort, fields, arrived, n)
	}
	slices.SortStableFunc(found, func(a, b int) int { return mailsearch.Compare(arg.Sort, keys[a], keys[b]) })
	return nil
}

// facts are what sorting and threading look at.
func (c *candidate) facts() ([]mimescan.Field, time.Time, error) {
	fields, err := c.Fields()
	return fields, c.received(), err
}

// threads are the algorithms of THREAD.
var threads = map[string]func([]thread.Message) []*thread.Node{
	"ORDEREDSUBJECT": thread.OrderedSubject,
	"REFERENCES":     thread.References,
	"REFS":           thread.Refs,
}

// thread is THREAD (RFC 5256).
func (v *visit) thread(ctx context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Thread()
	v.d.End()
	gather := threads[arg.Thread]
	if gather == nil {
		v.d.Fail("Unknown thread algorithm")
	}
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	found, err := v.find(ctx, &arg)
	if err != nil {
		return reply{}, err
	}
	p := &program{visit: v}
	list := make([]thread.Message, 0, len(found))
	for _, i := range found {
		c := p.candidate(i)
		fields, arrived, err := c.facts()
		c.close()
		if err = errors.Join(err, c.err); err != nil && !errors.Is(err, mailbox.ErrGone) {
			return reply{}, v.failed("thread", err)
		}
		list = append(list, mailsearch.ThreadMessage(v.number(i), fields, arrived))
	}
	b := append(v.out[:0], "* THREAD"...)
	if len(list) > 0 {
		b = thread.Append(append(b, ' '), gather(list))
	}
	_, err = v.Write(append(b, "\r\n"...))
	return reply{}, err
}
