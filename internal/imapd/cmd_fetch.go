package imapd

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/imapmime"
	"yubin/internal/mailbox"
	"yubin/internal/mailrecord"
	"yubin/internal/mimescan"
	"yubin/internal/talk"
)

// A fetched is one message while FETCH answers for it.
type fetched struct {
	*visit
	*message
	i    int // the client's index
	m    mailbox.Message
	b    []byte // of the response, not yet sent
	sent bool   // some of it is
	room int    // how large a literal may be that is not sent at once
}

// fetchItems answer for one item each: they append to b, or send.
var fetchItems = map[string]func(*fetched, *imap.FetchItem) error{
	imap.FetchFlags:         (*fetched).flags,
	imap.FetchUID:           (*fetched).uid,
	imap.FetchInternalDate:  (*fetched).internalDate,
	imap.FetchSize:          (*fetched).size,
	imap.FetchEnvelope:      (*fetched).envelope,
	imap.FetchBody:          (*fetched).structure,
	imap.FetchBodyStructure: (*fetched).structure,
	imap.FetchSection:       (*fetched).section,
	imap.FetchRFC822:        (*fetched).section,
	imap.FetchRFC822Header:  (*fetched).section,
	imap.FetchRFC822Text:    (*fetched).section,
	imap.FetchBinary:        (*fetched).binary,
	imap.FetchBinarySize:    (*fetched).binarySize,
	imap.FetchPreview:       (*fetched).preview,
	imap.FetchModSeq:        (*fetched).modSeqItem,
	imap.FetchSaveDate:      (*fetched).saveDate,
	imap.FetchEmailID:       (*fetched).emailID,
	imap.FetchThreadID:      (*fetched).threadID,
}

// fetch is FETCH (RFC 9051, 6.4.5; RFC 7162, 3.1.4 and 3.2.6).
func (v *visit) fetch(ctx context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Fetch()
	v.d.End()
	switch {
	case arg.Vanished && (!v.cmd.uid || arg.ChangedSince == 0):
		v.d.Fail("VANISHED belongs to UID FETCH with CHANGEDSINCE")
	case arg.Vanished && !v.qresync:
		v.d.Fail("QRESYNC is not enabled")
	case arg.ChangedSince != 0 && !slices.ContainsFunc(arg.Items, isModSeq):
		arg.Items = append(arg.Items, imap.FetchItem{Name: imap.FetchModSeq})
	}
	items, marks := v.prepare(arg.Items)
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	numbers, err := v.numbers(arg.Set)
	if err != nil {
		return reply{}, err
	}
	v.condstore = v.condstore || slices.ContainsFunc(items, isModSeq)
	if arg.Vanished {
		if err := v.vanished(&arg); err != nil {
			return reply{}, err
		}
	}
	if arg.ChangedSince != 0 {
		numbers = v.box.changedSince(numbers, arg.ChangedSince)
	}
	lib := v.library()
	defer lib.close()
	if !marks || v.box.readOnly {
		return reply{}, v.fetchAhead(ctx, numbers, items, lib)
	}
	l := lib.look()
	defer l.close()
	var failure error // the first
	err = each(numbers, func(i int) error {
		err := v.fetchOne(i, items, true, l)
		if isRefusal(err) {
			if failure == nil {
				failure = err
			}
			return nil
		}
		return err
	})
	if err == nil && failure != nil {
		return reply{}, failure
	}
	return reply{}, err
}

// prepare checks the items, and makes the old ones sections; marks tells that
// one of them sets \Seen.
func (v *visit) prepare(items []imap.FetchItem) (list []imap.FetchItem, marks bool) {
	if v.cmd.uid && !slices.ContainsFunc(items, func(i imap.FetchItem) bool { return i.Name == imap.FetchUID }) {
		list = append(list, imap.FetchItem{Name: imap.FetchUID})
	}
	for _, item := range items {
		if fetchItems[item.Name] == nil {
			v.d.Fail("Unknown FETCH item")
		}
		switch item.Name {
		case imap.FetchSection, imap.FetchBinary:
			marks = marks || !item.Peek
		case imap.FetchRFC822:
			marks = true
		case imap.FetchRFC822Header:
			item.Section.Of = imap.SectionHeader
		case imap.FetchRFC822Text:
			item.Section.Of, marks = imap.SectionText, true
		}
		list = append(list, item)
	}
	return list, marks
}

// fetchOne answers for the client's message i. A refusal: there was nothing to
// answer with.
func (v *visit) fetchOne(i int, items []imap.FetchItem, mark bool, l *look) error {
	k, ok := v.box.at(i)
	if !ok {
		return v.missing()
	}
	f := &fetched{visit: v, message: &message{look: l, k: k}, i: i, m: v.box.message(i), b: appendFetch(v.out[:0], i), room: smallLiteral}
	defer func() {
		v.out = f.b[:0]
		if cap(f.b) > 64<<10 {
			v.out = nil
		}
		f.message.close()
	}()
	// A message that is gone is noticed before anything is said of it.
	if slices.ContainsFunc(items, ofText) {
		if err := f.open(); err != nil {
			if errors.Is(err, mailbox.ErrGone) {
				return v.missing()
			}
			return v.failed("fetch", err)
		}
	}
	if mark {
		items = f.mark(items)
	}
	if now := v.box.view.Snapshot(); now != v.box.snap {
		v.sayKeywords(now)
	}
	return f.answer(items)
}

