package deflate

import "errors"

// errCorrupt is input that is no DEFLATE stream.
var errCorrupt = errors.New("deflate: corrupt input")

// window is how far back a stream may refer (RFC 1951, 2).
const window = 32 << 10

// An inflater decompresses. It takes input as it comes, in pieces of any size,
// and keeps its place: between two pieces it holds the text that the stream may
// still refer to, which is no more than has come, and the codes of a block.
type inflater struct {
	src  []byte // what has come and was not used
	bits uint64 // read ahead of src, the next one lowest
	n    uint   // how many

	state        func(*inflater) error
	last         bool // the block at work is the stream's last
	stored       int  // octets to come of a stored block
	length, dist int  // of a copy at work

	want, have int // code lengths of a dynamic block: in all, and read
	codes      *codes

	win   []byte // a ring when it has grown to its full size
	pos   int    // in win: where the next octet goes, when it is a ring
	total int64

	out []byte // room for output
}

// codes are those of a block with codes of its own.
type codes struct {
	lengths      [320]uint8
	order        code // that of the lengths
	lit, dist    code
	nlit, nclens int
}

// errMore says that the step at hand wants more bits than have come.
var errMore = errors.New("deflate: more input is wanted")

// inflate decompresses from src into p, as far as either goes.
func (z *inflater) inflate(p []byte) (n int, err error) {
	if z.state == nil {
		z.state = (*inflater).header
	}
	z.out = p
	for len(z.out) > 0 {
		if err = z.state(z); err != nil {
			break
		}
	}
	n = len(p) - len(z.out)
	z.out = nil
	if err == errMore {
		err = nil
	}
	return n, err
}

// need has n bits ready.
func (z *inflater) need(n uint) error {
	for z.n < n {
		if len(z.src) == 0 {
			return errMore
		}
		z.bits |= uint64(z.src[0]) << z.n
		z.src = z.src[1:]
		z.n += 8
	}
	return nil
}

// fill has as many bits ready as there are, up to 56: a symbol with all that
// belongs to it has 48 at most.
func (z *inflater) fill() {
	for z.n <= 48 && len(z.src) > 0 {
		z.bits |= uint64(z.src[0]) << z.n
		z.src = z.src[1:]
		z.n += 8
	}
}

func (z *inflater) take(n uint) int {
	v := z.bits & (1<<n - 1)
	z.bits >>= n
	z.n -= n
	return int(v)
}

// header begins a block (RFC 1951, 3.2.3).
func (z *inflater) header() error {
	if z.last {
		return errEnd
	}
	if err := z.need(3); err != nil {
		return err
	}
	z.last = z.take(1) == 1
	switch z.take(2) {
	case 0:
		z.take(z.n % 8)
		z.state = (*inflater).storedHeader
	case 1:
		z.state = (*inflater).fixed
	case 2:
		z.state = (*inflater).dynamic
	default:
		return errCorrupt
	}
	return nil
}

func (z *inflater) storedHeader() error {
	if err := z.need(32); err != nil {
		return err
	}
	n := z.take(16)
	if z.take(16) != n^0xffff {
		return errCorrupt
	}
	z.stored, z.state = n, (*inflater).copyStored
	return nil
}

func (z *inflater) copyStored() error {
	if z.stored == 0 {
		z.state = (*inflater).header
		return nil
	}
	if z.n > 0 { // whole octets
		z.put(byte(z.take(8)))
		z.stored--
		return nil
	}
	n := min(z.stored, len(z.src), len(z.out))
	if n == 0 {
		return errMore
	}
	for _, c := range z.src[:n] {
		z.put(c)
	}
	z.src, z.stored = z.src[n:], z.stored-n
	return nil
}

// dynamic reads how many codes there are (RFC 1951, 3.2.7).
func (z *inflater) dynamic() error {
	if err := z.need(14); err != nil {
		return err
	}
	if z.codes == nil {
		z.codes = &codes{}
	}
	c := z.codes
	c.nlit = z.take(5) + 257
	z.want, z.have = c.nlit+z.take(5)+1, 0
	c.nclens = z.take(4) + 4
	if c.nlit > 286 || z.want-c.nlit > 30 {
		return errCorrupt
	}
	c.lengths = [320]uint8{}
	z.state = (*inflater).lengthCodes
	return nil
}

