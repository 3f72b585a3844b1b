package smtpc

import (
	"bytes"
	"io"
)

// A wire writes content whose lines end in LF as it goes onto the wire: lines
// end in CRLF, and long ones are continued.
type wire struct {
	w       io.Writer // buffered
	limit   int       // octets of a line; 0: no limit
	dots    bool      // a dot before a dot that begins a line (RFC 5321, 4.5.2)
	column  int       // octets of the line so far
	started bool      // the line has begun
	err     error
}

// newWire returns a wire. A continued line has room for something behind its
// space, whatever the limit.
func newWire(w io.Writer, limit int, dots bool) *wire {
	if limit > 0 {
		limit = max(limit, 2)
	}
	return &wire{w: w, limit: limit, dots: dots}
}

var (
	crlf = []byte("\r\n")
	cont = []byte("\r\n ")
	dot  = []byte(".")
)

// Write never keeps b. The number is of use to nobody.
func (w *wire) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && w.err == nil {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			w.part(b)
			break
		}
		w.part(b[:i])
		w.end()
		b = b[i+1:]
	}
	return n, w.err
}

// part writes octets of one line.
func (w *wire) part(b []byte) {
	if len(b) == 0 {
		return
	}
	if !w.started && w.dots && b[0] == '.' {
		w.put(dot)
	}
	w.started = true
	for w.limit > 0 && w.column+len(b) > w.limit {
		n := w.limit - w.column
		w.plain(b[:n])
		w.put(cont)
		b, w.column = b[n:], 1
	}
	w.plain(b)
	w.column += len(b)
}

// plain writes octets without CR: alone it means a line end to some and nothing
// to others, which smugglers of mail live by (RFC 5321, 2.3.8). As Postfix
// does, a space stands for it.
func (w *wire) plain(b []byte) {
	for w.err == nil {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			break
		}
		w.put(b[:i])
		w.put([]byte{' '})
		b = b[i+1:]
	}
	w.put(b)
}

func (w *wire) end() {
	w.put(crlf)
	w.column, w.started = 0, false
}

// finish ends the last line.
func (w *wire) finish() error {
	if w.started {
		w.end()
	}
	return w.err
}

func (w *wire) put(b []byte) {
	if w.err == nil && len(b) > 0 {
		_, w.err = w.w.Write(b)
	}
}
