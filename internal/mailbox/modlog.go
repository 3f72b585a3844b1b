package mailbox

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sort"
)

// modFile keeps the mod-sequences of a folder: what was recorded of each message, and the
// number that it got. It begins with modMagic and 16 octets that no other such file has (an
// inode may be that of an earlier one); then come records, each of them its
// body's length, a checksum that covers all records before it too, and the body,
// whose first octet is its kind.
const modFile = "yubin-modseq"

const modMagic = "yubin modseq 1\n"

// modHead is how long both are, octets.
const modHead = len(modMagic) + 16

// maxModFile bounds what is read of the file, octets.
const maxModFile = 1 << 30

// maxModSeq bounds what is believed to be a mod-sequence: RFC 7162 has 63 bits,
// and there must be room above.
const maxModSeq = 1 << 62

const (
	modState  = 'S' // all messages: the first record, and no other
	modChange = 'C' // some messages, and UIDs that went, have one new number
	modWords  = 'K' // the keywords' names, where they are others
	modUsed   = 'R' // this boot of the machine gives numbers up to one
	modEnd    = 'E' // nothing was told that is not in the file
)

// A modRec is what is recorded of one message: its UID, state and
// mod-sequence.
type modRec struct {
	uid, state uint32
	mod        uint64
	gone       bool
}

// stateOf is what of a message a change of makes a new number.
func stateOf(r *rec) uint32 { return uint32(r.fl)<<maxKeywords | uint32(r.kw) }

// A goneRange are UIDs that were removed together.
type goneRange struct {
	UIDRange
	mod uint64
}

// A modLog is what the file says.
type modLog struct {
	validity, next uint32
	words          []string
	highest, floor uint64 // floor: of what went up to it, the UIDs are not known
	gone           []goneRange
	boot           string
	reserved       uint64
	used           bool // numbers were given since the last modEnd

	// The messages, in the order of their importance: what was recorded last,
	// what the first record has or, when that was numbered once, the Snapshot.
	recent map[uint32]modRec
	base   []modRec
	snap   *Snapshot
}

func (m *modLog) note(r modRec) {
	if m.recent == nil {
		m.recent = map[uint32]modRec{}
	}
	m.recent[r.uid] = r
}

// recorded returns what is recorded of a UID.
func (m *modLog) recorded(uid uint32) (r modRec, ok bool) {
	if r, ok = m.recent[uid]; ok {
		return r, !r.gone
	}
	if m.base != nil {
		i, ok := slices.BinarySearchFunc(m.base, uid, compareUID)
		if !ok {
			return r, false
		}
		return m.base[i], true
	}
	i, ok := m.snap.Index(uid)
	if !ok {
		return r, false
	}
	return modRec{uid: uid, state: stateOf(m.snap.at(i)), mod: m.snap.ModSeq(i)}, true
}

func compareUID(r modRec, uid uint32) int { return int(int64(r.uid) - int64(uid)) }

// remove notes that UIDs are gone.
func (m *modLog) remove(g goneRange) {
	drop := func(uid uint32) { m.note(modRec{uid: uid, mod: g.mod, gone: true}) }
	if int64(g.Last)-int64(g.First) < int64(len(m.recent)) {
		for uid := uint64(g.First); uid <= uint64(g.Last); uid++ {
			if _, ok := m.recent[uint32(uid)]; ok {
				drop(uint32(uid))
			}
		}
	} else {
		for uid := range m.recent {
			if g.First <= uid && uid <= g.Last {
				drop(uid)
			}
		}
	}
	if m.base != nil {
		i, _ := slices.BinarySearchFunc(m.base, g.First, compareUID)
		for ; i < len(m.base) && m.base[i].uid <= g.Last; i++ {
			drop(m.base[i].uid)
		}
	} else {
		i, _ := m.snap.Index(g.First)
		for ; i < m.snap.n && m.snap.at(i).uid <= g.Last; i++ {
			drop(m.snap.at(i).uid)
		}
	}
	m.gone = append(m.gone, g)
}

// read applies records. sum is the checksum of those before them; it returns
// that of the last, and whether all were whole.
func (m *modLog) read(b []byte, sum uint32) (uint32, bool) {
	for len(b) > 0 {
		d := decoder{b: b}
		n, want := d.u32(), d.u32()
		body := d.bytes(uint64(n))
		if d.bad || n == 0 {
			return sum, false
		}
		if sum = crc32.Update(sum, castagnoli, body); sum != want || !m.apply(body) {
			return sum, false
		}
		b = d.b
	}
	return sum, true
}

// apply takes over one record. It returns false if it cannot be what we wrote.
func (m *modLog) apply(body []byte) bool {
	d := &decoder{b: body[1:]}
	if kind := body[0]; (kind == modState) != (m.validity == 0) {
		return false
	}
	ok := true
	switch body[0] {
	case modState:
		ok = m.applyState(d)
	case modChange:
		ok = m.applyChange(d)
	case modWords:
		m.words = d.words()
	case modUsed:
		m.boot, m.reserved, m.used = d.text(), d.u64(), true
		ok = m.reserved >= m.highest && m.reserved <= 2*maxModSeq-1
	case modEnd:
		m.used = false
	default:
		return false
	}
	return ok && !d.bad && len(d.b) == 0
}

