package mailtext

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// KnownCharset tells whether text in a charset can be decoded.
func KnownCharset(name string) bool {
	return IsUnicode(name) || find(name) != nil
}

// IsUnicode tells whether a charset is UTF-8 or is taken for it: many a text says
// nothing, or US-ASCII, and is not.
func IsUnicode(name string) bool {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "8bit", "default":
		return true
	}
	return false
}

func find(name string) encoding.Encoding {
	e, err := htmlindex.Get(name)
	if err != nil || e == encoding.Replacement { // what a page of the web must not have
		if e, err = ianaindex.MIME.Encoding(name); err != nil {
			return nil
		}
	}
	if e == unicode.UTF8 {
		return nil
	}
	return e
}

// transformer makes UTF-8 of text in a charset. Text of an unknown one is taken
// for UTF-8 where it can be that, else for Latin-1.
func transformer(name string) transform.Transformer {
	if !IsUnicode(name) {
		if e := find(name); e != nil {
			return e.NewDecoder()
		}
	}
	return lenient{}
}

// NewCharsetReader decodes r to UTF-8.
func NewCharsetReader(r io.Reader, charset string) io.Reader {
	return transform.NewReader(r, transformer(charset))
}

// Decode makes UTF-8 of text in a charset.
func Decode(b []byte, charset string) string {
	if IsUnicode(charset) && utf8.Valid(b) {
		return string(b)
	}
	s, _, err := transform.Bytes(transformer(charset), b)
	if err != nil {
		s, _, _ = transform.Bytes(lenient{}, b)
	}
	return string(s)
}

// lenient copies UTF-8; octets that are none are taken for Windows-1252.
type lenient struct{ transform.NopResetter }

func (lenient) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		n := 1
		if c := src[nSrc]; c >= utf8.RuneSelf {
			r := rune(0)
			r, n = utf8.DecodeRune(src[nSrc:])
			if r == utf8.RuneError && n == 1 {
				if !atEOF && !utf8.FullRune(src[nSrc:]) {
					return nDst, nSrc, transform.ErrShortSrc
				}
				r = charmap.Windows1252.DecodeByte(c)
			}
			if nDst+utf8.UTFMax > len(dst) {
				return nDst, nSrc, transform.ErrShortDst
			}
			nDst += utf8.EncodeRune(dst[nDst:], r)
			nSrc += n
			continue
		}
		if nDst == len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		dst[nDst] = src[nSrc]
		nDst++
		nSrc++
	}
	return nDst, nSrc, nil
}
