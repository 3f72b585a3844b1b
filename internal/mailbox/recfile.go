package mailbox

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

// yubin-records has what a program wants to know of messages without reading
// them: of each a short part (keys), which is looked at for many messages at once, and a
// longer one (answers). What they mean is their maker's matter. The file is
// "yubin records 1\n", UIDVALIDITY, the maker's version, and blocks:
//
//	head     "block", checksum of what follows up to the keys, number of records,
//	         octets of all keys, octets of all answers
//	records  UID, checksum of the base name, octets of its keys, of its answers
//	keys     one after the other, each with its checksum behind it
//	answers  likewise
//
// Numbers have 4 octets, little-endian; checksums are CRC-32C; those of keys and
// answers also cover UID and name. Of two records for one UID the later counts; one
// for another name is none. Blocks are appended with one write each, under flock(2).
const (
	recordFile  = "yubin-records"
	recordMagic = "yubin records 1\n"

	recordHead = len(recordMagic) + 8
	blockMagic = "block\x00\x00\x00"
	blockHead  = len(blockMagic) + 16
	blockEntry = 16
	sumSize    = 4
)

const (
	// maxRecord is how long each part of a record may be, octets. A longer one
	// is not kept: the message is read each time.
	maxRecord = 64 << 10
	// maxRecordFile bounds the file, octets.
	maxRecordFile = 1 << 30
	// maxBlock is how much is gathered before it is written, octets, and
	// largestBlock is above what any block has then.
	maxBlock     = 1 << 20
	largestBlock = 2 * maxBlock
)

// A place is where a record lies in the file.
type place struct {
	uid, name  uint32
	keys       int64
	answers    int64
	keysLen    uint32
	answersLen uint32
}

// size is how much of the file the record takes.
func (p *place) size() int64 { return blockEntry + int64(p.keysLen) + int64(p.answersLen) + 2*sumSize }

func nameSum(base []byte) uint32 { return crc32.Checksum(base, castagnoli) }

// bodySum is the checksum of one part of a record.
func bodySum(uid, name uint32, body []byte) uint32 {
	var id [8]byte
	binary.LittleEndian.PutUint32(id[:], uid)
	binary.LittleEndian.PutUint32(id[4:], name)
	return crc32.Update(crc32.Checksum(id[:], castagnoli), castagnoli, body)
}

// checked returns the part in b, which has its checksum behind it, or nil.
func checked(uid, name uint32, b []byte) []byte {
	n := len(b) - sumSize
	if n < 0 || binary.LittleEndian.Uint32(b[n:]) != bodySum(uid, name, b[:n]) {
		return nil
	}
	return b[:n:n]
}

func appendRecordHead(b []byte, validity, maker uint32) []byte {
	e := encoder(append(b, recordMagic...))
	e.u32(validity)
	e.u32(maker)
	return e
}

// A record waits to be written.
type record struct {
	uid, name     uint32
	keys, answers []byte
}

func (r *record) size() int { return blockEntry + len(r.keys) + len(r.answers) + 2*sumSize }

// appendBlock appends a block of records.
func appendBlock(b []byte, list []record) []byte {
	size := blockHead
	for i := range list {
		size += list[i].size()
	}
	start := len(b)
	e := encoder(append(slices.Grow(b, size), blockMagic...))
	e.u32(0)
	e.u32(uint32(len(list)))
	keys, answers := 0, 0
	for i := range list {
		keys += len(list[i].keys) + sumSize
		answers += len(list[i].answers) + sumSize
	}
	e.u32(uint32(keys))
	e.u32(uint32(answers))
	for i := range list {
		r := &list[i]
		e.u32(r.uid)
		e.u32(r.name)
		e.u32(uint32(len(r.keys)))
		e.u32(uint32(len(r.answers)))
	}
	at := start + len(blockMagic)
	binary.LittleEndian.PutUint32(e[at:], crc32.Checksum(e[at+4:], castagnoli))
	for i := range list {
		r := &list[i]
		e = append(e, r.keys...)
		e.u32(bodySum(r.uid, r.name, r.keys))
	}
	for i := range list {
		r := &list[i]
		e = append(e, r.answers...)
		e.u32(bodySum(r.uid, r.name, r.answers))
	}
	return e
}

// readBlocks reads where the records of a file lie from an offset on, which a
// block begins at, to the file's end. It returns how far there are whole blocks: an end
// that is torn, or damaged, is not theirs.
func readBlocks(r io.ReaderAt, from, size int64) (list []place, blocks int, end int64) {
	if from == size {
		return nil, 0, from
	}
	buf := make([]byte, 0, min(64<<10, size-from))
	at := int64(0) // of buf in the file
	// get returns n octets at off.
	get := func(off int64, n int) []byte {
		if off < at || off+int64(n) > at+int64(len(buf)) {
			at = off
			want := int(min(int64(max(n, cap(buf))), size-off))
			if want < n {
				return nil
			}
			buf = slices.Grow(buf[:0], want)[:want]
			if k, _ := r.ReadAt(buf, off); k < want {
				if buf = buf[:k]; k < n {
					return nil
				}
			}
		}
		return buf[off-at:][:n]
	}
	for end = from; end < size; {
		head := get(end, blockHead)
		if head == nil || string(head[:len(blockMagic)]) != blockMagic {
			return list, blocks, end
		}
		d := decoder{b: head[len(blockMagic):]}
		sum, n, keys, answers := d.u32(), int64(d.u32()), int64(d.u32()), int64(d.u32())
		body := end + int64(blockHead) + n*blockEntry
		next := body + keys + answers
		if next > min(size, end+largestBlock) || n*blockEntry > keys*blockEntry {
			return list, blocks, end
		}
		head = get(end, blockHead+int(n)*blockEntry)
		if head == nil || crc32.Checksum(head[len(blockMagic)+4:], castagnoli) != sum {
			return list, blocks, end
		}
		some, ok := readPlaces(head[blockHead:], body, keys, answers)
		if !ok {
			return list, blocks, end
		}
		list = append(list, some...)
		blocks++
		end = next
	}
	return list, blocks, end
}

// readPlaces reads the list of a block's records, whose keys begin at an offset.
func readPlaces(b []byte, at, keys, answers int64) (list []place, ok bool) {
	list = make([]place, 0, len(b)/blockEntry)
	k, a := at, at+keys
	for d := (decoder{b: b}); len(d.b) > 0; {
		p := place{uid: d.u32(), name: d.u32(), keysLen: d.u32(), answersLen: d.u32()}
		p.keys, p.answers = k, a
		if p.keysLen > maxRecord || p.answersLen > maxRecord {
			return nil, false
		}
		k += int64(p.keysLen) + sumSize
		a += int64(p.answersLen) + sumSize
		list = append(list, p)
	}
	return list, k == at+keys && a == at+keys+answers
}

// sortPlaces puts places in the order of their UIDs; of two for one UID the
// later stays.
func sortPlaces(list []place) []place {
	byUID := func(a, b place) int { return cmp.Compare(a.uid, b.uid) }
	if !slices.IsSortedFunc(list, byUID) {
		slices.SortStableFunc(list, byUID)
	}
	out := list[:0]
	for i := range list {
		if i+1 < len(list) && list[i+1].uid == list[i].uid {
			continue
		}
		out = append(out, list[i])
	}
	return out
}
