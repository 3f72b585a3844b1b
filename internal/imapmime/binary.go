package imapmime

import (
	"errors"
	"io"

	"yubin/internal/imap"
	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

// ErrUnknownCTE is a part whose transfer encoding cannot be removed: NO
// [UNKNOWN-CTE] (RFC 3516, 4.3).
var ErrUnknownCTE = errors.New("unknown Content-Transfer-Encoding")

// Binary opens the content of BINARY[part]<partial>, without its transfer encoding;
// it may have NULs. What a message does not have is empty; a multipart, and the
// whole message, are given as they are.
func Binary(r io.ReaderAt, root *mimescan.Part, part []uint32, partial *imap.Partial) (*Text, error) {
	p := Find(root, part)
	if p == nil {
		return span(r, mimescan.Span{}), nil
	}
	s, transfer := p.Body, mailtext.Identity
	switch {
	case len(part) == 0:
		s = Whole(p)
	case p.Kind != mimescan.Multipart:
		transfer = mailtext.TransferOf(p.Encoding)
	}
	open := func() io.Reader { return transfer.Reader(mimescan.NewReader(r, s, true)) }
	t := &Text{Octets: s.Octets}
	switch transfer {
	case mailtext.UnknownTransfer:
		return nil, ErrUnknownCTE
	case mailtext.Identity:
	default:
		n, err := io.Copy(io.Discard, open())
		if err != nil {
			return nil, err
		}
		t.Octets = n
	}
	t.Reader = open()
	if err := t.cut(partial); err != nil {
		return nil, err
	}
	return t, nil
}

// BinarySize is the answer to BINARY.SIZE[part].
func BinarySize(r io.ReaderAt, root *mimescan.Part, part []uint32) (int64, error) {
	t, err := Binary(r, root, part, nil)
	if err != nil {
		return 0, err
	}
	return t.Octets, nil
}
