package smtpc

import (
	"bytes"
	"io"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// maxHeader is how much of a message is searched for its header, octets:
// addresses behind it stay as they are.
const maxHeader = 1 << 20

// rewrite gives a message the addresses that it leaves with.
func (j *job) rewrite() error {
	m, generic := j.m, j.d.o.generic
	if generic == nil {
		return nil
	}
	err := m.rewrite(generic.Address)
	for _, r := range j.left {
		if err == nil {
			r.to, err = generic.Address(r.Address)
		}
	}
	if err != nil {
		j.log.Warn("%s: %v", j.req.ID, err)
		return fails(4, smtp.LocalProcessing, "address mapping failed")
	}
	return nil
}

// rewrite replaces the addresses of sender and header by what f has for them.
func (m *letter) rewrite(f func(string) (string, error)) error {
	sender, err := f(m.req.Sender)
	if err != nil {
		return err
	}
	top := m.held
	if top == nil {
		top = make([]byte, min(m.req.Length, maxHeader))
		if _, err := m.file.ReadAt(top, m.req.Offset); err != nil && err != io.EOF {
			return unreadable(err)
		}
	}
	head, n, err := header.Rewrite(top, f)
	if err != nil {
		return err
	}
	if m.binary() { // a line that was folded here ended in LF
		head = bytes.ReplaceAll(bytes.ReplaceAll(head, crlf, []byte("\n")), []byte("\n"), crlf)
	}
	m.sender, m.head, m.skip = sender, head, int64(n)
	if m.held != nil {
		m.held = append(head[:len(head):len(head)], top[n:]...)
	}
	return nil
}
