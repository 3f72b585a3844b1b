package imapd

import (
	"context"

	"yubin/internal/imap"
)

// search is SEARCH (RFC 9051, 6.4.4; RFC 4731; RFC 5182; RFC 5032).
func (v *visit) search(ctx context.Context) (reply, error) {
	v.d.SP()
	return v.answerSearch(ctx, v.d.Search(), func(*imap.Search, []int) error { return nil })
}

// answerSearch is SEARCH, or SORT with what puts the messages in order.
func (v *visit) answerSearch(ctx context.Context, arg imap.Search, order func(*imap.Search, []int) error) (reply, error) {
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	found, err := v.find(ctx, &arg)
	if err == nil {
		saved := v.box.save(found, arg.Return)
		if err = order(&arg, found); err == nil {
			if arg.Return.Save {
				v.box.saved = saved
			}
			return reply{}, v.sayFound(found, &arg)
		}
	}
	if arg.Return.Save && isRefusal(err) {
		v.box.saved = nil // RFC 5182, 2.1
	}
	return reply{}, err
}

// save is what "$" stands for after a search (RFC 5182, 2.1).
func (b *box) save(found []int, r imap.SearchReturn) []imap.Range {
	if (r.Min || r.Max) && !r.All && !r.Count && len(found) > 0 {
		first, last := found[:1], found[len(found)-1:]
		switch {
		case !r.Max:
			found = first
		case !r.Min || len(found) == 1:
			found = last
		default:
			found = []int{first[0], last[0]}
		}
	}
	var list imap.Ranger
	for _, i := range found {
		list.Add(b.snap.Message(i).UID)
	}
	return list
}

// number is what the client calls message i.
func (v *visit) number(i int) uint32 {
	if v.cmd.uid {
		return v.box.snap.Message(i).UID
	}
	return uint32(i + 1)
}

// sayFound is the answer: SEARCH or SORT, or ESEARCH.
func (v *visit) sayFound(found []int, arg *imap.Search) error {
	b, r, highest := v.out[:0], arg.Return, v.highestOf(found, arg)
	switch {
	case arg.Sort != nil && !r.Extended:
		b = v.appendNumbers(append(b, "* SORT"...), found, highest)
	case !r.Extended && !v.rev2:
		b = v.appendNumbers(append(b, "* SEARCH"...), found, highest)
	case r.Save && !r.Min && !r.Max && !r.All && !r.Count:
		return nil
	default:
		if b = v.appendESearch(b, found, arg); highest > 0 {
			b = appendNumber(append(b, " MODSEQ "...), highest)
		}
	}
	b = append(b, "\r\n"...)
	if v.out = b; cap(b) > 64<<10 {
		v.out = nil
	}
	_, err := v.Write(b)
	return err
}

// appendNumbers appends the list of SEARCH and SORT; highest is RFC 7162's.
func (v *visit) appendNumbers(b []byte, found []int, highest uint64) []byte {
	for _, i := range found {
		b = appendNumber(append(b, ' '), uint64(v.number(i)))
	}
	if highest > 0 {
		b = append(appendNumber(append(b, " (MODSEQ "...), highest), ')')
	}
	return b
}

// appendESearch appends an ESEARCH response. After SORT the messages have an
// order, which MIN, MAX and ALL keep to (RFC 5267, 3.1).
func (v *visit) appendESearch(b []byte, found []int, arg *imap.Search) []byte {
	r := arg.Return
	b = append(imap.AppendString(append(b, "* ESEARCH (TAG "...), v.tag), ')')
	if v.cmd.uid {
		b = append(b, " UID"...)
	}
	if n := len(found); n > 0 {
		if r.Min {
			b = appendNumber(append(b, " MIN "...), uint64(v.number(found[0])))
		}
		if r.Max {
			b = appendNumber(append(b, " MAX "...), uint64(v.number(found[n-1])))
		}
		if r.All || !r.Extended {
			var list imap.Ranger
			for _, i := range found {
				list.Add(v.number(i))
			}
			b = imap.AppendSet(append(b, " ALL "...), list)
		}
	}
	if r.Count {
		b = appendNumber(append(b, " COUNT "...), uint64(len(found)))
	}
	return b
}
