package imapd

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// maxNotified is how many mailboxes NOTIFY watches for one client.
const maxNotified = 4096

// A notify is what a client wants to be told, and what it was told of mailboxes
// that are not selected. Its session owns it, but for what mu guards. nil is as
// before NOTIFY.
type notify struct {
	filtered bool       // SELECTED or SELECTED-DELAYED was given
	selected *selection // nil: nothing is told of the selected mailbox
	delayed  bool       // its EXPUNGEs wait for a command
	groups   []group

	boxes map[string]*notified
	names names
	stop  func() // of what watches names

	mu       sync.Mutex // guards what follows
	stirred  map[*notified]bool
	recent   map[*notified]bool // stirred not long ago
	restless time.Time          // when names began to change; zero: they did not
	ripe     bool               // they have stopped
}

// A selection is what is told of the selected mailbox.
type selection struct {
	events events
	items  []imap.FetchItem // of a new message
	mark   bool             // which sets \Seen
}

// A notified is a mailbox of which message events are told while it is not the
// selected one.
type notified struct {
	name   string
	events events
	id     mailbox.FolderIdentity
	known  summary
	stop   func()
}

// A summary is what a client knows of a mailbox. What it need not be told, such
// as what it has done itself, is unknown.
type summary struct {
	validity, next uint32
	messages       int
	unseen         int    // -1: unknown
	modSeq         uint64 // 0: unknown
}

// idle tells that there is nothing to wait for.
func (n *notify) idle() bool { return n.selected == nil && n.groups == nil }

// wantsMessages tells whether what happened in the selected mailbox is told now.
func (v *visit) wantsMessages() bool {
	return v.notify == nil || v.notify.selected != nil || v.cmd != nil && v.cmd.asks
}

func (v *visit) wantsFlags() bool {
	n := v.notify
	return n == nil || n.selected != nil && n.selected.events&flagChange != 0 || v.cmd != nil && v.cmd.asks
}

// begin starts to watch; status sends a STATUS response for each mailbox of
// which message events are told.
func (n *notify) begin(v *visit, status bool) error {
	if n.groups == nil {
		return nil
	}
	n.boxes, n.stirred, n.recent = map[string]*notified{}, map[*notified]bool{}, map[*notified]bool{}
	n.stop = v.tree.WatchNames(func() {
		n.fret(false)
		v.Wake()
	})
	var err error
	if n.names, err = v.lookAtNames(); err != nil {
		return err
	}
	if err := n.follow(v, true); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n.boxes)) {
		if !status || v.box != nil && v.box.name == name {
			continue
		}
		items := []string{imap.StatusMessages, imap.StatusUIDNext, imap.StatusUIDValidity}
		if n.boxes[name].events&flagChange != 0 {
			items = append(items, imap.StatusUnseen, imap.StatusHighestModSeq)
		}
		if err := n.boxes[name].say(v, items); err != nil && !isRefusal(err) {
			return err
		}
	}
	return nil
}

// end ends what n watches.
func (n *notify) end() {
	if n == nil {
		return
	}
	if n.stop != nil {
		n.stop()
	}
	for _, b := range n.boxes {
		b.stop()
	}
	n.stop, n.boxes, n.groups = nil, nil, nil
}

// errTooMany: NOTIFY is for too many mailboxes.
var errTooMany = no("NOTIFICATIONOVERFLOW", fmt.Sprintf("At most %d mailboxes are watched.", maxNotified))

// follow watches the mailboxes that there are now. first: what is in them is
// known.
func (n *notify) follow(v *visit, first bool) error {
	was := map[mailbox.FolderIdentity]*notified{}
	for name, b := range n.boxes {
		if n.names.exist[name] != b.id { // renamed, or gone
			was[b.id] = b
			delete(n.boxes, name)
		}
	}
	defer func() {
		for _, b := range was {
			b.stop()
		}
	}()
	for name, id := range n.names.exist {
		b := n.boxes[name]
		if b == nil && was[id] != nil {
			b = was[id]
			delete(was, id)
			n.boxes[name], b.name = b, name
		}
		set := n.of(name, n.names.subscribed[name]) & ofBoxes
		if b != nil {
			if b.events = set; set == 0 {
				n.drop(name)
			}
			continue
		}
		if set == 0 {
			continue
		}
		if len(n.boxes) == cmp.Or(v.srv.notified, maxNotified) {
			return errTooMany
		}
		if err := n.watch(v, &notified{name: name, events: set, id: id}, first); err != nil {
			return err
		}
	}
	return nil
}

