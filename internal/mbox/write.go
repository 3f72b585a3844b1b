package mbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A Message is what one delivery appends.
type Message struct {
	Sender  string // in external form; "": the null sender
	Arrival time.Time
	// Header goes before the content: lines that end in LF.
	Header []byte
	// Content holds the content, Length octets from Offset on.
	Content        io.ReaderAt
	Offset, Length int64
	// Unsure makes Deliver look first whether the delivery was made already.
	Unsure bool
}

// From is the From_ line of a message.
func From(sender string, at time.Time) string {
	if sender == "" {
		sender = "MAILER-DAEMON"
	}
	return fmt.Sprintf("From %s  %s\n", sender, at.Format(time.ANSIC))
}

// WriteTo writes m as it stands in a mailbox.
func (m *Message) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	b := bufio.NewWriterSize(c, 64<<10)
	b.WriteString(From(m.Sender, m.Arrival))
	b.Write(m.Header)
	q := &quoter{w: b}
	if _, err := io.Copy(q, &reader{io.NewSectionReader(m.Content, m.Offset, m.Length), m.Length}); err != nil {
		return c.n, err
	}
	q.end()
	b.WriteByte('\n')
	err := b.Flush()
	return c.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// A reader marks what goes wrong on the side of the queue, an early end too.
type reader struct {
	r    io.Reader
	left int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.left -= int64(n)
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrContent, err)
	}
	return n, err
}

// fromWord begins a line that would look like the next message.
const fromWord = "From "

// A quoter puts ">" before lines that begin with "From ". Its writer keeps its
// error until it is flushed.
type quoter struct {
	w     *bufio.Writer
	match int // octets of fromWord that the line has begun with; -1: it is another
}

func (q *quoter) Write(p []byte) (int, error) {
	size := len(p)
	for len(p) > 0 {
		if q.match >= 0 && p[0] == fromWord[q.match] {
			p = p[1:]
			if q.match++; q.match == len(fromWord) {
				q.w.WriteString(">" + fromWord)
				q.match = -1
			}
			continue
		}
		q.give()
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			q.w.Write(p)
			break
		}
		q.w.Write(p[:i+1])
		p, q.match = p[i+1:], 0
	}
	return size, nil
}

// give writes what has turned out not to be fromWord.
func (q *quoter) give() {
	q.w.WriteString(fromWord[:max(q.match, 0)])
	q.match = -1
}

// end completes the last line.
func (q *quoter) end() {
	if q.match != 0 {
		q.give()
		q.w.WriteByte('\n')
	}
}

// Write appends m and flushes it. When it returns an error the file is as long
// as it was. It works on the open descriptor alone.
func (b *Box) Write(m *Message, sync func(*os.File) error) error {
	if !b.regular {
		return b.pass(m)
	}
	end, err := b.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if m.Unsure && end > 0 {
		found, at, err := b.find(m, end)
		if errors.Is(err, syscall.EBADF) { // it may only be written to: who looks never knows
			found, at, err = false, end, nil
		}
		if err != nil {
			return err
		}
		if found {
			return b.sync(sync)
		}
		if at < end {
			if err := b.f.Truncate(at); err != nil {
				return err
			}
			end = at
		}
	}
	if limit := b.place.Limit; limit > 0 && end+m.Length > limit {
		return fmt.Errorf("%s: %w", b.place.Path, ErrFull)
	}
	if _, err = m.WriteTo(b.f); err == nil {
		err = b.sync(sync)
	}
	if err != nil {
		err = errors.Join(err, b.f.Truncate(end))
	}
	return err
}

// pass writes m to what is no file. Only a pipe knows a deadline.
func (b *Box) pass(m *Message) error {
	if d := b.place.Patience; d > 0 {
		b.f.SetWriteDeadline(time.Now().Add(d))
	}
	_, err := m.WriteTo(b.f)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%s: %w", b.place.Path, ErrSlowReader)
	}
	return err
}

// sync flushes the file, and its name if that is new.
func (b *Box) sync(sync func(*os.File) error) error {
	if err := sync(b.f); err != nil || !b.made {
		return err
	}
	dir, err := os.Open(filepath.Dir(b.place.Path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return sync(dir)
}
