package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A State is how far a recipient has come.
type State byte

// The states, which are also the letters of records.
const (
	Waiting  State = 0   // not tried, or the outcome is not known
	Deferred State = 'd' // tried; to be tried again. With a child: the sender has been told so
	Sent     State = 's' // delivered
	Expanded State = 'e' // a child message goes to other addresses in its place
	Returned State = 'n' // in a notice to the sender, or dropped because there is nobody to tell
)

// Done tells whether nothing is left to do for a recipient.
func (s State) Done() bool { return s != Waiting && s != Deferred }

// frame is the length of what stands before a record: its length and checksum.
const frame = 8

// maxRecord bounds a record, octets; recordRecipients is how many recipients
// Append puts into one, which is well below.
const (
	maxRecord        = 1 << 20
	recordRecipients = 64 << 10
)

// A Record says what became of some recipients at one time. Records are
// appended behind the content:
//
//	0  4  length L of the rest, at least 1
//	4  4  CRC-32C of the message's ID and the L octets
//	8  L  fields: one letter, a value without NUL, and a NUL
//
//	K  the state's letter; the first field
//	T  time, microseconds since 1970
//	I  numbers of the recipients: 0-3,7
//	C  enhanced status code          M  text
//	H  remote host                   Q  queue ID of the child (e, n, d)
//	D  the report that the sender is still to get (s, e): delivered, relayed, expanded
//
// An unknown letter is skipped. The first record that is torn, or zeros, is the end.
type Record struct {
	State      State
	Time       int64  // microseconds since 1970
	Code       string // enhanced status code
	Text       string
	Host       string
	Child      string
	Report     string // with Sent or Expanded: what the sender is still to be told; "": nothing
	Recipients []int  // rising
}

// AppendRecord appends the record, framed, to b. id is the message's.
func AppendRecord(b []byte, id string, r *Record) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, frame)...)
	field := func(letter byte, value string) {
		if value != "" {
			b = append(append(append(b, letter), strings.ReplaceAll(value, "\x00", "?")...), 0)
		}
	}
	field('K', string(r.State))
	field('T', strconv.FormatInt(r.Time, 10))
	field('C', r.Code)
	field('M', r.Text)
	field('H', r.Host)
	field('Q', r.Child)
	field('D', r.Report)
	b = append(b, 'I')
	b = appendNumbers(b, r.Recipients)
	b = append(b, 0)
	body := b[start+frame:]
	if len(body) > maxRecord {
		return b[:start], fmt.Errorf("result record of %d octets is too large", len(body))
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[start+4:], recordSum(id, body))
	return b, nil
}

func recordSum(id string, body []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(id), castagnoli), castagnoli, body)
}

// nextRecord reads the record at the start of b, of a message with the given
// ID and number of recipients. size is 0 when there is none.
func nextRecord(b []byte, id string, recipients int) (r Record, size int) {
	if len(b) < frame {
		return r, 0
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > maxRecord || int(n) > len(b)-frame {
		return r, 0
	}
	body := b[frame : frame+int(n)]
	if binary.LittleEndian.Uint32(b[4:]) != recordSum(id, body) || !r.parse(body, recipients) {
		return Record{}, 0
	}
	return r, frame + int(n)
}

func (r *Record) parse(b []byte, recipients int) bool {
	for len(b) > 0 {
		end := bytes.IndexByte(b, 0)
		if end < 1 {
			return false
		}
		letter, value := b[0], string(b[1:end])
		b = b[end+1:]
		ok := true
		switch letter {
		case 'K':
			if ok = len(value) == 1; ok {
				r.State = State(value[0])
			}
		case 'T':
			var err error
			r.Time, err = strconv.ParseInt(value, 10, 64)
			ok = err == nil
		case 'C':
			r.Code = value
		case 'M':
			r.Text = value
		case 'H':
			r.Host = value
		case 'Q':
			r.Child = value
			ok = ValidID(value)
		case 'D':
			r.Report = value
		case 'I':
			r.Recipients, ok = parseNumbers(value, recipients)
		}
		if !ok {
			return false
		}
	}
	switch r.State {
	case Deferred, Sent, Expanded, Returned:
		return true
	}
	return false
}

// appendNumbers writes rising numbers as ranges: 0-3,7.
func appendNumbers(b []byte, numbers []int) []byte {
	for i := 0; i < len(numbers); {
		k := i
		for k+1 < len(numbers) && numbers[k+1] == numbers[k]+1 {
			k++
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(numbers[i]), 10)
		if k > i {
			b = append(b, '-')
			b = strconv.AppendInt(b, int64(numbers[k]), 10)
		}
		i = k + 1
	}
	return b
}

// FormatNumbers returns rising numbers as ranges: 0-3,7.
func FormatNumbers(numbers []int) string { return string(appendNumbers(nil, numbers)) }

// parseNumbers reads ranges of rising numbers below limit.
func parseNumbers(s string, limit int) (numbers []int, ok bool) {
	last := -1
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, ",")
		low, high, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(low)
		to := from
		if isRange && err == nil {
			to, err = strconv.Atoi(high)
		}
		if err != nil || from <= last || to < from || to >= limit {
			return nil, false
		}
		for n := from; n <= to; n++ {
			numbers = append(numbers, n)
		}
		last = to
	}
	return numbers, true
}
