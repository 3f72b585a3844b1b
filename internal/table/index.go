package table

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"yubin/internal/smtp"
)

// An index is a set of pairs in few allocations: one blob with keys and
// values, one slice of where they are, and a hash table of numbers in that
// slice with open addressing. A million pairs take the size of their file and
// some 28 MB, and are no work for the garbage collector.
type index struct {
	blob    []byte
	shared  bool // blob is the beginning of text that is being parsed
	entries []entry
	slots   []slot // a power of two
	seed    maphash.Seed
}

// An entry is a pair: the key begins at key, the value at value, and ends at end.
type entry struct{ key, value, end uint32 }

// A slot has the number of an entry plus 1, or 0, and 32 bits of its key's hash:
// other keys are seldom looked at.
type slot struct{ hash, number uint32 }

// newIndex makes room for so many octets and pairs.
func newIndex(size, pairs int) *index {
	x := &index{blob: make([]byte, 0, size)}
	x.room(pairs)
	return x
}

// indexIn returns an index that takes the place of the text that its pairs are
// parsed from, in order: what has been parsed is overwritten.
func indexIn(text []byte) *index {
	x := &index{blob: text[:0], shared: true}
	// The shortest line of a pair has four octets.
	x.room(min(bytes.Count(text, []byte("\n"))+1, len(text)/4+1))
	return x
}

func (x *index) room(pairs int) {
	x.entries = make([]entry, 0, pairs)
	x.slots = make([]slot, 1<<max(4, bits.Len(uint(pairs)*4/3)))
	x.seed = maphash.MakeSeed()
}

// addFolded is add with the key in lower case.
func (x *index) addFolded(key, value []byte) bool {
	lower := fold(key)
	if x.shared && len(lower) > len(key) {
		// Some letters are longer in lower case, and would run over what follows.
		x.blob, x.shared = append(make([]byte, 0, cap(x.blob)), x.blob...), false
	}
	return x.add(lower, value)
}

// add adds a pair, unless there is one with the same key: then it returns false.
func (x *index) add(key, value []byte) bool {
	if len(x.entries)*4 >= len(x.slots)*3 {
		x.grow()
	}
	i, hash := x.find(key)
	if x.slots[i].number > 0 {
		return false
	}
	start := uint32(len(x.blob))
	x.blob = append(append(x.blob, key...), value...)
	x.entries = append(x.entries, entry{start, start + uint32(len(key)), uint32(len(x.blob))})
	x.slots[i] = slot{hash, uint32(len(x.entries))}
	return true
}

// find returns key's slot, or the free one where it belongs, and its hash.
func (x *index) find(key []byte) (i uint64, hash uint32) {
	mask := uint64(len(x.slots) - 1)
	h := maphash.Bytes(x.seed, key)
	i, hash = h&mask, uint32(h>>32)
	for ; x.slots[i].number > 0; i = (i + 1) & mask {
		if x.slots[i].hash != hash {
			continue
		}
		e := &x.entries[x.slots[i].number-1]
		if string(x.blob[e.key:e.value]) == string(key) {
			break
		}
	}
	return i, hash
}

// grow doubles the slots. Keys differ, so that none need be compared.
func (x *index) grow() {
	x.slots = make([]slot, 2*len(x.slots))
	mask := uint64(len(x.slots) - 1)
	for n, e := range x.entries {
		h := maphash.Bytes(x.seed, x.blob[e.key:e.value])
		i := h & mask
		for x.slots[i].number > 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = slot{uint32(h >> 32), uint32(n + 1)}
	}
}

// lookup returns a copy of the value, so that a caller who keeps it does not
// keep the whole table.
func (x *index) lookup(key string) (value string, found bool) {
	i, _ := x.find([]byte(key))
	number := x.slots[i].number
	if number == 0 {
		return "", false
	}
	e := &x.entries[number-1]
	return string(x.blob[e.value:e.end]), true
}

// fold is smtp.FoldKey, in place where that is possible.
func fold(key []byte) []byte {
	for i, c := range key {
		switch {
		case c >= 0x80:
			return []byte(smtp.FoldKey(string(key)))
		case c >= 'A' && c <= 'Z':
			key[i] = c | 0x20
		}
	}
	return key
}
