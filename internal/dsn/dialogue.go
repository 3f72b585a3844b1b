package dsn

import (
	"bytes"
	"strconv"
	"sync"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Bounds of a Dialogue, octets.
const (
	maxSaid     = 6 << 10
	maxSaidLine = 300
	keptFirst   = 1 << 10 // of the beginning, when the middle is left out
)

const leftOut = "...\n"

// A Dialogue keeps what is said in a session, in bounded memory: its beginning and
// its end. The zero value is one. It is not safe for concurrent use.
type Dialogue struct {
	b     []byte
	first int // where the middle was left out; 0: nowhere
}

// In takes a line of the other side, without its end.
func (d *Dialogue) In(line []byte) { d.add("In:  ", line) }

// Out takes what this side says: lines with their ends, or one without. Of a
// positive reply of several lines only the first is kept.
func (d *Dialogue) Out(text []byte) {
	for i := 0; len(text) > 0; i++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		d.add("Out: ", bytes.TrimSuffix(line, []byte("\r")))
		if text = rest; bytes.HasPrefix(line, []byte("2")) {
			return
		}
	}
}

func (d *Dialogue) add(who string, line []byte) {
	d.b = append(d.b, who...)
	d.b = append(d.b, line[:min(len(line), maxSaidLine)]...)
	d.b = append(d.b, '\n')
	if len(d.b) > maxSaid {
		d.shorten()
	}
}

// shorten leaves out the oldest lines behind the beginning.
func (d *Dialogue) shorten() {
	if d.first == 0 {
		d.first = bytes.LastIndexByte(d.b[:keptFirst], '\n') + 1
		d.b = append(d.b[:d.first], append([]byte(leftOut), d.b[d.first:]...)...)
		d.first += len(leftOut)
	}
	const some = maxSaid / 4
	end := bytes.IndexByte(d.b[d.first+some:], '\n')
	d.b = append(d.b[:d.first], d.b[d.first+some+end+1:]...)
}

// Reset forgets everything.
func (d *Dialogue) Reset() {
	if d.first = 0; cap(d.b) > keptFirst {
		d.b = nil
	}
	d.b = d.b[:0]
}

// String is what was said, a line each.
func (d *Dialogue) String() string { return string(d.b) }

// A Limiter lets a number of letters an hour through. It is safe for concurrent
// use.
type Limiter struct {
	Max int

	mu      sync.Mutex // guards what follows
	since   time.Time
	n       int
	omitted int
}

// Take asks for one letter at a time; omitted is how many had to be done without
// since the last one that was let through.
func (l *Limiter) Take(now time.Time) (ok bool, omitted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= time.Hour {
		l.since, l.n = now, 0
	}
	if l.n >= l.Max {
		l.omitted++
		return false, 0
	}
	omitted, l.omitted = l.omitted, 0
	l.n++
	return true, omitted
}
