package mailbox

import (
	"hash/crc32"
	"slices"
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

// recordedAt returns what is recorded of a UID. UIDs rise: at is where in base the last was.
func (m *modLog) recordedAt(uid uint32, at *int) (r modRec, ok bool) {
	if len(m.recent) > 0 {
		if r, ok = m.recent[uid]; ok {
			return r, !r.gone
		}
	}
	if m.base != nil {
		for *at < len(m.base) && m.base[*at].uid < uid {
			*at++
		}
		if *at == len(m.base) || m.base[*at].uid != uid {
			return r, false
		}
		return m.base[*at], true
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
		ok = m.reserved >= m.highest && m.reserved <= maxModSeq
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
