package imapmime

import (
	"io"
	"strings"
	"unicode"

	"yubin/internal/mailtext"
	"yubin/internal/mimescan"
)

const (
	// previewLength is how many characters PREVIEW has (RFC 8970, 3.1).
	previewLength = 200
	// previewRead is how much of a text is read for them, octets.
	previewRead = 256 << 10
)

// Preview returns the beginning of a message's text: of its first plain text, else
// of its first HTML, without markup. White space is one space; lines that quote
// count only when there are no others. ok is false for a message without text.
func Preview(r io.ReaderAt, root *mimescan.Part) (preview string, ok bool, err error) {
	p, html := previewPart(root)
	if p == nil {
		return "", false, nil
	}
	text := io.LimitReader(TextReader(r, p), previewRead)
	if html {
		b, err := io.ReadAll(text)
		if err != nil {
			return "", false, err
		}
		s := &shortener{}
		s.text(stripHTML(string(b)))
		return s.b.String(), true, nil
	}
	preview, err = plainPreview(text)
	return preview, err == nil, err
}

// TextReader returns a part's content as UTF-8.
func TextReader(r io.ReaderAt, p *mimescan.Part) io.Reader {
	stored := io.NewSectionReader(r, p.Body.Offset, p.Body.Stored)
	return mailtext.NewCharsetReader(mailtext.TransferOf(p.Encoding).Reader(stored), p.Charset())
}

// previewPart finds the part that the preview shows.
func previewPart(root *mimescan.Part) (p *mimescan.Part, html bool) {
	var visit func(k *mimescan.Part) bool
	visit = func(k *mimescan.Part) bool {
		switch {
		case k.Attachment && k != root:
		case k.Text() && !mimescan.EqualFold(k.Subtype, "html"):
			p, html = k, false
			return true
		case k.Text() && p == nil:
			p, html = k, true
		case k.Kind == mimescan.Multipart:
			for _, kid := range k.Kids {
				if visit(kid) {
					return true
				}
			}
		}
		return false
	}
	visit(root)
	return p, html
}

// plainPreview reads lines until there is enough.
func plainPreview(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	var own, quoted shortener
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, ">") {
			quoted.text(strings.TrimLeft(line, "> "))
		} else if own.text(line); own.n >= previewLength {
			break
		}
	}
	if own.n == 0 {
		return quoted.b.String(), nil
	}
	return own.b.String(), nil
}

// A shortener collects characters, white space as one space.
type shortener struct {
	b     strings.Builder
	n     int
	space bool
}

func (s *shortener) text(t string) {
	for _, r := range t {
		if s.n >= previewLength {
			return
		}
		if unicode.IsSpace(r) || r == 0xFEFF || r == 0x200B {
			s.space = s.n > 0
			continue
		}
		if unicode.IsControl(r) {
			continue
		}
		if s.space {
			if s.n+1 >= previewLength {
				return
			}
			s.b.WriteByte(' ')
			s.n++
			s.space = false
		}
		s.b.WriteRune(r)
		s.n++
	}
}
