package smtpd

import "bytes"

// A textDecoder turns the octets of chunks into content: lines end in LF. There
// is no end of data to look for and no dot to take away (RFC 3030, 2). A bare LF
// ends a line, a CR that no LF follows is content. Its output does not depend on
// how the octets were cut into chunks and reads.
type textDecoder struct {
	cr   bool // a CR came last
	open bool // the last line has no end yet
	bare bool // a bare LF was met
}

// feed decodes p, in place, and gives the content to emit; emit does not keep
// it.
func (d *textDecoder) feed(p []byte, emit func([]byte)) {
	if len(p) == 0 {
		return
	}
	if d.cr && p[0] != '\n' {
		emit(oneCR)
	}
	kept, rest := 0, p
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		line := rest[:end]
		switch {
		case end > 0 && line[end-1] == '\r':
			line = line[:end-1]
		case end == 0 && d.cr:
		default:
			d.bare = true
		}
		d.cr = false
		kept += copy(p[kept:], line)
		p[kept] = '\n'
		kept++
		rest = rest[end+1:]
	}
	if d.open, d.cr = len(rest) > 0, len(rest) > 0 && rest[len(rest)-1] == '\r'; d.cr {
		rest = rest[:len(rest)-1]
	}
	kept += copy(p[kept:], rest)
	if kept > 0 {
		emit(p[:kept])
	}
}

// end completes the last line: what is delivered is whole lines, as behind DATA.
func (d *textDecoder) end(emit func([]byte)) {
	if d.open {
		emit(oneLF)
	}
	d.open, d.cr = false, false
}
