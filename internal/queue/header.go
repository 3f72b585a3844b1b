package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// HeaderSize is the length of the fixed header, octets.
const HeaderSize = 128

// MaxID is the longest queue ID that a header can hold, octets.
const MaxID = 80

// FlagBinary marks content that is kept as it came, CRLF and all (RFC 3030).
const FlagBinary uint32 = 1

const magic = "yubin q1"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBlank is returned for bytes that are not a committed message: zeros, a
// torn header, or a header whose body does not match.
var ErrBlank = errors.New("not a complete queue file")

// A Header is the fixed part at the start of a queue file.
type Header struct {
	ID       string
	Envelope uint32 // octets
	Flags    uint32
	Content  uint64 // octets
	Arrival  int64  // microseconds since 1970
	Body     uint32 // CRC-32C of envelope and content
}

// ContentOffset is where the content starts in the file.
func (h *Header) ContentOffset() int64 { return HeaderSize + int64(h.Envelope) }

// End is where the content ends and result records start.
func (h *Header) End() int64 { return h.ContentOffset() + int64(h.Content) }

// encode writes h into b, which has HeaderSize octets.
func (h *Header) encode(b []byte) error {
	if len(h.ID) == 0 || len(h.ID) > MaxID {
		return fmt.Errorf("queue ID of %d octets, want 1..%d", len(h.ID), MaxID)
	}
	clear(b[:HeaderSize])
	copy(b, magic)
	copy(b[8:88], h.ID)
	binary.LittleEndian.PutUint32(b[88:], h.Envelope)
	binary.LittleEndian.PutUint32(b[92:], h.Flags)
	binary.LittleEndian.PutUint64(b[96:], h.Content)
	binary.LittleEndian.PutUint64(b[104:], uint64(h.Arrival))
	binary.LittleEndian.PutUint32(b[112:], h.Body)
	binary.LittleEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
	return nil
}

// ParseHeader reads the header at the start of b. It returns ErrBlank when b
// holds none whose checksum is right.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize || string(b[:8]) != magic ||
		binary.LittleEndian.Uint32(b[124:]) != crc32.Checksum(b[:124], castagnoli) {
		return Header{}, ErrBlank
	}
	h := Header{
		ID:       string(bytes.TrimRight(b[8:88], "\x00")),
		Envelope: binary.LittleEndian.Uint32(b[88:]),
		Flags:    binary.LittleEndian.Uint32(b[92:]),
		Content:  binary.LittleEndian.Uint64(b[96:]),
		Arrival:  int64(binary.LittleEndian.Uint64(b[104:])),
		Body:     binary.LittleEndian.Uint32(b[112:]),
	}
	if h.Content > 1<<62 || !ValidID(h.ID) {
		return Header{}, ErrBlank
	}
	return h, nil
}
