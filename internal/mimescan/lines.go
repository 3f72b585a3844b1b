package mimescan

import (
	"bytes"
	"io"
	"sync"
)

// bufferSize is how much of a file is read at once, octets.
const bufferSize = 64 << 10

// lookAhead is how much of a line is seen before it is taken: more than the
// longest delimiter.
const lookAhead = 256

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A mark is a place in the file, with what was counted up to it.
type mark struct {
	at    int64
	lines int64 // LFs
	bare  int64 // LFs without a CR before them
}

// span is what lies between two marks.
func span(from, to mark) Span {
	n := to.at - from.at
	return Span{Offset: from.at, Stored: n, Octets: n + to.bare - from.bare, Lines: to.lines - from.lines}
}

// lines reads a file line by line.
type lines struct {
	r    io.ReaderAt
	size int64
	err  error

	buf  *[bufferSize]byte
	p, n int   // buf[p:n] is not taken
	base int64 // of buf[0] in the file

	count, bare int64
	eol         mark // before the end of the line that was taken last
	cr          bool // the octet taken last was a CR
	bol         bool // the next octet begins a line
}

func (l *lines) mark() mark { return mark{l.base + int64(l.p), l.count, l.bare} }

// fill has at least lookAhead octets ready, or all that are left.
func (l *lines) fill() {
	if l.n-l.p >= lookAhead || l.base+int64(l.n) >= l.size || l.err != nil {
		return
	}
	copy(l.buf[:], l.buf[l.p:l.n])
	l.base += int64(l.p)
	l.n -= l.p
	l.p = 0
	for l.n < bufferSize && l.base+int64(l.n) < l.size {
		free := min(int64(bufferSize-l.n), l.size-l.base-int64(l.n))
		k, err := l.r.ReadAt(l.buf[l.n:l.n+int(free)], l.base+int64(l.n))
		l.n += k
		if k > 0 {
			continue
		}
		if err == io.EOF || err == nil {
			err = io.ErrUnexpectedEOF // the file has become shorter
		}
		l.err = err
		return
	}
}

// peek returns the start of the next line, with its end if it is among the octets
// that are ready; nil at the end of the file.
func (l *lines) peek() []byte {
	l.fill()
	b := l.buf[l.p:l.n]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	}
	return b
}

// take takes the line that peek returned; what was not ready of it goes to more.
func (l *lines) take(line []byte, more func([]byte)) {
	for {
		l.step(line)
		if len(line) == 0 || line[len(line)-1] == '\n' {
			return
		}
		if line = l.peek(); more != nil && len(line) > 0 {
			more(line)
		}
	}
}

// step takes octets of which only the last may be an LF.
func (l *lines) step(b []byte) {
	n := len(b)
	if n == 0 {
		return
	}
	l.eol = l.mark()
	l.eol.at += int64(n)
	if b[n-1] == '\n' {
		l.eol.at--
		if n > 1 && b[n-2] == '\r' || n == 1 && l.cr {
			l.eol.at--
		} else {
			l.bare++
		}
		l.count++
	}
	l.cr, l.bol = b[n-1] == '\r', b[n-1] == '\n'
	l.p += n
}

// body takes lines up to one that begins with "--", or, if all, up to the end of
// the file.
func (l *lines) body(all bool) {
	for {
		l.fill()
		b := l.buf[l.p:l.n]
		if len(b) == 0 {
			return
		}
		if all {
			l.chunk(b)
			continue
		}
		for len(b) > 0 {
			if b[0] == '-' && len(b) > 1 && b[1] == '-' && l.bol {
				return
			}
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				l.step(b)
				break
			}
			l.step(b[:i+1])
			b = b[i+1:]
			if len(b) < lookAhead {
				break
			}
		}
	}
}

// chunk takes octets without looking at the ends of their lines.
func (l *lines) chunk(b []byte) {
	l.count += int64(bytes.Count(b, []byte("\n")))
	l.bare += bareLines(b, l.cr)
	last := b[len(b)-1]
	l.cr, l.bol = last == '\r', last == '\n'
	l.p += len(b)
}

// emptyLine tells whether a line has no octets but its end.
func emptyLine(line []byte) bool {
	return line[0] == '\n' || len(line) > 1 && line[0] == '\r' && line[1] == '\n'
}
