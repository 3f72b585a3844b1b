package imap

import "bufio"

// Buffered is a Source over r.
func Buffered(r *bufio.Reader) Source { return buffered{r} }

type buffered struct{ *bufio.Reader }

func (b buffered) Peek() (byte, error) {
	p, err := b.Reader.Peek(1)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

func (b buffered) Take() { b.Discard(1) }