func (n *notify) drop(name string) {
	n.boxes[name].stop()
	delete(n.boxes, name)
}

// fret has names looked at: now, or when they have stopped changing.
func (n *notify) fret(now bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.restless.IsZero() {
		n.restless, n.ripe = time.Now(), now
	}
}

// stir has a mailbox looked at.
func (n *notify) stir(b *notified) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stirred[b] = true
}

// watch begins to watch a mailbox.
func (n *notify) watch(v *visit, b *notified, known bool) error {
	stop, err := v.tree.Watch(b.name, func() {
		n.stir(b)
		v.Wake()
	})
	if errors.Is(err, mailbox.ErrNoFolder) {
		return nil // it has gone
	}
	if err != nil {
		return v.failed("watch "+b.name, err)
	}
	b.stop = stop
	n.boxes[b.name] = b
	if !known {
		n.stir(b) // what is in it is news
		return nil
	}
	b.known, err = b.look(v)
	if errors.Is(err, mailbox.ErrNoFolder) {
		n.drop(b.name)
		return nil
	}
	if err != nil {
		return v.failed("watch "+b.name, err)
	}
	return nil
}

// look sums up a mailbox as it is.
func (b *notified) look(v *visit) (s summary, err error) {
	err = b.open(v, func(view *mailbox.View) error {
		s = b.sum(v, view.Snapshot())
		return nil
	})
	return s, err
}

// open has do look at the mailbox.
func (b *notified) open(v *visit, do func(*mailbox.View) error) error {
	view, err := v.tree.Open(b.name, mailbox.Peek)
	if err != nil {
		return err
	}
	defer view.Close()
	if v.condstore {
		if _, err := view.TrackModSeqs(); err != nil {
			return err
		}
	}
	return do(view)
}

func (b *notified) sum(v *visit, s *mailbox.Snapshot) summary {
	sum := summary{validity: s.UIDValidity(), next: s.UIDNext(), messages: s.Len(), unseen: -1}
	if b.events&flagChange != 0 {
		sum.unseen = s.Len() - int(withFlag(s, mailbox.Seen))
	}
	if v.condstore {
		sum.modSeq = s.HighestModSeq()
	}
	return sum
}

// say sends a STATUS response.
func (b *notified) say(v *visit, items []string) error {
	return b.open(v, func(view *mailbox.View) error {
		if slices.Contains(items, imap.StatusHighestModSeq) {
			if _, err := view.TrackModSeqs(); err != nil {
				return v.failed("status "+b.name, err)
			}
		}
		b.known = b.sum(v, view.Snapshot())
		return v.sayStatusOf(view, b.name, items)
	})
}

// news are the items of STATUS that are not as the client knows them, with what
// goes along (RFC 5465, 5.1 to 5.3); none: there is no news.
func (b *notified) news(now summary) (items []string) {
	old := b.known
	if now.messages != old.messages || now.next != old.next || now.validity != old.validity {
		if old == (summary{}) && now.messages == 0 {
			return nil // a new mailbox, of which its name was told
		}
		items = []string{imap.StatusMessages, imap.StatusUIDNext, imap.StatusUIDValidity}
	}
	if b.events&flagChange != 0 {
		seen := old.unseen >= 0 && now.unseen != old.unseen
		mods := old.modSeq != 0 && now.modSeq != old.modSeq
		if items == nil && (seen || mods) {
			items = []string{imap.StatusUIDValidity}
		}
		if items != nil {
			items = append(items, imap.StatusUnseen)
		}
	}
	if items != nil && now.modSeq != 0 {
		items = append(items, imap.StatusHighestModSeq)
	}
	return items
}

