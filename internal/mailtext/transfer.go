package mailtext

import (
	"io"
	"strings"
)

// chunk is how much is decoded at once, octets.
const chunk = 32 << 10

// A Transfer is a Content-Transfer-Encoding.
type Transfer uint8

const (
	Identity Transfer = iota // 7bit, 8bit, binary
	Base64
	QuotedPrintable
	UnknownTransfer
)

// TransferOf returns which encoding a name is; none is Identity.
func TransferOf(name string) Transfer {
	switch strings.ToLower(name) {
	case "", "7bit", "8bit", "binary":
		return Identity
	case "base64":
		return Base64
	case "quoted-printable":
		return QuotedPrintable
	}
	return UnknownTransfer
}

// Reader decodes r.
func (t Transfer) Reader(r io.Reader) io.Reader {
	switch t {
	case Base64:
		return &decoder{r: r, step: new(base64).step}
	case QuotedPrintable:
		return &decoder{r: r, step: new(quotedPrintable).step}
	}
	return r
}

// A decoder is a reader of what step makes of r.
type decoder struct {
	r    io.Reader
	step func(dst, src []byte, end bool) []byte
	in   []byte
	out  []byte // of buf, not read yet
	buf  []byte
	err  error
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.in == nil {
		d.in = make([]byte, chunk)
	}
	for len(d.out) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		var n int
		n, d.err = d.r.Read(d.in)
		d.buf = d.step(d.buf[:0], d.in[:n], d.err == io.EOF)
		d.out = d.buf
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// base64 passes over what is not of the alphabet; padding ends a group, and
// another may follow.
type base64 struct {
	bits uint32
	n    int // sextets in bits
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

func (b *base64) step(dst, src []byte, end bool) []byte {
	for _, c := range src {
		if v := sextets[c]; v != 0xff {
			b.bits = b.bits<<6 | uint32(v)
			if b.n++; b.n == 4 {
				dst = append(dst, byte(b.bits>>16), byte(b.bits>>8), byte(b.bits))
				b.n = 0
			}
		} else if c == '=' {
			dst = b.flush(dst)
		}
	}
	if end {
		dst = b.flush(dst)
	}
	return dst
}

// flush gives out the whole octets of a group that is not full.
func (b *base64) flush(dst []byte) []byte {
	switch b.n {
	case 2:
		dst = append(dst, byte(b.bits>>4))
	case 3:
		dst = append(dst, byte(b.bits>>10), byte(b.bits>>2))
	}
	b.n = 0
	return dst
}

// quotedPrintable takes what is no escape for text.
type quotedPrintable struct {
	held  []byte // "=" and what follows, or white space: a line's end decides
	white bool   // held is white space
}

// longestHeld is how much white space is waited for the end of.
const longestHeld = 1000

func (q *quotedPrintable) step(dst, src []byte, end bool) []byte {
	for _, c := range src {
		dst = q.octet(dst, c)
	}
	if end && !q.white && len(q.held) > 1 {
		dst = append(dst, q.held...)
	}
	return dst
}

func (q *quotedPrintable) octet(dst []byte, c byte) []byte {
	switch {
	case len(q.held) == 0 || q.white:
		return q.plain(dst, c)
	case c == '\n':
		q.held = q.held[:0] // a soft line break
		return dst
	case c == '\r' || (c == ' ' || c == '\t') && (len(q.held) == 1 || unhex(q.held[1]) < 0):
		if len(q.held) < longestHeld {
			q.held = append(q.held, c)
			return dst
		}
	case len(q.held) == 1 && unhex(c) >= 0:
		q.held = append(q.held, c)
		return dst
	case len(q.held) == 2 && unhex(q.held[1]) >= 0 && unhex(c) >= 0:
		dst = append(dst, byte(unhex(q.held[1])<<4|unhex(c)))
		q.held = q.held[:0]
		return dst
	}
	dst = append(dst, q.held...)
	q.held = q.held[:0]
	return q.plain(dst, c)
}

// plain takes an octet that stands for itself, unless it begins something.
func (q *quotedPrintable) plain(dst []byte, c byte) []byte {
	switch c {
	case ' ', '\t', '\r':
		q.white = true
		if q.held = append(q.held, c); len(q.held) < longestHeld {
			return dst
		}
	case '\n':
		if n := len(q.held); n > 0 && q.held[n-1] == '\r' {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		q.held, q.white = q.held[:0], false
		return dst
	}
	dst = append(dst, q.held...)
	q.held, q.white = q.held[:0], false
	switch c {
	case '=':
		q.held = append(q.held, c)
	case ' ', '\t', '\r':
	default:
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
