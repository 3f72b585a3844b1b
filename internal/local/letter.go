package local

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"yubin/internal/agent"
	"yubin/internal/downgrade"
	"yubin/internal/header"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// maxHeld is the largest content that is read once and kept for all recipients
// of a request, octets; longer ones are read again for each.
const maxHeld = 256 << 10

// maxHeader is how much of a long message is searched for its header.
const maxHeader = maxHeld

// A letter is the message of one request.
type letter struct {
	req     *ipc.Request
	content io.ReaderAt
	offset  int64 // of the content in it
	// text is what a binary message becomes here; nil: content is one, or holds it.
	text *downgrade.Text

	header      sync.Once
	deliveredTo []string // values of Delivered-To, in external form
	headerErr   error
}

// newLetter checks what came with a request and takes hold of the content.
func newLetter(req *agent.Request) (*letter, error) {
	if req.File == nil || req.Offset < 0 || req.Length < 0 {
		return nil, deferred(smtp.LocalProcessing, nil, "delivery request without a message")
	}
	l := &letter{req: &req.Request, content: req.File, offset: req.Offset}
	if req.Flags&queue.FlagBinary != 0 {
		return l, l.asText()
	}
	if req.Length > maxHeld {
		return l, nil
	}
	b := make([]byte, req.Length)
	if _, err := req.File.ReadAt(b, req.Offset); err != nil && len(b) > 0 {
		return nil, mailboxFailure(fmt.Errorf("%w: %w", maildir.ErrContent, err))
	}
	l.content, l.offset = bytes.NewReader(b), 0
	return l, nil
}

// asText makes a text of a binary message (RFC 3030, 3): what reads mailboxes,
// and programs, wants lines.
func (l *letter) asText() error {
	t, err := downgrade.NewText(downgrade.Section(l.content, l.offset, l.req.Length), downgrade.Shape{Eight: true})
	if err != nil {
		return mailboxFailure(fmt.Errorf("%w: %w", maildir.ErrContent, err))
	}
	req := *l.req
	req.Length, req.Flags = t.Size(), req.Flags&^queue.FlagBinary
	l.req, l.text = &req, t
	return nil
}

// source is where a delivery reads the content from, and where it begins there.
func (l *letter) source() (io.ReaderAt, int64) {
	if l.text != nil {
		return l.text.ReaderAt(), 0
	}
	return l.content, l.offset
}

// passed tells whether the message has been delivered to addr before: one of
// its Delivered-To fields names it.
func (l *letter) passed(addr string) (bool, error) {
	l.header.Do(func() {
		var in header.Inspector
		content, offset := l.source()
		part := io.NewSectionReader(content, offset, min(l.req.Length, maxHeader))
		if _, err := io.Copy(&in, part); err != nil && !errors.Is(err, io.EOF) {
			l.headerErr = fmt.Errorf("%w: %w", maildir.ErrContent, err)
		}
		in.Close()
		l.deliveredTo = in.DeliveredTo
	})
	external := smtp.Quote(addr)
	return slices.ContainsFunc(l.deliveredTo, func(v string) bool { return strings.EqualFold(v, external) }), l.headerErr
}

// header are the fields before the message for k's recipient. What came out of an
// expansion has the Delivered-To of that; where kind is of prepend_delivered_header,
// everything else gets one.
func (a *deliverer) header(l *letter, k *task, kind string) ([]byte, error) {
	add := a.delivered[kind]
	if add && (k.r.Exact || k.r.Member != "") {
		passed, err := l.passed(k.r.Address)
		if err != nil {
			return nil, mailboxFailure(err)
		}
		add = !passed
	}
	return trace(k.sender, k.r, a.noOriginal, add), nil
}

// trace are the fields that go before the message for r: those of RFC 5321, 4.4
// (Return-Path) and Postfix, in its order.
func trace(sender string, r *ipc.Recipient, noOriginal, deliveredTo bool) []byte {
	h := fmt.Appendf(nil, "Return-Path: <%s>\n", smtp.Quote(sender))
	if !noOriginal {
		h = fmt.Appendf(h, "X-Original-To: %s\n", smtp.Quote(original(r)))
	}
	if deliveredTo {
		h = fmt.Appendf(h, "Delivered-To: %s\n", smtp.Quote(r.Address))
	}
	return h
}

// original is the recipient as it came in, before any rewriting.
func original(r *ipc.Recipient) string { return cmp.Or(r.Original, r.Address) }

// file is what is written into a Maildir.
func (l *letter) file(r *ipc.Recipient, host string, header []byte) *maildir.Message {
	content, offset := l.source()
	return &maildir.Message{
		Name:   maildir.Name(time.UnixMicro(l.req.Arrival), l.req.ID, r.Index, host),
		Header: header, Content: content, Offset: offset, Length: l.req.Length, Unsure: l.req.Unsure,
	}
}