func (m *modLog) applyState(d *decoder) bool {
	m.validity, m.next, m.highest, m.floor = d.u32(), d.u32(), d.u64(), d.u64()
	m.words = d.words()
	n := uint64(d.u32())
	b := decoder{b: d.bytes(n * 16)}
	if d.bad {
		return false
	}
	m.base = make([]modRec, 0, n)
	for last := uint32(0); len(b.b) > 0; {
		r := modRec{uid: b.u32(), state: b.u32(), mod: b.u64()}
		if r.uid <= last || r.uid >= m.next || r.mod == 0 || r.mod > m.highest {
			return false
		}
		last = r.uid
		m.base = append(m.base, r)
	}
	n = uint64(d.u32())
	b = decoder{b: d.bytes(n * 16)}
	for last := uint64(0); len(b.b) > 0; {
		g := goneRange{UIDRange{b.u32(), b.u32()}, b.u64()}
		if !m.fits(g) || g.mod < last || g.mod > m.highest {
			return false
		}
		last = g.mod
		m.gone = append(m.gone, g)
	}
	return m.validity != 0 && m.next != 0 && m.highest != 0 && m.highest <= maxModSeq && m.floor <= m.highest
}

func (m *modLog) fits(g goneRange) bool {
	return g.First != 0 && g.First <= g.Last && g.Last < m.next
}

func (m *modLog) applyChange(d *decoder) bool {
	mod, next := d.u64(), d.u32()
	if mod <= m.highest || mod > maxModSeq || mod > m.reserved || !m.used || next < m.next {
		return false
	}
	m.highest, m.next = mod, next
	n := uint64(d.u32())
	b := decoder{b: d.bytes(n * 8)}
	for len(b.b) > 0 {
		r := modRec{uid: b.u32(), state: b.u32(), mod: mod}
		if r.uid == 0 || r.uid >= m.next {
			return false
		}
		m.note(r)
	}
	n = uint64(d.u32())
	b = decoder{b: d.bytes(n * 8)}
	for len(b.b) > 0 {
		g := goneRange{UIDRange{b.u32(), b.u32()}, mod}
		if !m.fits(g) {
			return false
		}
		m.remove(g)
	}
	return true
}

func (d *decoder) words() []string {
	var words []string
	for range min(d.u32(), maxKeywords) {
		words = append(words, d.text())
	}
	return words
}

func (e *encoder) words(words []string) {
	e.u32(uint32(len(words)))
	for _, w := range words {
		e.text(w)
	}
}

// A modWriter makes records.
type modWriter struct {
	encoder
	sum uint32
}

// record appends one whose body fill writes.
func (w *modWriter) record(kind byte, fill func(e *encoder)) {
	at := len(w.encoder)
	w.u32(0)
	w.u32(0)
	w.encoder = append(w.encoder, kind)
	fill(&w.encoder)
	body := w.encoder[at+8:]
	w.sum = crc32.Update(w.sum, castagnoli, body)
	binary.LittleEndian.PutUint32(w.encoder[at:], uint32(len(body)))
	binary.LittleEndian.PutUint32(w.encoder[at+4:], w.sum)
}

// state writes the first record, of a numbered Snapshot.
func (w *modWriter) state(s *Snapshot, next uint32) {
	w.record(modState, func(e *encoder) {
		e.u32(s.validity)
		e.u32(next)
		e.u64(s.mods.highest)
		e.u64(s.mods.floor)
		e.words(s.keywords)
		e.u32(uint32(s.n))
		for c, in := range s.chunks {
			for k := range in {
				e.u32(in[k].uid)
				e.u32(stateOf(&in[k]))
				e.u64(s.mods.chunks[c][k])
			}
		}
		e.u32(uint32(len(s.mods.gone)))
		for _, g := range s.mods.gone {
			e.u32(g.First)
			e.u32(g.Last)
			e.u64(g.mod)
		}
	})
}

func (w *modWriter) change(c *modChanges, mod uint64, next uint32) {
	w.record(modChange, func(e *encoder) {
		e.u64(mod)
		e.u32(next)
		e.u32(uint32(len(c.recs)))
		for _, r := range c.recs {
			e.u32(r.uid)
			e.u32(r.state)
		}
		e.u32(uint32(len(c.gone)))
		for _, g := range c.gone {
			e.u32(g.First)
			e.u32(g.Last)
		}
	})
}

func (w *modWriter) use(boot string, upTo uint64) {
	w.record(modUsed, func(e *encoder) { e.text(boot); e.u64(upTo) })
}

// A UIDRange are the UIDs from First to Last, both included.
type UIDRange struct{ First, Last uint32 }

// ranges makes ranges of UIDs, which it sorts.
func ranges(uids []uint32) []UIDRange {
	slices.Sort(uids)
	var list []UIDRange
	for _, uid := range uids {
		if n := len(list); n > 0 && (list[n-1].Last == uid || list[n-1].Last+1 == uid) {
			list[n-1].Last = uid
			continue
		}
		list = append(list, UIDRange{uid, uid})
	}
	return list
}

// join makes ranges of ranges in any order.
func join(list []UIDRange) []UIDRange {
	sort.Slice(list, func(i, j int) bool { return list[i].First < list[j].First })
	var joined []UIDRange
	for _, r := range list {
		if n := len(joined); n > 0 && uint64(r.First) <= uint64(joined[n-1].Last)+1 {
			joined[n-1].Last = max(joined[n-1].Last, r.Last)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}
