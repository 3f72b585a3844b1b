package mailbox

import (
	"slices"
	"time"
)

// A tracker gives the changes of a folder their mod-sequences (RFC 7162). A
// number belongs to a difference between what the file has recorded of a message and
// what the directories show, whoever made it; see docs/mailbox.md.
type tracker struct {
	modLog
	on     bool
	head   string // of the file that was read
	size   int64  // how much of it was read
	first  int64  // how much of that is the first record
	sum    uint32
	lost   bool // the file is not, or not all of what was told is in it
	warned bool
}

// modBlock is how many numbers are reserved at once.
const modBlock = 1 << 16

// epoch returns a number above all that were ever given, as far as that is
// known: the clock's microseconds leave those behind that were in a file that
// is lost, and Dovecot's, which count from 1. (They stay below 2^53, as clients
// need that keep numbers as floating point, until 2255.)
func (m *tracker) epoch(now time.Time) uint64 {
	return max(max(m.highest, m.reserved)+1, uint64(now.UnixMicro()))
}

// TrackModSeqs makes the folder keep mod-sequences, in this process until nobody
// uses it, and refreshes the View. A session calls it when it opens a folder
// and may tell HIGHESTMODSEQ.
func (v *View) TrackModSeqs() (*Changes, error) {
	old := v.snap
	if err := v.track(); err != nil {
		return nil, err
	}
	return changes(old, v.snap), nil
}

// OpenTracked is Open and TrackModSeqs with one look at the disk.
func (t *Tree) OpenTracked(name string, mode Mode) (*View, error) {
	v, err := t.view(name, mode)
	if err != nil {
		return nil, err
	}
	if err := v.track(); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

func (v *View) track() error {
	f := v.f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mods.on = true
	err := f.sync(v.mode == ReadWrite, false)
	if err == nil {
		// Also what others have recorded and we could not see: HIGHESTMODSEQ does
		// not go back when a client comes from another process of ours to this.
		err = f.giveMods(func() error { return nil })
	}
	if err != nil {
		return f.deleted(err)
	}
	v.snap = f.snap
	v.claim()
	return nil
}

// modChanges are what one number is given to.
type modChanges struct {
	recs []modRec
	gone []UIDRange
}

// giveMods gives the newest Snapshot its mod-sequences, if it has none yet, and
// then does what else is to be done while no other process gives any. The folder's mutex is
// held.
func (f *folder) giveMods(then func() error) error {
	m := &f.mods
	if !m.on || f.snap.mods != nil && then == nil {
		return nil
	}
	file, err := f.lockMods()
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Close()
	}
	if err := f.readMods(file); err != nil {
		return err
	}
	if err := f.giveLocked(file); err != nil || then == nil {
		return err
	}
	if err := then(); err != nil {
		return err
	}
	return f.giveLocked(file)
}

// compare finds what has changed since it was recorded, and the mod-sequences
// that the messages of now have if it gets the number mod.
func (m *tracker) compare(now *Snapshot, mod uint64) (*modChanges, [][]uint64) {
	c := &modChanges{}
	renamed := m.renamed(now)
	numbers := make([][]uint64, len(now.chunks))
	recent := make([]uint32, 0, len(m.recent))
	for uid := range m.recent {
		recent = append(recent, uid)
	}
	slices.Sort(recent)
	shared := m.shared()
	hint := 0
	for i, in := range now.chunks {
		at, _ := slices.BinarySearch(recent, in[0].uid)
		if at == len(recent) || recent[at] > in[len(in)-1].uid {
			if numbers[i] = shared[&in[0]]; len(numbers[i]) == len(in) && renamed == 0 {
				continue
			}
		}
		numbers[i] = make([]uint64, len(in))
		for k := range in {
			r, ok := m.recordedAt(in[k].uid, &hint)
			if !ok || r.state != stateOf(&in[k]) || in[k].kw&renamed != 0 {
				r = modRec{uid: in[k].uid, state: stateOf(&in[k]), mod: mod}
				c.recs = append(c.recs, r)
			}
			numbers[i][k] = r.mod
		}
	}
	c.gone = m.left(now)
	return c, numbers
}

// shared finds the numbers of a chunk that another Snapshot may have as well.
func (m *tracker) shared() map[*rec][]uint64 {
	if m.base != nil {
		return nil
	}
	shared := make(map[*rec][]uint64, len(m.snap.chunks))
	for i, in := range m.snap.chunks {
		shared[&in[0]] = m.snap.mods.chunks[i]
	}
	return shared
}

// renamed returns the letters whose keywords have other names than were
// recorded.
func (m *tracker) renamed(now *Snapshot) (kw Keywords) {
	for k := range max(len(m.words), len(now.keywords)) {
		if keywordName(m.words, k) != keywordName(now.keywords, k) {
			kw |= 1 << k
		}
	}
	return kw
}

// left returns the UIDs that are gone and not recorded as such. A UID that was
// given, and whose message nobody saw, is among them: who appended it was told.
func (m *tracker) left(now *Snapshot) []UIDRange {
	var uids []uint32
	drop := func(uid uint32) {
		if _, ok := m.recent[uid]; !ok {
			uids = append(uids, uid)
		}
	}
	if m.base == nil {
		for _, uid := range changes(m.snap, now).Gone {
			drop(uid)
		}
	}
	there := cursor{chunks: now.chunks}
	for _, r := range m.base {
		if there.find(r.uid) == nil {
			drop(r.uid)
		}
	}
	for uid, r := range m.recent {
		if _, ok := now.Index(uid); !ok && !r.gone {
			uids = append(uids, uid)
		}
	}
	list := ranges(uids)
	if m.next < now.next {
		list = join(append(list, now.without([]UIDRange{{m.next, now.next - 1}})...))
	}
	return list
}

