package imapd

import (
	"context"
	"slices"

	"yubin/internal/imap"
	"yubin/internal/mailtext"
)

// search is SEARCH (RFC 9051, 6.4.4; RFC 4731; RFC 5182; RFC 5032).
func (v *visit) search(ctx context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Search()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	found, err := v.find(ctx, &arg)
	if err != nil {
		if arg.Return.Save && isRefusal(err) {
			v.box.saved = nil // RFC 5182, 2.1
		}
		return reply{}, err
	}
	if arg.Return.Save {
		v.box.saved = found.save(v.box, arg.Return)
	}
	return reply{}, v.sayFound(found, arg.Return)
}

// hits are the client's indexes of what was found, rising.
type hits []int

// find returns the messages that match.
func (v *visit) find(ctx context.Context, arg *imap.Search) (found hits, err error) {
	if arg.Charset != "" && !mailtext.KnownCharset(arg.Charset) {
		return nil, no("BADCHARSET (US-ASCII UTF-8)", "Unknown charset.")
	}
	p := &program{visit: v, charset: arg.Charset}
	t, err := p.compile(&arg.Key)
	if err != nil {
		return nil, err
	}
	for i := range v.box.snap.Len() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c := v.candidate(i)
		ok, err := t.match(c)
		c.close()
		if err != nil {
			return nil, v.failed("search", err)
		}
		if ok {
			found = append(found, i)
		}
	}
	return found, nil
}

// candidate is the client's message i for a test. What is gone has k -1.
func (v *visit) candidate(i int) *candidate {
	k, ok := v.box.at(i)
	if !ok {
		k = -1
	}
	return &candidate{message: message{view: v.box.view, k: k}, i: i, m: v.box.message(i)}
}

// save is what "$" stands for after a search (RFC 5182, 2.1).
func (h hits) save(b *box, r imap.SearchReturn) (uids []imap.Range) {
	var list imap.Ranger
	if (r.Min || r.Max) && !r.All && !r.Count && len(h) > 0 {
		if r.Min {
			list.Add(b.snap.Message(h[0]).UID)
		}
		if last := b.snap.Message(h[len(h)-1]).UID; r.Max && (!r.Min || len(h) > 1) {
			list.Add(last)
		}
		return list
	}
	for _, i := range h {
		list.Add(b.snap.Message(i).UID)
	}
	return list
}

// sayFound is the SEARCH or ESEARCH response.
func (v *visit) sayFound(h hits, r imap.SearchReturn) error {
	number := func(i int) uint32 {
		if v.cmd.uid {
			return v.box.snap.Message(i).UID
		}
		return uint32(i + 1)
	}
	b := v.out[:0]
	if !r.Extended && !v.rev2 {
		b = append(b, "* SEARCH"...)
		for _, i := range h {
			b = appendNumber(append(b, ' '), uint64(number(i)))
		}
	} else {
		if r.Save && !r.Min && !r.Max && !r.All && !r.Count {
			return nil
		}
		b = v.appendESearch(b, h, r, number)
	}
	_, err := v.Write(append(b, "\r\n"...))
	return err
}

func (v *visit) appendESearch(b []byte, h hits, r imap.SearchReturn, number func(int) uint32) []byte {
	b = append(imap.AppendString(append(b, "* ESEARCH (TAG "...), v.tag), ')')
	if v.cmd.uid {
		b = append(b, " UID"...)
	}
	if n := len(h); n > 0 {
		if r.Min {
			b = appendNumber(append(b, " MIN "...), uint64(number(h[0])))
		}
		if r.Max {
			b = appendNumber(append(b, " MAX "...), uint64(number(h[n-1])))
		}
		if r.All || !r.Extended {
			var list imap.Ranger
			for _, i := range h {
				list.Add(number(i))
			}
			b = imap.AppendSet(append(b, " ALL "...), list)
		}
	}
	if r.Count {
		b = appendNumber(append(b, " COUNT "...), uint64(len(h)))
	}
	return b
}

// A test is a search key made ready; cost orders those of a conjunction.
type test struct {
	cost  int
	match func(c *candidate) (bool, error)
}

// Costs: what is in memory; what the system says of a file; a header; a text.
const (
	inMemory = iota
	ofFile
	inHeader
	inText
)

// all is the conjunction of tests, the cheapest first.
func all(tests []test) test {
	slices.SortStableFunc(tests, func(a, b test) int { return a.cost - b.cost })
	return test{worst(tests), func(c *candidate) (bool, error) {
		for _, t := range tests {
			if ok, err := t.match(c); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	}}
}

// either is the disjunction of tests.
func either(tests []test) test {
	slices.SortStableFunc(tests, func(a, b test) int { return a.cost - b.cost })
	return test{worst(tests), func(c *candidate) (bool, error) {
		for _, t := range tests {
			if ok, err := t.match(c); err != nil || ok {
				return ok, err
			}
		}
		return false, nil
	}}
}

func worst(tests []test) int {
	cost := inMemory
	for _, t := range tests {
		cost = max(cost, t.cost)
	}
	return cost
}

func not(t test) test {
	return test{t.cost, func(c *candidate) (bool, error) {
		ok, err := t.match(c)
		return !ok && err == nil, err
	}}
}
