package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// An entry is one line of a uidlist: a UID, what stands between it and the
// name (" W123 Pxyz" without the first space), and the name.
type entry struct {
	uid       uint32
	ext, base []byte
}

// A header is the first line of a uidlist.
type header struct {
	version        int
	validity, next uint32
	guid           string // 32 hex digits, "" if there is none
	extra          string // fields that mean nothing to us, " Xvalue …"
}

var errDamaged = errors.New("damaged")

// maxUID is the highest UID that may be given: one above must be a UIDNEXT.
const maxUID = 1<<32 - 2

// parseHeader reads a uidlist's first line. Version 1 is Courier's and old
// Dovecots'.
func parseHeader(line []byte) (h header, err error) {
	fields := bytes.Split(line, []byte(" "))
	switch string(fields[0]) {
	case "1":
		h.version = 1
		if len(fields) != 3 {
			return h, fmt.Errorf("%w: line 1: want \"1 uidvalidity nextuid\", have %q", errDamaged, line)
		}
		h.validity, h.next = number(fields[1]), number(fields[2])
	case "3":
		h.version = 3
		for _, f := range fields[1:] {
			h.field(f)
		}
	default:
		return h, fmt.Errorf("%w: line 1: want version 3 or 1, have %q", errDamaged, line)
	}
	if h.validity == 0 || h.next == 0 {
		return h, fmt.Errorf("%w: line 1: no UIDVALIDITY or next UID in %q", errDamaged, line)
	}
	return h, nil
}

func (h *header) field(f []byte) {
	if len(f) == 0 {
		return
	}
	switch f[0] {
	case 'V':
		h.validity = number(f[1:])
	case 'N':
		h.next = number(f[1:])
	case 'G':
		h.guid = string(f[1:])
	default:
		h.extra += " " + string(f)
	}
}

// number returns 0 for what is no number of 32 bits.
func number(b []byte) uint32 {
	n, err := strconv.ParseUint(string(b), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

func (h *header) append(to []byte) []byte {
	to = fmt.Appendf(to, "3 V%d N%d", h.validity, h.next)
	if h.guid != "" {
		to = append(append(to, " G"...), h.guid...)
	}
	return append(append(to, h.extra...), '\n')
}

// parseEntry reads a line behind the first.
func parseEntry(line []byte, version int) (e entry, ok bool) {
	i := 0
	uid := uint64(0)
	for i < len(line) && i < 10 && line[i] >= '0' && line[i] <= '9' {
		uid = uid*10 + uint64(line[i]-'0')
		i++
	}
	if i == 0 || uid == 0 || uid > maxUID || i >= len(line) || line[i] != ' ' {
		return e, false
	}
	e.uid = uint32(uid)
	rest := line[i+1:]
	if version == 3 {
		// Extensions have no space in them, and none begins with a colon.
		for len(rest) > 0 && rest[0] != ':' {
			i := bytes.IndexByte(rest, ' ')
			if i < 0 {
				return e, false
			}
			rest = rest[i+1:]
		}
		if len(rest) == 0 {
			return e, false
		}
		e.ext = bytes.TrimRight(line[i+1:len(line)-len(rest)], " ")
		rest = rest[1:]
	}
	e.base, _ = splitName(rest)
	return e, usable(e.base) && bytes.IndexByte(e.base, '/') < 0 && bytes.IndexByte(e.base, 0) < 0
}

func appendEntry(to []byte, uid uint32, ext string, base []byte) []byte {
	to = strconv.AppendUint(to, uint64(uid), 10)
	if ext != "" {
		to = append(append(to, ' '), ext...)
	}
	to = append(to, " :"...)
	return append(append(to, base...), '\n')
}

// parseEntries calls do with each whole line of data, whose UIDs must rise
// beyond last. It returns how much of data it has read: a line without its end
// is being written, or was when the machine stopped.
func parseEntries(data []byte, version int, last uint32, do func(entry)) (int, error) {
	done := 0
	for {
		i := bytes.IndexByte(data[done:], '\n')
		if i < 0 {
			return done, nil
		}
		line := data[done : done+i]
		e, ok := parseEntry(line, version)
		if !ok || e.uid <= last {
			return done, fmt.Errorf("%w: want a UID above %d and a name, have %.100q", errDamaged, last, line)
		}
		last = e.uid
		do(e)
		done += i + 1
	}
}

// extension returns the value of the extension called key.
func extension(ext string, key byte) string {
	for _, f := range bytes.Fields([]byte(ext)) {
		if f[0] == key {
			return string(f[1:])
		}
	}
	return ""
}