// disagrees tells whether the directories, as far as they were read, show
// something else than was recorded.
func (m *tracker) disagrees(now *Snapshot) bool {
	if !slices.Equal(m.words, now.keywords) || m.next > now.next {
		return true
	}
	for uid, r := range m.recent {
		i, ok := now.Index(uid)
		if ok == r.gone || ok && stateOf(now.at(i)) != r.state {
			return true
		}
	}
	there := cursor{chunks: now.chunks}
	for _, r := range m.base {
		in := there.find(r.uid)
		if in != nil && stateOf(in) == r.state {
			continue
		}
		if _, ok := m.recent[r.uid]; !ok {
			return true
		}
	}
	return false
}

// giveLocked makes the newest Snapshot one with mod-sequences, which are
// in the file before anybody has it.
func (f *folder) giveLocked(file *modHandle) error {
	m := &f.mods
	if m.validity == f.head.validity && (m.recent != nil || m.base != nil) && m.disagrees(f.snap) {
		// Another process has recorded what we have not seen, or we something
		// that is over: what counts is read while nobody else records.
		if err := f.sync(false, !f.new.settled || !f.cur.settled); err != nil {
			return err
		}
	}
	if m.validity != f.head.validity {
		return f.renumber(file)
	}
	if f.snap == m.snap && m.recent == nil {
		return nil
	}
	mod := m.highest + 1
	c, numbers := m.compare(f.snap, mod)
	gone := m.gone
	highest := m.highest
	if len(c.recs) > 0 || len(c.gone) > 0 {
		highest = mod
		gone = gone[:len(gone):len(gone)]
		for _, r := range c.gone {
			gone = append(gone, goneRange{r, mod})
		}
	}
	floor := m.floor
	if len(gone) > maxGone {
		half := len(gone) / 2
		floor = gone[half-1].mod
		for gone[half].mod == floor && half < len(gone)-1 {
			half++
		}
		gone = slices.Clone(gone[half:])
	}
	s := *f.snap
	s.mods = &mods{chunks: numbers, highest: highest, floor: floor, gone: gone}
	if err := f.writeMods(file, &s, c); err != nil {
		return err
	}
	f.numbered(&s)
	return nil
}

// renumber gives every message a number above all that were ever given:
// the file was none, or damaged, or numbers that were told are not in it.
func (f *folder) renumber(file *modHandle) error {
	m := &f.mods
	mod := m.epoch(f.store.now())
	s := *f.snap
	s.mods = &mods{chunks: make([][]uint64, len(s.chunks)), highest: mod, floor: mod}
	for i, in := range s.chunks {
		s.mods.chunks[i] = slices.Repeat([]uint64{mod}, len(in))
	}
	if err := f.rewriteMods(file, &s); err != nil {
		return err
	}
	f.numbered(&s)
	return nil
}

// numbered makes s the newest Snapshot.
func (f *folder) numbered(s *Snapshot) {
	m := &f.mods
	if f.cache.written == f.snap {
		f.cache.written = s
	}
	f.snap = s
	m.validity, m.next, m.words = s.validity, m.nextUID(s), s.keywords
	m.highest, m.floor, m.gone = s.mods.highest, s.mods.floor, s.mods.gone
	m.snap, m.base, m.recent = s, nil, nil
}

// nextUID is the UIDNEXT to record with s: it does not go back under one
// UIDVALIDITY.
func (m *tracker) nextUID(s *Snapshot) uint32 {
	if m.validity == s.validity {
		return max(m.next, s.next)
	}
	return s.next
}

// StoreUnchanged is Store for the messages whose mod-sequence is not above
// since (RFC 7162, 3.1.3: UNCHANGEDSINCE); it returns the others as modified.
// Between the comparison and the change no other session comes, in this process or another of ours.
func (v *View) StoreUnchanged(uids []uint32, c FlagChange, since uint64) (changed, modified []uint32, err error) {
	if v.mode != ReadWrite {
		return nil, nil, ErrReadOnly
	}
	f := v.f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mods.on = true
	if err := f.sync(true, false); err != nil {
		return nil, nil, err
	}
	err = f.giveMods(func() error {
		if f.head.validity != v.snap.validity {
			return nil
		}
		l, err := f.change(&c)
		if err != nil {
			return err
		}
		was := map[uint32]uint32{}
		for _, uid := range uids {
			i, ok := f.snap.Index(uid)
			switch {
			case ok && f.snap.ModSeq(i) > since:
				modified = append(modified, uid)
			case ok:
				was[uid] = stateOf(f.snap.at(i))
			}
		}
		changed, err = f.storeFlags(v, uids, func(r *rec) (bool, error) {
			before, ok := was[r.uid]
			if !ok {
				return false, nil
			}
			if before != stateOf(r) { // another program was faster
				modified = append(modified, r.uid)
				return false, nil
			}
			delete(was, r.uid)
			return f.setFlags(r, &l)
		})
		return err
	})
	slices.Sort(modified)
	return changed, slices.Compact(modified), err
}
