package pop3d

import (
	"bytes"
	"io"
)

// dots puts text with CR LF line ends on the wire: a dot that begins a line is
// doubled, and the end is a line of one dot (RFC 1939, 3). It stops after the
// header and so many lines of the body.
type dots struct {
	to     io.Writer
	lines  int   // of the body that are still to come
	octets int64 // of the message that were sent

	start  bool // of a line
	header bool
	blank  bool // the line at hand has had nothing but CR
	full   bool // nothing more is wanted
}

// put sends text.
func (d *dots) put(p []byte) error {
	for len(p) > 0 && !d.full {
		if d.start && p[0] == '.' {
			if err := d.send([]byte{'.'}); err != nil {
				return err
			}
		}
		n := d.run(p)
		if err := d.send(p[:n]); err != nil {
			return err
		}
		d.octets += int64(n)
		p = p[n:]
	}
	return nil
}

func (d *dots) send(p []byte) error {
	_, err := d.to.Write(p)
	return err
}

// run is how much of p goes out in one piece: up to a line that begins with a
// dot, or the last line that is wanted.
func (d *dots) run(p []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(p[at:], '\n')
		if d.start {
			d.blank = true
		}
		rest := p[at:]
		if i >= 0 {
			rest = rest[:i]
		}
		if len(bytes.TrimSuffix(rest, []byte{'\r'})) > 0 {
			d.blank = false
		}
		if i < 0 {
			d.start = false
			return len(p)
		}
		at += i + 1
		d.start = true
		d.endLine()
		if d.full || at == len(p) || p[at] == '.' {
			return at
		}
	}
}

// endLine counts a line that has ended.
func (d *dots) endLine() {
	switch {
	case !d.header:
		d.lines--
	case d.blank:
		d.header = false
	}
	d.full = !d.header && d.lines <= 0
}

// end is the end of the message.
func (d *dots) end() error {
	tail := ".\r\n"
	if !d.start {
		tail = "\r\n.\r\n"
	}
	return d.send([]byte(tail))
}
