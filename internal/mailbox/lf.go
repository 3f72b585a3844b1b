package mailbox

import (
	"bufio"
	"os"
)

// A dirWriter writes to a file in a dir.
type dirWriter struct {
	dir  *dir
	file *os.File
}

func (w *dirWriter) Write(p []byte) (int, error) {
	if err := w.dir.write(w.file, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// An lfWriter drops the CR of each CRLF and counts. Behind another CR it stays,
// or what is read would lack it.
type lfWriter struct {
	w          *bufio.Writer
	size, bare int64 // octets written; LFs among them without a CR before
	cr         bool  // a CR is held back
	last       byte
}

func (l *lfWriter) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		if l.cr {
			l.cr = false
			if p[done] != '\n' || l.last == '\r' {
				if err := l.put('\r'); err != nil {
					return done, err
				}
			}
		}
		part := p[done:]
		i := 0
		for i < len(part) && part[i] != '\r' {
			i++
		}
		if err := l.write(part[:i]); err != nil {
			return done, err
		}
		if i < len(part) {
			l.cr = true
			i++
		}
		done += i
	}
	return len(p), nil
}

func (l *lfWriter) put(c byte) error { return l.write([]byte{c}) }

func (l *lfWriter) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	cr := l.last == '\r'
	l.bare += bareLines(p, &cr)
	l.last = p[len(p)-1]
	l.size += int64(len(p))
	_, err := l.w.Write(p)
	return err
}

func (l *lfWriter) flush() error {
	if l.cr {
		l.cr = false
		if err := l.put('\r'); err != nil {
			return err
		}
	}
	return l.w.Flush()
}