// ofText tells whether the message is opened to answer for an item.
func ofText(item imap.FetchItem) bool {
	switch item.Name {
	case imap.FetchFlags, imap.FetchUID, imap.FetchInternalDate, imap.FetchSize,
		imap.FetchEnvelope, imap.FetchBody, imap.FetchBodyStructure, imap.FetchPreview,
		imap.FetchModSeq, imap.FetchSaveDate, imap.FetchEmailID, imap.FetchThreadID:
		return false
	}
	return !headerFields(&item) || !mailrecord.Keeps(item.Section.Fields)
}

func isModSeq(item imap.FetchItem) bool { return item.Name == imap.FetchModSeq }

// missing is the answer for a message that is gone. A UID that does not exist
// is none, and no error.
func (v *visit) missing() error {
	if v.cmd.uid {
		return nil
	}
	return v.failed("fetch", mailbox.ErrGone)
}

// answer sends the response.
func (f *fetched) answer(items []imap.FetchItem) error {
	for n := range items {
		if n > 0 {
			f.b = append(f.b, ' ')
		}
		if err := fetchItems[items[n].Name](f, &items[n]); err != nil {
			if !f.sent && errors.Is(err, mailbox.ErrGone) {
				return f.missing()
			}
			if f.sent {
				f.complain("fetch: UID %d: %v", f.m.UID, err)
				return errors.Join(errBroken, err)
			}
			return f.failed("fetch", err)
		}
	}
	f.b = append(f.b, ")\r\n"...)
	_, err := f.Write(f.b)
	return err
}

// mark sets \Seen; the client is told.
func (f *fetched) mark(items []imap.FetchItem) []imap.FetchItem {
	if f.m.Flags&mailbox.Seen != 0 {
		return items
	}
	if _, err := f.box.view.Store([]uint32{f.m.UID}, mailbox.FlagChange{Add: mailbox.Seen}); err != nil {
		f.complain("%s: UID %d is not marked as seen: %v", f.box.name, f.m.UID, err)
		return items
	}
	f.m.Flags |= mailbox.Seen
	f.box.tell(f.m, 0) // its mod-sequence is told when it has one
	if slices.ContainsFunc(items, func(i imap.FetchItem) bool { return i.Name == imap.FetchFlags }) {
		return items
	}
	return append(slices.Clip(items), imap.FetchItem{Name: imap.FetchFlags})
}

func (f *fetched) flags(*imap.FetchItem) error {
	if f.m != f.box.known(f.i) {
		f.box.tell(f.m, 0)
	}
	f.b = f.appendFlags(append(f.b, "FLAGS "...), f.m, f.i)
	return nil
}

func (f *fetched) uid(*imap.FetchItem) error {
	f.b = appendNumber(append(f.b, "UID "...), uint64(f.m.UID))
	return nil
}

func (f *fetched) internalDate(*imap.FetchItem) error {
	t, err := f.arrived()
	f.b = append(t.AppendFormat(append(f.b, `INTERNALDATE "`...), imap.DateTime), '"')
	return err
}

func (f *fetched) size(*imap.FetchItem) error {
	n, err := f.box.view.Octets(f.k)
	f.b = appendNumber(append(f.b, "RFC822.SIZE "...), uint64(n))
	return err
}

func (f *fetched) envelope(*imap.FetchItem) error {
	a, err := f.answers(false)
	f.b = append(append(f.b, "ENVELOPE "...), a.Envelope(f.utf8)...)
	return err
}

func (f *fetched) structure(item *imap.FetchItem) error {
	a, err := f.answers(false)
	f.b = append(append(f.b, item.Name...), ' ')
	if item.Name == imap.FetchBodyStructure {
		f.b = append(f.b, a.BodyStructure(f.utf8)...)
	} else {
		f.b = append(f.b, a.Body(f.utf8)...)
	}
	return err
}

// section is BODY[...] and its older names.
func (f *fetched) section(item *imap.FetchItem) error {
	if s := &item.Section; len(s.Part) == 0 && s.Of == imap.SectionAll && item.Partial == nil {
		if ok, err := f.whole(item); ok || err != nil {
			return err
		}
	}
	if headerFields(item) {
		if ok, err := f.keptFields(item); ok || err != nil {
			return err
		}
	}
	text, err := f.text(&item.Section, item.Partial)
	if err != nil {
		return err
	}
	defer text.Close()
	f.count(&item.Section, text.Octets)
	f.name(item)
	f.b = append(f.b, ' ')
	return f.literal(text.Octets, text)
}

// headerFields tells whether an item is fields of the message's own header, which its record
// may have.
func headerFields(item *imap.FetchItem) bool {
	return item.Name == imap.FetchSection && item.Section.Of == imap.SectionFields && len(item.Section.Part) == 0
}

