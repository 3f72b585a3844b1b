package imapd

import (
	"errors"
	"slices"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// A box is the selected mailbox, as its client knows it. The view may know
// more: what is in it and not in snap is said by sync, when it may be.
type box struct {
	name     string
	view     *mailbox.View
	readOnly bool
	// snap has the client's numbers: a sequence number is an index in it plus
	// one.
	snap *mailbox.Snapshot
	// words are the keywords that the client was told of by FLAGS.
	words []string
	// told are flags that the client knows beyond snap, since it set them or was
	// told.
	told  map[uint32]told
	saved []imap.Range // "$", UIDs (RFC 5182)
	made  []uint32     // by this client, and not told yet (RFC 5465, 5.2)
	// unwatch ends what NOTIFY watches; nil: nothing does.
	unwatch func()
	// full is the mod-sequence up to which the client was told all, heard that up
	// to which it believes so.
	full, heard uint64
	unsaid      bool // some flags were not told (NOTIFY)
}

// at returns the index that the view has for the client's message i; false: it
// is gone.
func (b *box) at(i int) (int, bool) {
	if now := b.view.Snapshot(); now != b.snap {
		return now.Index(b.snap.Message(i).UID)
	}
	return i, true
}

// message returns the client's message i as it is now, or was at last.
func (b *box) message(i int) mailbox.Message {
	if k, ok := b.at(i); ok {
		return b.view.Snapshot().Message(k)
	}
	return b.snap.Message(i)
}

// told is what a client knows of a message.
type told struct {
	mailbox.Message
	mod uint64 // 0: it was not told (RFC 7162)
}

// tell notes what flags the client knows of.
func (b *box) tell(m mailbox.Message, mod uint64) {
	if b.told == nil {
		b.told = map[uint32]told{}
	}
	b.told[m.UID] = told{m, mod}
}

// known returns message i with the flags that the client knows.
func (b *box) known(i int) mailbox.Message {
	m := b.snap.Message(i)
	if t, ok := b.told[m.UID]; ok {
		return t.Message
	}
	return m
}

// largest is the UID that "*" means.
func (b *box) largest() uint32 {
	if n := b.snap.Len(); n > 0 {
		return b.snap.Message(n - 1).UID
	}
	return 0
}

// numbers returns the messages of a set as sequence numbers. UIDs that do not
// exist are none; numbers that do not exist are an error of the client's.
func (v *visit) numbers(set imap.Set) ([]imap.Range, error) {
	b := v.box
	if set.Saved {
		return b.ofUIDs(b.saved), nil
	}
	if v.cmd.uid {
		return b.ofUIDs(imap.Resolve(slices.Clone(set.Ranges), b.largest())), nil
	}
	if b.snap.Len() == 0 { // "*" is none either (RFC 9051, 9: seq-number)
		return nil, errNumbers
	}
	return b.ofNumbers(set.Ranges)
}

var errNumbers = &imap.SyntaxError{Text: "Invalid messageset"}

// ofNumbers resolves a set of sequence numbers. 1:* of nothing is nothing, as
// clients search.
func (b *box) ofNumbers(ranges []imap.Range) ([]imap.Range, error) {
	n := uint32(b.snap.Len())
	if n == 0 && slices.ContainsFunc(ranges, func(r imap.Range) bool { return r.First == imap.Star || r.Last == imap.Star }) {
		return nil, nil
	}
	list := imap.Resolve(slices.Clone(ranges), n)
	if k := len(list); k > 0 && list[k-1].Last > n {
		return nil, errNumbers
	}
	return list, nil
}

// ofUIDs returns the sequence numbers of resolved UIDs.
func (b *box) ofUIDs(uids []imap.Range) (list []imap.Range) {
	for _, r := range uids {
		first, _ := b.snap.Index(r.First)
		last, ok := b.snap.Index(r.Last)
		if ok {
			last++
		}
		if last <= first {
			continue
		}
		// Two ranges of UIDs may lie apart and their numbers not.
		if k := len(list) - 1; k >= 0 && list[k].Last == uint32(first) {
			list[k].Last = uint32(last)
			continue
		}
		list = append(list, imap.Range{First: uint32(first) + 1, Last: uint32(last)})
	}
	return list
}

// each calls do with the indexes of messages, as long as it has no error.
func each(numbers []imap.Range, do func(i int) error) error {
	for _, r := range numbers {
		for n := r.First; n <= r.Last; n++ {
			if err := do(int(n - 1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sync tells the client what has changed in its mailbox. held: EXPUNGE may not
// be said now, so neither are other numbers.
func (v *visit) sync(held bool) error {
	b := v.box
	if b == nil {
		return nil
	}
	_, err := b.view.Refresh()
	if errors.Is(err, mailbox.ErrNoFolder) {
		return v.end("Mailbox was deleted", "[UNAVAILABLE] The selected mailbox was deleted.")
	}
	if err != nil {
		v.complain("%s: %v", b.name, err)
		return nil
	}
	now := b.view.Snapshot()
	if now == b.snap && b.told == nil {
		return nil
	}
	c := b.snap.Changes(now)
	if c.Reset {
		return v.end("UIDVALIDITY changed", "[UNAVAILABLE] The mailbox has a new UIDVALIDITY.")
	}
	if !v.wantsMessages() {
		return nil
	}
	b.comeBack(c, now)
	if held && len(c.Gone) > 0 {
		return nil
	}
	return v.report(c, now)
}

// report says what lies between what the client knows and now.
func (v *visit) report(c *mailbox.Changes, now *mailbox.Snapshot) error {
	b := v.box
	v.sayKeywords(now)
	if err := v.sayGone(c.Gone); err != nil {
		return err
	}
	flags := v.others(c, now)
	b.snap, b.told = now, nil
	if len(c.New) > 0 {
		v.sayExists()
		if err := v.notify.fetchNew(v, c.New); err != nil {
			return err
		}
	}
	if !v.wantsFlags() {
		b.unsaid = b.unsaid || len(flags) > 0
		flags = nil
	}
	if !b.unsaid {
		b.full = now.HighestModSeq()
	}
	for _, uid := range flags {
		i, _ := now.Index(uid)
		if err := v.sayFetchFlags(i, now.Message(i), v.wantsUID()); err != nil {
			return err
		}
	}
	if len(c.Gone)+len(c.New) > 0 {
		b.heard = 0 // no FETCH has told their mod-sequence
	}
	return nil
}

// sayGone tells which messages are gone.
func (v *visit) sayGone(uids []uint32) error {
	if len(uids) == 0 {
		return nil
	}
	if v.qresync {
		return v.Printf("* VANISHED %s\r\n", uidSet(uids))
	}
	for _, uid := range slices.Backward(uids) {
		i, _ := v.box.snap.Index(uid)
		if err := v.Printf("* %d EXPUNGE\r\n", i+1); err != nil {
			return err
		}
	}
	return nil
}

// comeBack makes of a message that another program took away and put back, so
// that it stands between others, one that comes: they go and come with it, since
// a client counts what comes at the end.
func (b *box) comeBack(c *mailbox.Changes, now *mailbox.Snapshot) {
	if len(c.New) == 0 || c.New[0] > b.largest() {
		return
	}
	first, _ := b.snap.Index(c.New[0])
	gone, _ := slices.BinarySearch(c.Gone, c.New[0])
	c.Gone = c.Gone[:gone]
	for i := first; i < b.snap.Len(); i++ {
		c.Gone = append(c.Gone, b.snap.Message(i).UID)
	}
}

// others are the messages whose flags are not those that the client knows.
func (v *visit) others(c *mailbox.Changes, now *mailbox.Snapshot) (uids []uint32) {
	b := v.box
	isNews := func(uid uint32) bool {
		i, there := now.Index(uid)
		t, ok := b.told[uid]
		return there && (!ok || t != told{now.Message(i), v.modSeqIn(now, i)})
	}
	list := c.Flags
	if v.condstore || !slices.Equal(now.Keywords(), b.snap.Keywords()) { // a letter may have another name
		list = append(slices.Clip(list), c.ModSeq...)
	}
	for _, uid := range list {
		if isNews(uid) {
			uids = append(uids, uid)
		}
		delete(b.told, uid)
	}
	// What was told, and was changed back since.
	for uid := range b.told {
		if isNews(uid) {
			uids = append(uids, uid)
		}
	}
	v.inOrder(uids, now)
	return uids
}

func (v *visit) sayExists() {
	v.Printf("* %d EXISTS\r\n", v.box.snap.Len())
	if !v.rev2 {
		v.Printf("* %d RECENT\r\n", v.box.view.Recents())
	}
}

// wantsUID tells whether the client is told UIDs where it did not ask for them.
func (v *visit) wantsUID() bool {
	return v.rev2 || v.qresync || v.notify != nil || v.cmd != nil && v.cmd.uid
}

// sayFetchFlags tells the flags of the client's message i.
func (v *visit) sayFetchFlags(i int, m mailbox.Message, uid bool) error {
	b := v.out[:0]
	b = appendFetch(b, i)
	if uid {
		b = append(appendNumber(append(b, "UID "...), uint64(m.UID)), ' ')
	}
	b = v.appendFlags(append(b, "FLAGS "...), m, i)
	b = append(v.appendModSeq(b, i), ")\r\n"...)
	v.out = b
	_, err := v.Write(b)
	return err
}

// sayKeywords tells of keywords that the client has not heard of. It comes before they are in
// the flags of a message: there c-client passes over those that it does not know.
func (v *visit) sayKeywords(now *mailbox.Snapshot) {
	if !slices.Equal(now.Keywords(), v.box.words) {
		v.sayFlags(now)
	}
}

// sayFlags tells which flags there are, and which the client may set.
func (v *visit) sayFlags(s *mailbox.Snapshot) {
	v.box.words = s.Keywords()
	list := keywordNames(s)
	v.Printf("* FLAGS (%s)\r\n", join(systemFlags, list))
	switch {
	case v.box.readOnly:
		v.Printf("* OK [PERMANENTFLAGS ()] Read-only mailbox.\r\n")
	case len(list) < maxKeywords:
		v.Printf("* OK [PERMANENTFLAGS (%s)] Flags permitted.\r\n", join(systemFlags, list, `\*`))
	default:
		v.Printf("* OK [PERMANENTFLAGS (%s)] Flags permitted.\r\n", join(systemFlags, list))
	}
}
