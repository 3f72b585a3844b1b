// Package queue is the queue directory: the format of a queue file, its
// states, and the store that moves it from one to the next. It knows no
// protocol and starts no goroutine.
//
// # The file
//
// One file holds one message. Numbers are little-endian.
//
//	offset  size  field
//	0       8     "yubin q1": magic and format version
//	8       80    queue ID, ASCII, padded with NUL
//	88      4     envelope length E, octets
//	92      4     flags (FlagBinary: content keeps its CRLF)
//	96      8     content length C, octets
//	104     8     arrival time, microseconds since 1970
//	112     4     CRC-32C of envelope and content
//	116     8     zero
//	124     4     CRC-32C of octets 0 to 123
//	128     E     envelope
//	128+E   C     content; lines end in LF
//	128+E+C       result records, appended by qmgr alone; then zeros or the end
//
// The envelope is a sequence of records, each one letter, a value without NUL,
// and a NUL:
//
//	S  sender, empty for the null sender; exactly one, the first record
//	A  name=value, an attribute of the message (see the Attr constants)
//	O  original recipient, when it differs from the next R
//	X  (no value) the next R is final: aliases are not applied to it again
//	M  the next R is this one member of what its address stands for
//	P  name=value, an attribute of the next R
//	R  recipient
//
// An unknown lower-case letter is skipped; an unknown upper-case letter makes
// the file unreadable, since it may change what the rest means.
//
// A file is written onto a blank: the bytes of an earlier message lie
// underneath. The Writer cuts or zeroes what lies beyond the content, and the
// header's checksum, which covers ID and lengths and the body's checksum, is
// what makes the bytes a message. docs/QUEUE.md has the states and crash points.
package queue
