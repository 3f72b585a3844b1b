package queue

import (
	"fmt"
	"strconv"
	"time"
)

// The last digit of a fresh queue ID tells who gave it, so that IDs given by
// different programs in the same microsecond differ.
const (
	OriginQmgr     = '0' // qmgr's blanks
	OriginSendmail = '1' // sendmail's maildrop files
)

// freshDigits is the length of a fresh ID: 13 upper-case hex digits of
// microseconds since 1970 (enough until the year 2112) and the origin.
const freshDigits = 14

// A Child says how a message came from another one.
type Child byte

// The kinds of children.
const (
	ChildForward Child = 'A' // alias or .forward expansion of recipient n
	ChildBounce  Child = 'B' // the n-th notice to the sender
	ChildDelay   Child = 'C' // the n-th notice of delay to the sender
	ChildCopy    Child = 'D' // the postmaster's copy of the n-th notice; the parent has no record of it
	ChildWarning Child = 'E' // his copy of the n-th notice of delay, likewise
)

const childDigits = 6 // the kind and five hex digits of n

// FreshID returns the ID of the microsecond t, which the caller never gives twice.
func FreshID(t time.Time, origin byte) string {
	return fmt.Sprintf("%013X%c", t.UnixMicro(), origin)
}

// ChildID returns the ID of the n-th child of a kind: the parent's ID and six
// digits more, so that making it twice makes one. ok is false when the line of
// descent is too long to be anything but a loop, or n is out of range.
func ChildID(parent string, kind Child, n int) (id string, ok bool) {
	if len(parent)+childDigits > MaxID || n < 0 || n > 0xFFFFF {
		return "", false
	}
	return fmt.Sprintf("%s%c%05X", parent, kind, n), true
}

// Parent returns the ID that a child's ID was made from, "" for a fresh one.
func Parent(id string) string {
	if len(id) < freshDigits+childDigits {
		return ""
	}
	return id[:len(id)-childDigits]
}

// ValidID tells whether id has the form of a queue ID: upper-case hex digits of
// a length that FreshID and ChildID give. It is safe as a file name.
func ValidID(id string) bool {
	if len(id) < freshDigits || len(id) > MaxID || (len(id)-freshDigits)%childDigits != 0 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// IDTime returns the time that a valid ID was made from (its oldest ancestor's).
func IDTime(id string) time.Time {
	us, err := strconv.ParseInt(id[:freshDigits-1], 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// CounterName is the file in maildrop/ whose length counts what a user has
// submitted since pickup last removed it; it is no queue ID.
func CounterName(uid int) string { return fmt.Sprintf(".uid-%d", uid) }
