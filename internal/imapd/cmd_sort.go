package imapd

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"yubin/internal/imap"
	"yubin/internal/mailrecord"
	"yubin/internal/mailsearch"
	"yubin/internal/thread"
)

// sort is SORT (RFC 5256; RFC 5957; RFC 5267, ESORT).
func (v *visit) sort(ctx context.Context) (reply, error) {
	v.d.SP()
	return v.answerSearch(ctx, v.d.Sort(), func(arg *imap.Search, found []int) error { return v.order(ctx, arg, found) })
}

// order sorts messages.
func (v *visit) order(ctx context.Context, arg *imap.Search, found []int) error {
	type sorted struct {
		i   int
		key mailsearch.Key
	}
	list := make([]sorted, len(found))
	lib := v.library()
	defer lib.close()
	err := v.eachHeader(ctx, lib, found, func(at int, c *candidate, k *mailrecord.Keys) {
		list[at] = sorted{found[at], mailsearch.SortKey(arg.Sort, k, c.received, c.octets)}
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(a, b sorted) int { return mailsearch.Compare(arg.Sort, a.key, b.key) })
	for at := range list {
		found[at] = list[at].i
	}
	return nil
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
	lib := v.library()
	defer lib.close()
	b, err := v.threadAnswer(ctx, &arg, gather, lib)
	if err != nil {
		return reply{}, err
	}
	_, err = v.Write(b)
	return reply{}, err
}

// threadAnswer is the answer to THREAD. That of all messages is remembered:
// clients ask for it page by page.
func (v *visit) threadAnswer(ctx context.Context, arg *imap.Search, gather func([]thread.Message) []*thread.Node, lib *library) ([]byte, error) {
	memo := ""
	if all(&arg.Key) && v.box.view.Snapshot() == v.box.snap {
		memo = fmt.Sprintf("THREAD %s %s %t", arg.Thread, arg.Charset, v.cmd.uid)
		if b := lib.kept().Recall(memo); b != nil {
			return b, nil
		}
	}
	found, err := v.find(ctx, arg)
	if err != nil {
		return nil, err
	}
	list := make([]thread.Message, len(found))
	var away atomic.Bool // a message was, and may be back when its header is asked for again
	err = v.eachHeader(ctx, lib, found, func(at int, c *candidate, k *mailrecord.Keys) {
		if !c.read {
			away.Store(true)
		}
		list[at] = k.Thread(v.number(found[at]), c.received)
	})
	if err != nil {
		return nil, err
	}
	b := []byte("* THREAD")
	if len(list) > 0 {
		b = thread.Append(append(b, ' '), gather(list))
	}
	b = append(b, "\r\n"...)
	if memo != "" && !away.Load() {
		lib.kept().Remember(memo, slices.Clip(b))
	}
	return b, nil
}

// all tells whether a search finds every message.
func all(k *imap.SearchKey) bool {
	return k.Op == imap.SearchAll || k.Op == imap.SearchAnd && !slices.ContainsFunc(k.Kids, func(k imap.SearchKey) bool { return !all(&k) })
}