// lengthOrder is the order in which the lengths of the lengths' own code come.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (z *inflater) lengthCodes() error {
	c := z.codes
	for z.have < c.nclens {
		if err := z.need(3); err != nil {
			return err
		}
		c.lengths[lengthOrder[z.have]] = uint8(z.take(3))
		z.have++
	}
	if !c.order.build(c.lengths[:19], false) {
		return errCorrupt
	}
	c.lengths = [320]uint8{}
	z.have, z.state = 0, (*inflater).codeLengths
	return nil
}

// repeats are the symbols 16 to 18 of the lengths' code: bits, and what is
// added to them.
var repeats = [3]struct {
	bits uint
	base int
}{{2, 3}, {3, 3}, {7, 11}}

func (z *inflater) codeLengths() error {
	c := z.codes
	for z.have < z.want {
		z.fill()
		sym, used := c.order.decode(z.bits, z.n)
		if sym < 0 {
			return z.short(used)
		}
		if sym < 16 {
			z.take(used)
			c.lengths[z.have] = uint8(sym)
			z.have++
			continue
		}
		r := repeats[sym-16]
		if z.n < used+r.bits {
			return errMore
		}
		z.take(used)
		n, value := r.base+z.take(r.bits), uint8(0)
		if z.have+n > z.want || sym == 16 && z.have == 0 {
			return errCorrupt
		}
		if sym == 16 {
			value = c.lengths[z.have-1]
		}
		for range n {
			c.lengths[z.have] = value
			z.have++
		}
	}
	if c.lengths[256] == 0 || !c.lit.build(c.lengths[:c.nlit], true) || !c.dist.build(c.lengths[c.nlit:z.want], true) {
		return errCorrupt
	}
	z.state = (*inflater).own
	return nil
}

// short is what it means that no symbol was found: a code that does not exist,
// or bits that have not come.
func (z *inflater) short(used uint) error {
	if used > maxBits {
		return errCorrupt
	}
	return errMore
}

func (z *inflater) fixed() error { return z.symbol(&fixedLit, &fixedDist) }
func (z *inflater) own() error   { return z.symbol(&z.codes.lit, &z.codes.dist) }

// symbol reads an octet, the end of the block, or a copy with its distance, or
// nothing of it.
func (z *inflater) symbol(lit, dist *code) error {
	if z.length > 0 {
		z.copy()
		return nil
	}
	z.fill()
	bits, n := z.bits, z.n
	sym, used := lit.decode(bits, n)
	switch {
	case sym < 0:
		return z.short(used)
	case sym < 256:
		z.take(used)
		z.put(byte(sym))
		return nil
	case sym == 256:
		z.take(used)
		z.state = (*inflater).header
		if z.last {
			return errEnd
		}
		return nil
	case sym > 285:
		return errCorrupt
	}
	bits, n = bits>>used, n-used
	l := lengths[sym-257]
	if n < l.bits {
		return errMore
	}
	length := int(l.base) + int(bits&(1<<l.bits-1))
	bits, n = bits>>l.bits, n-l.bits
	sym, used = dist.decode(bits, n)
	if sym < 0 {
		return z.short(used)
	}
	if sym > 29 {
		return errCorrupt
	}
	bits, n = bits>>used, n-used
	d := distances[sym]
	if n < d.bits {
		return errMore
	}
	z.length, z.dist = length, int(d.base)+int(bits&(1<<d.bits-1))
	z.bits, z.n = bits>>d.bits, n-d.bits
	if int64(z.dist) > z.total {
		return errCorrupt
	}
	return nil
}

// copy repeats text from the window.
func (z *inflater) copy() {
	for z.length > 0 && len(z.out) > 0 {
		from := len(z.win) - z.dist
		if len(z.win) == window {
			from = (z.pos - z.dist + window) % window
		}
		z.put(z.win[from])
		z.length--
	}
}

// put is an octet of text.
func (z *inflater) put(c byte) {
	z.out[0] = c
	z.out = z.out[1:]
	z.total++
	if len(z.win) < window {
		z.win = append(z.win, c)
		return
	}
	z.win[z.pos] = c
	z.pos = (z.pos + 1) % window
}
