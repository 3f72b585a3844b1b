package mailbox

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Flags are the flags that Maildir defines.
type Flags uint8

// The letters DFPRST in this order.
const (
	Draft Flags = 1 << iota
	Flagged
	Passed // to somebody else: $Forwarded
	Replied
	Seen
	Trashed // \Deleted
)

const flagLetters = "DFPRST"

// Keywords is a set of a folder's keywords, a bit for each letter from 'a'.
type Keywords uint32

// maxKeywords is how many letters there are.
const maxKeywords = 26

// splitName separates the base name, which identifies a message as long as it
// exists, from what a reader put behind it.
func splitName(file []byte) (base, info []byte) {
	if i := bytes.IndexByte(file, ':'); i >= 0 {
		return file[:i], file[i:]
	}
	return file, nil
}

// parseInfo reads the flags in info, which begins with the colon or is empty.
// odd says that appendInfo would write it in another way.
func parseInfo(info []byte) (f Flags, k Keywords, odd bool) {
	letters, ok := bytes.CutPrefix(info, []byte(":2,"))
	if !ok {
		return 0, 0, true
	}
	last := byte(0)
	for _, c := range letters {
		if c <= last {
			odd = true // not sorted, or twice
		}
		last = c
		if c >= 'a' && c <= 'z' {
			k |= 1 << (c - 'a')
			continue
		}
		bit := flagOf(c)
		if bit == 0 {
			odd = true
			if c == ',' { // another set of flags, for which we have no meaning
				break
			}
		}
		f |= bit
	}
	return f, k, odd
}

func flagOf(c byte) Flags {
	for i := range len(flagLetters) {
		if flagLetters[i] == c {
			return 1 << i
		}
	}
	return 0
}

// appendInfo appends ":2," and the letters.
func appendInfo(to []byte, f Flags, k Keywords) []byte {
	to = append(to, ":2,"...)
	for i := range len(flagLetters) {
		if f&(1<<i) != 0 {
			to = append(to, flagLetters[i])
		}
	}
	for ; k != 0; k &= k - 1 {
		to = append(to, 'a'+byte(bits.TrailingZeros32(uint32(k))))
	}
	return to
}

// changeInfo returns the info that says f and k and keeps what is in old that
// they do not speak of: letters without a meaning here, a second set of flags.
func changeInfo(old []byte, f Flags, k Keywords) []byte {
	info := appendInfo(nil, f, k)
	letters, ok := bytes.CutPrefix(old, []byte(":2,"))
	if !ok {
		return info
	}
	letters, rest, second := bytes.Cut(letters, []byte(","))
	for _, c := range letters {
		if flagOf(c) != 0 || c >= 'a' && c <= 'z' || bytes.IndexByte(info[3:], c) >= 0 {
			continue
		}
		at := 3
		for at < len(info) && info[at] < c {
			at++
		}
		info = append(info[:at], append([]byte{c}, info[at:]...)...)
	}
	if second {
		info = append(append(info, ','), rest...)
	}
	return info
}

// nameSize returns the number behind ",S=" (key 'S') or ",W=" in a base name.
func nameSize(base []byte, key byte) (int64, bool) {
	for {
		i := bytes.IndexByte(base, ',')
		if i < 0 {
			return 0, false
		}
		base = base[i+1:]
		if len(base) < 3 || base[0] != key || base[1] != '=' {
			continue
		}
		end := 2
		for end < len(base) && base[end] >= '0' && base[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(string(base[2:end]), 10, 64)
		if err != nil || end < len(base) && base[end] != ',' {
			return 0, false
		}
		return n, true
	}
}

// usable tells whether a file of this name can be a message: not hidden, and
// nothing that would break a line of the uidlist. A name that is used up by
// its base leaves no room for flags.
func usable(file []byte) bool {
	if len(file) == 0 || file[0] == '.' || file[0] == ':' || len(file) > 255 {
		return false
	}
	return bytes.IndexByte(file, '\n') < 0 && bytes.IndexByte(file, '\r') < 0
}

// arrival returns the seconds and microseconds in a base name
// (SECONDS.…M123…), by which messages that come together are ordered.
func arrival(base []byte) (sec, usec uint64) {
	sec, rest := digits(base)
	if len(rest) == 0 || rest[0] != '.' {
		return sec, 0
	}
	for rest = rest[1:]; len(rest) > 0 && rest[0] != '.' && rest[0] != ','; {
		letter := rest[0]
		n, after := digits(rest[1:])
		if letter == 'M' {
			return sec, n
		}
		rest = after
	}
	return sec, 0
}

func digits(b []byte) (n uint64, rest []byte) {
	i := 0
	for i < len(b) && i < 19 && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + uint64(b[i]-'0')
		i++
	}
	return n, b[i:]
}

// sortArrivals orders messages that come together as Dovecot does, by the times
// in their names, and then by name so that every program gives the same order.
func sortArrivals(files []newFile) {
	for i := range files {
		files[i].sec, files[i].usec = arrival([]byte(files[i].base))
	}
	slices.SortFunc(files, func(a, b newFile) int {
		if c := cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.usec, b.usec)); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.base, b.base), strings.Compare(a.info, b.info))
	})
}
