package mailbox

import (
	"bytes"
	"hash/maphash"
)

// An index finds positions in folder.all by base names: open addressing, half
// full at most.
type index struct {
	slots []uint32 // position+1
	used  int
}

var hashSeed = maphash.MakeSeed()

func (x *index) find(f *folder, base []byte) int {
	if len(x.slots) == 0 {
		if len(f.all) == 0 {
			return -1
		}
		x.grow(f)
	}
	mask := uint64(len(x.slots) - 1)
	for h := maphash.Bytes(hashSeed, base) & mask; ; h = (h + 1) & mask {
		p := x.slots[h]
		if p == 0 {
			return -1
		}
		if bytes.Equal(f.base(&f.all[p-1]), base) {
			return int(p - 1)
		}
	}
}

// add enters position p; of two with one name the later counts.
func (x *index) add(f *folder, p int) {
	if 2*(x.used+1) > len(x.slots) {
		x.grow(f)
		return // which has entered p too
	}
	x.put(f, p)
}

func (x *index) put(f *folder, p int) {
	base := f.base(&f.all[p])
	mask := uint64(len(x.slots) - 1)
	h := maphash.Bytes(hashSeed, base) & mask
	for x.slots[h] != 0 && !bytes.Equal(f.base(&f.all[x.slots[h]-1]), base) {
		h = (h + 1) & mask
	}
	if x.slots[h] == 0 {
		x.used++
	}
	x.slots[h] = uint32(p + 1)
}

func (x *index) grow(f *folder) { x.resize(f, len(f.all)*3/2) }

// resize makes room for n messages.
func (x *index) resize(f *folder, n int) {
	size := 64
	for size < 2*(n+1) {
		size *= 2
	}
	x.slots, x.used = make([]uint32, size), 0
	for p := range f.all {
		x.put(f, p)
	}
}
