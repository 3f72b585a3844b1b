package imap

import (
	"slices"
	"strconv"
)

// Star is "*" in a set: the largest number in use.
const Star = 0

// A Range is a part of a set, both ends included, in no order; either may be
// Star.
type Range struct{ First, Last uint32 }

// A Set is a sequence set or a UID set.
type Set struct {
	Saved  bool // "$", the saved result (RFC 5182)
	Ranges []Range
}

// Set reads a sequence set; "$" is one.
func (d *Decoder) Set() Set {
	if d.take('$') {
		return Set{Saved: true}
	}
	return Set{Ranges: d.ranges(true)}
}

// UIDs reads a set of UIDs without "*" (uid-set of RFC 4315).
func (d *Decoder) UIDs() []Range { return d.ranges(false) }

func (d *Decoder) ranges(star bool) (set []Range) {
	for more := true; more && d.err == nil; more = d.take(',') {
		r := Range{First: d.setNumber(star)}
		r.Last = r.First
		if d.take(':') {
			r.Last = d.setNumber(star)
		}
		set = append(set, r)
	}
	return set
}

func (d *Decoder) setNumber(star bool) uint32 {
	if star && d.take('*') {
		return Star
	}
	return d.Positive()
}

// Resolve returns the set with "*" as largest, each range in order, the ranges
// rising and apart. With largest 0 there is nothing that "*" could be.
func Resolve(set []Range, largest uint32) []Range {
	out := make([]Range, 0, len(set))
	for _, r := range set {
		for _, n := range []*uint32{&r.First, &r.Last} {
			if *n == Star {
				*n = largest
			}
		}
		if r.First > r.Last {
			r.First, r.Last = r.Last, r.First
		}
		if r.Last == 0 {
			continue
		}
		r.First = max(r.First, 1)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Range) int {
		if a.First < b.First {
			return -1
		}
		if a.First > b.First {
			return 1
		}
		return 0
	})
	n := 0
	for _, r := range out {
		if n > 0 && uint64(r.First) <= uint64(out[n-1].Last)+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out[n] = r
		n++
	}
	return out[:n]
}

// Contains tells whether n is in a resolved set.
func Contains(set []Range, n uint32) bool {
	_, found := slices.BinarySearchFunc(set, n, func(r Range, n uint32) int {
		switch {
		case r.Last < n:
			return -1
		case r.First > n:
			return 1
		}
		return 0
	})
	return found
}

// AppendSet appends a set as text; "" for none.
func AppendSet(b []byte, set []Range) []byte {
	for i, r := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEnd(b, r.First)
		if r.Last != r.First {
			b = append(b, ':')
			b = appendEnd(b, r.Last)
		}
	}
	return b
}

func appendEnd(b []byte, n uint32) []byte {
	if n == Star {
		return append(b, '*')
	}
	return strconv.AppendUint(b, uint64(n), 10)
}

// A Ranger gathers rising numbers into ranges.
type Ranger []Range

// Add adds n, which is above all numbers so far.
func (r *Ranger) Add(n uint32) {
	if k := len(*r); k > 0 && (*r)[k-1].Last+1 == n {
		(*r)[k-1].Last = n
		return
	}
	*r = append(*r, Range{n, n})
}
