package imap

import (
	"bytes"
	"io"
	"strconv"
)

// A Literal is text whose length was announced, still on the connection. It is
// read to its end before the next token.
type Literal struct {
	Size   int64
	Binary bool // literal8: it may hold NUL
	d      *Decoder
}

// Read reads the literal's octets, and the connection no further.
func (l *Literal) Read(p []byte) (int, error) {
	if l.d.pending == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > l.d.pending {
		p = p[:l.d.pending]
	}
	n, err := l.d.r.Read(p)
	l.d.pending -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		l.d.err = err
	}
	return n, err
}

// Close reads what Read has left.
func (l *Literal) Close() error {
	err := l.d.discard()
	if err != nil && l.d.err == nil {
		l.d.err = err
	}
	return err
}

func (d *Decoder) discard() error {
	n, err := io.CopyN(io.Discard, d.r, d.pending)
	d.pending -= n
	return err
}

// An Announced is the head of a literal: whoever reads it decides whether the
// text may come.
type Announced struct {
	Size   int64
	Binary bool
	sync   bool
	d      *Decoder
}

// Announced reads the head of a literal: "{123}", "{123+}" or "~{123}".
func (d *Decoder) Announced() *Announced {
	a := &Announced{d: d, Binary: d.take('~')}
	d.want('{')
	a.Size = int64(d.Number64())
	a.sync = !d.take('+')
	d.want('}')
	d.take('\r')
	d.want('\n')
	if d.err == nil {
		d.pending = a.Size
		d.refused = a.sync
	}
	return a
}

// Accept lets the text come.
func (a *Announced) Accept() *Literal {
	if a.d.err == nil && a.sync {
		a.d.err = a.d.goOn()
	}
	a.d.refused = false
	return &Literal{Size: a.Size, Binary: a.Binary, d: a.d}
}

// literalString reads a literal into memory.
func (d *Decoder) literalString() string {
	a := d.Announced()
	if d.err != nil {
		return ""
	}
	if a.Size > int64(d.limits.Literal) || a.Size > int64(d.left) {
		d.tooBig("Literal")
		return ""
	}
	d.left -= int(a.Size)
	l := a.Accept()
	b := make([]byte, a.Size)
	if _, err := io.ReadFull(l, b); err != nil && d.err == nil {
		d.err = err
	}
	if bytes.IndexByte(b, 0) >= 0 {
		d.Fail("NUL in a literal")
	}
	return string(b)
}

// announcement finds a literal's head at the end of a line, which may have a CR.
func announcement(line []byte) (n int64, sync, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	i := bytes.LastIndexByte(line, '{')
	if i < 0 || line[len(line)-1] != '}' {
		return 0, false, false
	}
	digits := line[i+1 : len(line)-1]
	sync = true
	if k := len(digits) - 1; k >= 0 && digits[k] == '+' {
		digits, sync = digits[:k], false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n < 0 || sync {
		return 0, sync, err == nil && n >= 0
	}
	return n, false, true
}
