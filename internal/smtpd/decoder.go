package smtpd

import "bytes"

// A place is where in a line of message data the next octet stands.
type place int

const (
	lineStart place = iota // behind CR LF, or at the very start
	bareStart              // behind a bare LF: a line starts, but no end of data
	dot                    // behind a dot at lineStart
	bareDot                // behind a dot at bareStart
	dotCR                  // behind ". CR" at lineStart
	bareDotCR              // behind ". CR" at bareStart
	middle                 // within a line
	middleCR               // behind a CR within a line
)

// A decoder turns message data from the wire into content: lines end in LF,
// and dots that the client added are gone (RFC 5321, 4.5.2). Its output does not
// depend on how the data was cut into reads.
//
// A bare LF ends a line, and takes part in no end of data: a lone dot next to
// one is content and stays (CVE-2023-51764 and its like). A CR that no LF
// follows is content. NUL and octets above 127 are content.
type decoder struct {
	at   place
	bare bool // a bare LF was met
}

var (
	oneCR  = []byte{'\r'}
	oneLF  = []byte{'\n'}
	oneDot = []byte{'.'}
)

// feed decodes p, in place, and gives the content to emit; emit does not keep
// it. It returns how much of p it used: all of it, unless done says that the
// message has ended.
func (d *decoder) feed(p []byte, emit func([]byte)) (n int, done bool) {
	kept := 0 // p[:kept] is content
	for i := 0; i < len(p); {
		c := p[i]
		switch d.at {
		case lineStart, bareStart:
			if c == '.' {
				d.at += dot - lineStart
				i++
				continue
			}
			d.at = middle
		case dot, bareDot:
			if c == '\r' {
				d.at += dotCR - dot
				i++
				continue
			}
			if c == '\n' {
				// A lone dot, ended by a bare LF. Nothing is pending in front
				// of it, or it was emitted: kept cannot overtake i.
				kept = d.put(p, kept, i, oneDot, emit)
			}
			d.at = middle
		case dotCR, bareDotCR:
			switch {
			case c == '\n' && d.at == dotCR:
				if kept > 0 {
					emit(p[:kept])
				}
				return i + 1, true
			case c == '\n':
				kept = d.put(p, kept, i, oneDot, emit)
				kept = d.put(p, kept, i, oneLF, emit)
				d.at = lineStart
				i++
				continue
			}
			// The line goes on: its first dot was added by the client.
			d.at = middleCR
			continue
		case middleCR:
			if c == '\n' {
				kept = d.put(p, kept, i+1, oneLF, emit)
				d.at = lineStart
				i++
				continue
			}
			kept = d.put(p, kept, i, oneCR, emit)
			if c == '\r' {
				i++
				continue
			}
			d.at = middle
		}
		// In the middle of a line: take what there is of it.
		end := bytes.IndexByte(p[i:], '\n')
		if end < 0 {
			rest := p[i:]
			if rest[len(rest)-1] == '\r' {
				rest = rest[:len(rest)-1]
				d.at = middleCR
			}
			kept += copy(p[kept:], rest)
			break
		}
		line := p[i : i+end]
		d.at = bareStart
		if end > 0 && line[end-1] == '\r' {
			line = line[:end-1]
			d.at = lineStart
		} else {
			d.bare = true
		}
		kept += copy(p[kept:], line)
		p[kept] = '\n'
		kept++
		i += end + 1
	}
	if kept > 0 {
		emit(p[:kept])
	}
	return len(p), false
}

// put adds b to the content p[:kept] without touching p[limit:]; where there is
// no room, what there is goes to emit first.
func (d *decoder) put(p []byte, kept, limit int, b []byte, emit func([]byte)) int {
	if kept+len(b) <= limit {
		return kept + copy(p[kept:], b)
	}
	if kept > 0 {
		emit(p[:kept])
	}
	emit(b)
	return 0
}
