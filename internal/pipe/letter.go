package pipe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"yubin/internal/agent"
	"yubin/internal/downgrade"
	"yubin/internal/header"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// maxHeader is how much of a message is searched for its Delivered-To fields.
const maxHeader = 256 << 10

// A letter is the message of one request.
type letter struct {
	a       *attributes
	req     *ipc.Request
	content io.ReaderAt
}

// newLetter takes hold of the content. A binary message (RFC 3030, 3) becomes a
// text: programs want lines.
func newLetter(a *attributes, req *agent.Request) (*letter, error) {
	l := &letter{a: a, req: &req.Request, content: req.File}
	if req.Flags&queue.FlagBinary == 0 {
		return l, nil
	}
	t, err := downgrade.NewText(downgrade.Section(req.File, req.Offset, req.Length), downgrade.Shape{Eight: true})
	if err != nil {
		return nil, err
	}
	text := req.Request
	text.Offset, text.Length = 0, t.Size()
	l.req, l.content = &text, t.ReaderAt()
	return l, nil
}

func (l *letter) reader(n int64) io.Reader { return io.NewSectionReader(l.content, l.req.Offset, n) }

// passed tells whether the message has been delivered to addr before: one of
// its Delivered-To fields names it.
func (l *letter) passed(addr string) (bool, error) {
	var in header.Inspector
	_, err := io.Copy(&in, l.reader(min(l.req.Length, maxHeader)))
	in.Close()
	external := smtp.Quote(addr)
	return slices.ContainsFunc(in.DeliveredTo, func(v string) bool { return strings.EqualFold(v, external) }), err
}

// head is what stands before the content for these recipients, in Postfix's
// order. Only one recipient has fields of its own.
func (l *letter) head(to []*ipc.Recipient, now time.Time) string {
	var b strings.Builder
	field := func(flag byte, format string, args ...any) {
		if l.a.has(flag) {
			fmt.Fprintf(&b, format+l.a.eol, args...)
		}
	}
	sender := smtp.Quote(l.a.sender(l.req.Sender))
	from := sender
	if from == "" {
		from = nullSender // the line has no meaning without one
	}
	field('F', "From %s  %s", from, now.Format(time.ANSIC))
	field('R', "Return-Path: <%s>", sender)
	field('O', "X-Original-To: %s", smtp.Quote(original(to[0])))
	field('D', "Delivered-To: %s", smtp.Quote(to[0].Address))
	return b.String()
}

// writeTo writes the message as the program is to read it.
func (l *letter) writeTo(w io.Writer, head string) error {
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := out.WriteString(head); err != nil {
		return err
	}
	in := bufio.NewReaderSize(l.reader(l.req.Length), 64<<10)
	left := l.req.Length
	begins := true // of a line
	for {
		part, err := in.ReadSlice('\n')
		left -= int64(len(part))
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("read the message: %w", err)
		}
		if err == io.EOF && left > 0 {
			return fmt.Errorf("read the message: %w", io.ErrUnexpectedEOF)
		}
		if werr := l.line(out, part, begins, err == io.EOF); werr != nil {
			return werr
		}
		if err == io.EOF {
			break
		}
		begins = err == nil
	}
	if l.a.has('B') {
		if _, err := out.WriteString(l.a.eol); err != nil {
			return err
		}
	}
	return out.Flush()
}

// line writes a line, or a part of one. A last line that has no end gets one.
func (l *letter) line(out *bufio.Writer, part []byte, begins, last bool) error {
	text, ended := bytes.CutSuffix(part, []byte("\n"))
	if begins && len(part) > 0 {
		switch {
		case l.a.has('.') && part[0] == '.':
			out.WriteByte('.')
		case l.a.has('>') && bytes.HasPrefix(part, []byte("From ")):
			out.WriteByte('>')
		}
	}
	_, err := out.Write(text)
	if err == nil && (ended || last && !(begins && len(part) == 0)) {
		_, err = out.WriteString(l.a.eol)
	}
	return err
}
