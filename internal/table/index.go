package table

import (
	"bytes"
	"hash/maphash"
)

// An index is a set of pairs in few allocations: one blob with keys and
// values, one slice of where they are, and a hash table of numbers in that
// slice with open addressing. A million pairs of 40 octets take some 60 MB and
// are no work for the garbage collector.
type index struct {
	blob    []byte
	entries []entry
	slots   []uint32 // entry number + 1, 0 for none; a power of two
	seed    maphash.Seed
}

// An entry is a pair: the key begins at key, the value at value, and ends at end.
type entry struct{ key, value, end uint32 }

// newIndex makes room for text of the given size.
func newIndex(size int) *index {
	return &index{blob: make([]byte, 0, size), slots: make([]uint32, 1<<4), seed: maphash.MakeSeed()}
}

// add adds a pair, unless there is one with the same key: then it returns false.
func (x *index) add(key, value []byte) bool {
	if len(x.entries)*2 >= len(x.slots) {
		x.grow()
	}
	slot, taken := x.find(key)
	if taken {
		return false
	}
	start := uint32(len(x.blob))
	x.blob = append(append(x.blob, key...), value...)
	x.entries = append(x.entries, entry{start, start + uint32(len(key)), uint32(len(x.blob))})
	x.slots[slot] = uint32(len(x.entries))
	return true
}

// find returns key's slot, or the free one where it belongs.
func (x *index) find(key []byte) (slot uint64, taken bool) {
	mask := uint64(len(x.slots) - 1)
	slot = maphash.Bytes(x.seed, key) & mask
	for ; x.slots[slot] != 0; slot = (slot + 1) & mask {
		e := &x.entries[x.slots[slot]-1]
		if string(x.blob[e.key:e.value]) == string(key) {
			return slot, true
		}
	}
	return slot, false
}

// grow doubles the slots. Keys differ, so that none need be compared.
func (x *index) grow() {
	x.slots = make([]uint32, 2*len(x.slots))
	mask := uint64(len(x.slots) - 1)
	for i, e := range x.entries {
		slot := maphash.Bytes(x.seed, x.blob[e.key:e.value]) & mask
		for x.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		x.slots[slot] = uint32(i + 1)
	}
}

// lookup returns a copy of the value, so that a caller who keeps it does not
// keep the whole table.
func (x *index) lookup(key string) (value string, found bool) {
	slot, found := x.find([]byte(key))
	if !found {
		return "", false
	}
	e := &x.entries[x.slots[slot]-1]
	return string(x.blob[e.value:e.end]), true
}

// fold puts key into lower case, in place where that is possible.
func fold(key []byte) []byte {
	for i, c := range key {
		switch {
		case c >= 0x80:
			return bytes.ToLower(key)
		case c >= 'A' && c <= 'Z':
			key[i] = c | 0x20
		}
	}
	return key
}
