package mimescan

import (
	"bytes"
	"io"
)

// A Reader reads a range of a stored message with CRLF line ends. It is one
// goroutine's.
type Reader struct {
	r       io.ReaderAt
	at, end int64
	buf     []byte
	in      []byte // of buf
	cr      bool   // the octet given out last was a CR
	owed    bool   // an LF is owed
	plain   bool   // every line of the range ends in CRLF already
	nuls    bool   // NULs are given out
}

// NewReader returns a Reader of a span of r. Without nuls each NUL is given out as
// 0x80, since IMAP's literals cannot hold one (as in Dovecot).
func NewReader(r io.ReaderAt, s Span, nuls bool) *Reader {
	return &Reader{r: r, at: s.Offset, end: s.End(), plain: s.Stored == s.Octets, nuls: nuls}
}

// Discard passes over n octets.
func (r *Reader) Discard(n int64) error {
	if r.plain && len(r.in) == 0 {
		r.at = min(r.at+n, r.end)
		return nil
	}
	for !r.owed {
		if len(r.in) == 0 {
			if err := r.fill(); err != nil {
				return atEnd(err)
			}
		}
		octets := int64(len(r.in))
		if !r.plain {
			octets += bareLines(r.in, r.cr)
		}
		if octets > n {
			break
		}
		n -= octets
		r.cr = r.in[len(r.in)-1] == '\r'
		r.in = nil
	}
	_, err := io.CopyN(io.Discard, r, n)
	return atEnd(err)
}

func atEnd(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// bareLines counts the LFs in b without a CR before them; cr: one is before b.
func bareLines(b []byte, cr bool) int64 {
	n := bytes.Count(b, []byte("\n")) - bytes.Count(b, []byte("\r\n"))
	if cr && b[0] == '\n' {
		n--
	}
	return int64(n)
}

func (r *Reader) fill() error {
	if r.at >= r.end {
		return io.EOF
	}
	if r.buf == nil {
		r.buf = make([]byte, min(bufferSize/2, r.end-r.at))
	}
	n, err := r.r.ReadAt(r.buf[:min(int64(len(r.buf)), r.end-r.at)], r.at)
	if n == 0 {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF // the file has become shorter
		}
		return err
	}
	r.at += int64(n)
	r.in = r.buf[:n]
	if !r.nuls {
		HideNULs(r.in)
	}
	return nil
}

// Read reads octets with CRLF line ends.
func (r *Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.owed {
			p[n], r.owed, r.cr = '\n', false, false
			n++
			continue
		}
		if len(r.in) == 0 {
			if n > 0 {
				return n, nil
			}
			if err = r.fill(); err != nil {
				return 0, err
			}
		}
		n += r.some(p[n:])
	}
	return n, nil
}

// some copies up to a line's end, or that end.
func (r *Reader) some(p []byte) int {
	i := len(r.in)
	if !r.plain {
		i = bytes.IndexByte(r.in, '\n')
	}
	if i == 0 {
		r.in = r.in[1:]
		p[0] = '\n'
		if !r.cr {
			p[0], r.owed = '\r', true
		}
		r.cr = false
		return 1
	}
	if i < 0 {
		i = len(r.in)
	}
	k := copy(p, r.in[:i])
	r.cr = r.in[k-1] == '\r'
	r.in = r.in[k:]
	return k
}

// HideNULs makes 0x80 of each NUL: IMAP's literals cannot hold one (as in
// Dovecot).
func HideNULs(b []byte) {
	for i := bytes.IndexByte(b, 0); i >= 0; i = bytes.IndexByte(b, 0) {
		b[i] = 0x80
		b = b[i+1:]
	}
}