// sayOthers tells what has happened elsewhere than in the selected mailbox.
func (v *visit) sayOthers() error {
	n := v.notify
	if n == nil || n.groups == nil {
		return nil
	}
	err := n.sayNames(v)
	for _, b := range n.take() {
		if err != nil || n.boxes[b.name] != b || v.box != nil && v.box.name == b.name {
			continue
		}
		err = b.tell(v)
	}
	if err == errTooMany {
		n.end()
		n.selected = nil
		return v.Printf("* OK [NOTIFICATIONOVERFLOW] Too many mailboxes: no more is told.\r\n")
	}
	return err
}

// tell tells what is new in a mailbox. One that cannot be looked at is told of
// when it can.
func (b *notified) tell(v *visit) error {
	now, err := b.look(v)
	if err != nil {
		if !errors.Is(err, mailbox.ErrNoFolder) {
			v.complain("%s: %v", b.name, err)
		}
		return nil
	}
	items := b.news(now)
	if items == nil {
		b.known = now
		return nil
	}
	err = b.say(v, items)
	if isRefusal(err) || errors.Is(err, mailbox.ErrNoFolder) {
		return nil
	}
	return err
}

// take returns the mailboxes to look at, and forgets that they were stirred.
func (n *notify) take() (list []*notified) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for b := range n.stirred {
		list = append(list, b)
		n.recent[b] = true
	}
	clear(n.stirred)
	slices.SortFunc(list, func(a, b *notified) int { return strings.Compare(a.name, b.name) })
	return list
}

// lookAgain has what was stirred not long ago looked at again.
func (n *notify) lookAgain() {
	if n == nil || n.groups == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(n.stirred, n.recent)
	if n.ripe = true; n.restless.IsZero() && n.names.recent {
		n.restless = time.Now()
	}
}

// settle is lookAgain for the last time.
func (n *notify) settle() {
	if n == nil || n.groups == nil {
		return
	}
	n.lookAgain()
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.recent)
	n.names.recent = false
}

// lookAtAll has everything looked at: some changes nobody tells of.
func (n *notify) lookAtAll() {
	if n == nil || n.groups == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.boxes {
		n.stirred[b] = true
	}
	n.restless, n.ripe = time.Now(), true
}

// leave is the end of a selected mailbox: what its client was told is known.
func (n *notify) leave(b *box) {
	b.watch(nil)
	if n == nil || n.boxes[b.name] == nil {
		return
	}
	x := n.boxes[b.name]
	x.known = summary{validity: b.snap.UIDValidity(), next: b.snap.UIDNext(), messages: b.snap.Len(), unseen: -1}
	if x.events&flagChange != 0 {
		x.known.unseen = b.snap.Len() - int(withFlag(b.snap, mailbox.Seen))
	}
	n.stir(x)
}

// watch replaces what ends the watching of the selected mailbox.
func (b *box) watch(stop func()) {
	if b.unwatch != nil {
		b.unwatch()
	}
	b.unwatch = stop
}

// own notes messages that the client has put into a mailbox: they are no news
// to it (RFC 5465, 5 and 5.2).
func (v *visit) own(name string, uids []uint32) {
	if v.box != nil && v.box.name == name {
		v.box.made = append(v.box.made, uids...)
		return
	}
	if v.notify == nil || v.notify.boxes[name] == nil || len(uids) == 0 {
		return
	}
	if k := &v.notify.boxes[name].known; k.next == uids[0] {
		k.next = uids[len(uids)-1] + 1
		k.messages += len(uids)
		k.unseen, k.modSeq = -1, 0
	}
}

// fetchNew sends what the client wants of messages that are new in the selected
// mailbox.
func (n *notify) fetchNew(v *visit, uids []uint32) error {
	made := v.box.made
	v.box.made = nil
	if n == nil || n.selected == nil || n.selected.items == nil {
		return nil
	}
	lib := v.library()
	defer lib.close()
	l := lib.look()
	defer l.close()
	for _, uid := range uids {
		i, ok := v.box.snap.Index(uid)
		if !ok || slices.Contains(made, uid) {
			continue
		}
		if err := v.fetchOne(i, v.withModSeq(n.selected.items), n.selected.mark && !v.box.readOnly, l); err != nil && !isRefusal(err) {
			return err
		}
	}
	return nil
}