// keptFields appends fields that are kept; false: they are not, and the message
// is open.
func (f *fetched) keptFields(item *imap.FetchItem) (bool, error) {
	text, ok, err := f.fields(f.scratch[:0], item.Section.Fields)
	f.scratch = text
	if !ok || err != nil {
		return false, err
	}
	if p := item.Partial; p != nil {
		text = text[min(int64(p.Offset), int64(len(text))):]
		text = text[:min(int64(p.Size), int64(len(text)))]
	}
	f.count(&item.Section, int64(len(text)))
	f.name(item)
	f.b = append(imap.AppendLiteral(append(f.b, ' '), int64(len(text))), text...)
	return true, nil
}

// whole appends a message that is small; false: it is not.
func (f *fetched) whole(item *imap.FetchItem) (bool, error) {
	text := 0
	b, ok, err := f.content.Append(f.b, func(b []byte, octets int64) []byte {
		f.b = b
		f.count(&item.Section, octets)
		f.name(item)
		b = imap.AppendLiteral(append(f.b, ' '), octets)
		text = len(b)
		return b
	})
	if ok && err == nil {
		f.b = b
		mimescan.HideNULs(f.b[text:])
	}
	return ok, err
}

// name appends the name of an item with its section.
func (f *fetched) name(item *imap.FetchItem) {
	f.b = append(f.b, item.Name...)
	if !strings.HasSuffix(item.Name, "[") {
		return
	}
	f.b = append(item.Section.Append(f.b), ']')
	if p := item.Partial; p != nil {
		f.b = append(appendNumber(append(f.b, '<'), p.Offset), '>')
	}
}

// binary is BINARY[...] (RFC 9051, 6.4.5; RFC 3516).
func (f *fetched) binary(item *imap.FetchItem) error {
	p, err := f.parts()
	if err != nil {
		return err
	}
	r, _ := f.content.Stored()
	text, err := imapmime.Binary(r, p, item.Section.Part, item.Partial)
	if err != nil {
		return err
	}
	defer text.Close()
	f.count(&item.Section, text.Octets)
	f.name(item)
	f.b = append(f.b, " ~"...) // it may have NULs
	return f.literal(text.Octets, text)
}

func (f *fetched) binarySize(item *imap.FetchItem) error {
	p, err := f.parts()
	if err != nil {
		return err
	}
	r, _ := f.content.Stored()
	n, err := imapmime.BinarySize(r, p, item.Section.Part)
	f.name(item)
	f.b = appendNumber(append(f.b, ' '), uint64(n))
	return err
}

// preview is PREVIEW (RFC 8970), always made at once.
func (f *fetched) preview(*imap.FetchItem) error {
	a, err := f.answers(true)
	if err != nil {
		return err
	}
	text, ok, _ := a.Preview()
	f.b = append(f.b, "PREVIEW "...)
	switch {
	case !ok:
		f.b = append(f.b, "NIL"...)
	case f.utf8:
		f.b = imap.AppendUTF8(f.b, text)
	default:
		f.b = imap.AppendString(f.b, text)
	}
	return nil
}

// text opens what a section names, after reading no more of the message than
// that takes.
func (g *message) text(s *imap.Section, partial *imap.Partial) (*imapmime.Text, error) {
	r, size := g.content.Stored()
	if len(s.Part) == 0 && s.Of == imap.SectionAll {
		octets, err := g.content.Octets()
		if err != nil {
			return nil, err
		}
		whole := &mimescan.Part{Body: mimescan.Span{Stored: size, Octets: octets}}
		return imapmime.Section(r, whole, s, partial)
	}
	look := g.parts
	if len(s.Part) == 0 && s.Of != imap.SectionText {
		look = g.top
	}
	p, err := look()
	if err != nil {
		return nil, err
	}
	return imapmime.Section(r, p, s, partial)
}

func (f *fetched) count(s *imap.Section, octets int64) {
	switch s.Of {
	case imap.SectionAll, imap.SectionText:
		f.bodies++
		f.bodyOctets += octets
	default:
		f.headers++
		f.headerOctets += octets
	}
}

// smallLiteral is how many octets of one message are sent with the rest of the
// response.
const smallLiteral = 4 << 10

// literal sends n octets of r.
func (f *fetched) literal(n int64, r io.Reader) error {
	if n > int64(f.room) && f.room > smallLiteral {
		return errLarge
	}
	f.b = imap.AppendLiteral(f.b, n)
	if n <= int64(f.room) { // with the rest of the response
		at := len(f.b)
		f.b = append(f.b, make([]byte, n)...)
		_, err := io.ReadFull(r, f.b[at:])
		return err
	}
	f.sent = true
	if _, err := f.Write(f.b); err != nil {
		return err
	}
	f.b = f.b[:0]
	buf := talk.Buffers.Get().(*[32 << 10]byte)
	defer talk.Buffers.Put(buf)
	for n > 0 {
		k, err := r.Read(buf[:min(n, int64(len(buf)))])
		if k == 0 && err != nil {
			return err // fewer octets than were announced
		}
		if _, err := f.Write(buf[:k]); err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}
