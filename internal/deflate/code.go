package deflate

import "io"

// errEnd is the end of the stream, behind its last block.
var errEnd = io.EOF

const maxBits = 15

// A code is a Huffman code in canonical form (RFC 1951, 3.2.2): how many
// symbols have each length, and the symbols in order.
type code struct {
	count [maxBits + 1]uint16
	sym   [288]uint16
}

// build makes the code with those lengths; false: there is none. A code of one
// symbol, or of none, may leave words unused where sparse is set.
func (c *code) build(lengths []uint8, sparse bool) bool {
	c.count = [maxBits + 1]uint16{}
	for _, n := range lengths {
		c.count[n]++
	}
	used := len(lengths) - int(c.count[0])
	c.count[0] = 0
	var next [maxBits + 2]uint16
	left := 1
	for n := 1; n <= maxBits; n++ {
		left = left<<1 - int(c.count[n])
		if left < 0 {
			return false
		}
		next[n+1] = next[n] + c.count[n]
	}
	if left > 0 && !(sparse && (used == 0 || used == 1 && c.count[1] == 1)) {
		return false
	}
	for s, n := range lengths {
		if n > 0 {
			c.sym[next[n]] = uint16(s)
			next[n]++
		}
	}
	return true
}

// decode finds the symbol at the beginning of n bits, and how many of them it
// is. -1: there is none in n bits; if used is more than maxBits, nor in more.
func (c *code) decode(bits uint64, n uint) (sym int, used uint) {
	word, first, index := 0, 0, 0
	for used = 1; used <= maxBits; used++ {
		if used > n {
			return -1, used
		}
		word |= int(bits & 1)
		bits >>= 1
		k := int(c.count[used])
		if word-first < k {
			return int(c.sym[index+word-first]), used
		}
		index += k
		first = (first + k) << 1
		word <<= 1
	}
	return -1, used
}

var fixedLit, fixedDist = func() (lit, dist code) {
	var n [288]uint8
	for i := range n {
		switch {
		case i < 144:
			n[i] = 8
		case i < 256:
			n[i] = 9
		case i < 280:
			n[i] = 7
		default:
			n[i] = 8
		}
	}
	lit.build(n[:], false)
	for i := range 32 {
		n[i] = 5
	}
	dist.build(n[:32], false)
	return lit, dist
}()

// A span is what a symbol for a length or distance stands for: base, and the
// number in so many bits behind it.
type span struct {
	base uint16
	bits uint
}

// lengths are those of the symbols from 257, distances those of the distance
// symbols (RFC 1951, 3.2.5).
var lengths, distances = func() (l [29]span, d [30]span) {
	base := uint16(3)
	for i := range 28 {
		if i >= 8 {
			l[i].bits = uint(i-4) / 4
		}
		l[i].base = base
		base += 1 << l[i].bits
	}
	l[28] = span{base: 258}
	base = 1
	for i := range d {
		if i >= 4 {
			d[i].bits = uint(i-2) / 2
		}
		d[i].base = base
		base += 1 << d[i].bits
	}
	return l, d
}()
