package submit

import (
	"bufio"
	"bytes"
	"io"

	"yubin/internal/header"
)

// maxHeader bounds the header, octets: it is held in memory, for the recipients
// in it stand before the content in the file. 16 MiB are half a million addresses.
const maxHeader = 16 << 20

// pieceSize is how much of a line is read at once, octets.
const pieceSize = 64 << 10

// An input reads a letter from standard input: lines end in LF or CRLF and come
// out with LF, the last one too; a line of a single dot is the end unless dots
// is set. Lines may have any length: they come in pieces.
type input struct {
	r      *bufio.Reader
	dots   bool // keep lines of a single dot
	inLine bool // the last piece did not end its line
	cr     int  // carriage returns held back: they may end the line
	done   bool
	buf    []byte
}

func newInput(r io.Reader, dots bool) *input {
	return &input{r: bufio.NewReaderSize(r, pieceSize), dots: dots}
}

// next returns the next piece, valid until the next call, or io.EOF.
func (in *input) next() ([]byte, error) {
	if in.done {
		return nil, io.EOF
	}
	p, err := in.r.ReadSlice('\n')
	eol := err == nil || err == io.EOF
	switch {
	case err == io.EOF:
		in.done = true
		if len(p) == 0 && !in.inLine {
			return nil, io.EOF
		}
	case err != nil && err != bufio.ErrBufferFull:
		return nil, err
	}
	text := bytes.TrimSuffix(p, []byte{'\n'})
	body := bytes.TrimRight(text, "\r")
	if eol && !in.inLine && !in.dots && len(body) == 1 && body[0] == '.' {
		in.done = true
		return nil, io.EOF
	}
	in.buf = in.buf[:0]
	if len(body) > 0 {
		for ; in.cr > 0; in.cr-- {
			in.buf = append(in.buf, '\r')
		}
	}
	in.buf = append(in.buf, body...)
	in.cr += len(text) - len(body)
	if in.inLine = !eol; eol {
		in.cr = 0
		in.buf = append(in.buf, '\n')
	}
	return in.buf, nil
}

// header reads to where the header ends, a little further for a letter without
// an empty line. It returns what it has read, less lines "From ..." at the start, which
// mailboxes and UUCP put there.
func (in *input) header() (head []byte, look *header.Inspector, err error) {
	look = new(header.Inspector)
	skipping := false
	for !look.Ended {
		p, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if skipping || len(head) == 0 && fromLine(p) {
			skipping = in.inLine
			continue
		}
		if len(head)+len(p) > maxHeader {
			return nil, nil, errHeader
		}
		head = append(head, p...)
		look.Write(p)
	}
	return head, look, look.Close()
}

// fromLine tells the separator of a mailbox file.
func fromLine(p []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(p, ">"), []byte("From "))
}

// rest writes what is left of the letter to w.
func (in *input) rest(w io.Writer) error {
	for {
		p, err := in.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &readError{err}
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
}
