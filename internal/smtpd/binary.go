package smtpd

import (
	"bytes"
	"io"

	"yubin/internal/smtp"
)

// A letter of BODY=BINARYMIME (RFC 3030, 3) goes into the queue with a mark, and
// octet by octet as it came, CRLF and all. Its header alone is lines of text:
// there fields are looked at, edited and added as in any other, and an LF alone
// is what smtpd_forbid_bare_newline says.

// binary tells whether the content is no text.
func (m *transaction) binary() bool { return m.body == smtp.BinaryMIME }

// A lineEnds writes lines that end in LF with CRLF, until raw is set.
type lineEnds struct {
	w   io.Writer
	raw bool
}

var crlf = []byte("\r\n")

func (l *lineEnds) Write(p []byte) (int, error) {
	if l.raw {
		return l.w.Write(p)
	}
	for rest := p; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i]
			if _, err := l.w.Write(line); err != nil {
				return 0, err
			}
			if _, err := l.w.Write(crlf); err != nil {
				return 0, err
			}
			rest = rest[i+1:]
			continue
		}
		if _, err := l.w.Write(line); err != nil {
			return 0, err
		}
		break
	}
	return len(p), nil
}

// feed takes octets of a chunk.
func (m *message) feed(p []byte) {
	if m.wide == nil {
		m.text.feed(p, m.take)
		return
	}
	for len(p) > 0 && !m.wide.raw {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		m.text.feed(p[:n], m.take)
		p = p[n:]
		// Only behind a whole line: nothing of it is held back then.
		m.wide.raw = m.look.Ended && !m.text.open
	}
	if len(p) > 0 {
		m.take(p)
	}
}

// complete ends what came in chunks: text has whole lines.
func (m *message) complete() {
	if m.wide == nil || !m.wide.raw {
		m.text.end(m.take)
	}
}
