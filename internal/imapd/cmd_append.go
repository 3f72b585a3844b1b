package imapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// append is APPEND (RFC 9051, 6.3.12), of several messages too, all or none
// (RFC 3502). A message goes to the disk as it comes.
func (v *visit) append(context.Context) (reply, error) {
	v.d.SP()
	sent := v.d.AString()
	v.d.SP()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	name, err := v.name(sent)
	if err != nil {
		return reply{}, err
	}
	a, err := v.tree.Append(name)
	if err != nil {
		return reply{}, v.tryCreate("append to "+name, err)
	}
	if err := v.receive(a); err != nil {
		a.Abort()
		return reply{}, err
	}
	validity, uids, err := a.Commit()
	if err != nil {
		return reply{}, v.tryCreate("append to "+name, err)
	}
	v.own(name, uids)
	return reply{code: fmt.Sprintf("APPENDUID %d %s", validity, uidSet(uids))}, nil
}

// receive reads the messages up to the end of the command.
func (v *visit) receive(a *mailbox.Append) error {
	for {
		if err := v.receiveMessage(a); err != nil {
			return err
		}
		if !v.d.Space() {
			return v.only()
		}
	}
}

// receiveMessage reads one message with its flags and date.
func (v *visit) receiveMessage(a *mailbox.Append) error {
	m := v.d.Message()
	if err := v.d.Err(); err != nil {
		return err
	}
	set, words, err := split(m.Flags)
	if err != nil {
		return err
	}
	return v.receiveText(a, mailbox.Attributes{Flags: set, Keywords: words, Received: m.Date})
}

// receiveText reads one message's text.
func (v *visit) receiveText(a *mailbox.Append, at mailbox.Attributes) error {
	kind := v.d.Text()
	if kind == imap.TextCatenate {
		return v.catenate(a, at)
	}
	if kind == imap.TextUTF8 && !v.utf8 {
		v.d.Fail("Expected a literal")
	}
	text := v.d.Announced()
	switch err := v.d.Err(); {
	case err != nil:
		return err
	case text.Size == 0: // RFC 3502, 6.3.11
		return no("", "APPEND was given up: a message of no octets.")
	case text.Size > v.srv.appendLimit:
		return v.tooBig()
	}
	if err := a.Room(text.Size); err != nil {
		return v.failed("append", err)
	}
	l := text.Accept()
	v.Bound(time.Time{}) // a long text may take long
	err := a.Message(noNUL{l}, at)
	v.hurry()
	if lost := v.d.Err(); lost != nil {
		return lost // the client is gone
	}
	if err != nil {
		if _, err := io.Copy(io.Discard, l); err != nil {
			return err
		}
		return v.failed("append", err)
	}
	if kind == imap.TextUTF8 {
		v.d.CloseText()
	}
	return v.d.Err()
}

func (v *visit) tooBig() error {
	return no("TOOBIG", fmt.Sprintf("A message may have %d octets.", v.srv.appendLimit))
}

// errNUL is a message that could not be given as BODY[] again as it was (RFC
// 3516, 4.4, leaves it to a server whether it takes such a literal8).
var errNUL = errors.New("a NUL in a message")

type noNUL struct{ io.Reader }

func (r noNUL) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if bytes.IndexByte(p[:n], 0) >= 0 {
		return 0, errNUL
	}
	return n, err
}

// uidSet writes rising UIDs.
func uidSet(uids []uint32) []byte {
	var r imap.Ranger
	for _, uid := range uids {
		r.Add(uid)
	}
	return imap.AppendSet(nil, r)
}

// copied are messages that were copied: their UIDs, before and now.
type copied struct {
	validity uint32
	from, to []uint32
}

// code is COPYUID (RFC 9051, 7.1).
func (c *copied) code() string {
	if len(c.from) == 0 {
		return ""
	}
	return fmt.Sprintf("COPYUID %d %s %s", c.validity, uidSet(c.from), uidSet(c.to))
}

// copyTo reads the arguments of COPY or MOVE and copies.
func (v *visit) copyTo(moving bool) (c copied, err error) {
	v.d.SP()
	set := v.d.Set()
	v.d.SP()
	sent := v.d.AString()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return c, err
	}
	name, err := v.name(sent)
	if err != nil {
		return c, err
	}
	numbers, err := v.numbers(set)
	if err != nil {
		return c, err
	}
	for range 10 {
		c, err = v.copyNumbers(numbers, name, moving)
		if !errors.Is(err, mailbox.ErrGone) || !v.cmd.uid {
			break
		}
		// A UID that is not there is none: without it, then.
	}
	if err != nil {
		return c, v.tryCreate("copy to "+name, err)
	}
	if len(c.from) == 0 {
		return c, nil
	}
	v.own(name, c.to)
	if v.isTrash(name) {
		v.trashed += len(c.from)
	}
	return c, nil
}

// copyNumbers copies messages. ErrGone: one was removed meanwhile.
func (v *visit) copyNumbers(numbers []imap.Range, name string, moving bool) (c copied, err error) {
	a, err := v.tree.Append(name)
	if err != nil {
		return c, err
	}
	if moving {
		a.Moving()
	}
	err = each(numbers, func(i int) error {
		err := mailbox.ErrGone
		if k, ok := v.box.at(i); ok {
			err = a.Copy(v.box.view, k)
		}
		if errors.Is(err, mailbox.ErrGone) && v.cmd.uid {
			return nil
		}
		c.from = append(c.from, v.box.snap.Message(i).UID)
		return err
	})
	if err != nil || len(c.from) == 0 {
		a.Abort()
		return c, err
	}
	c.validity, c.to, err = a.Commit()
	return c, err
}

// isTrash tells whether a folder is where clients put what they delete.
func (v *visit) isTrash(name string) bool {
	uses, err := v.uses()
	if err != nil {
		return false
	}
	for _, u := range uses[name] {
		if u == `\Trash` {
			return true
		}
	}
	return false
}

// copy is COPY (RFC 9051, 6.4.7).
func (v *visit) copy(context.Context) (reply, error) {
	c, err := v.copyTo(false)
	return reply{code: c.code()}, err
}

// move is MOVE (RFC 9051, 6.4.8): COPYUID comes before the EXPUNGEs.
func (v *visit) move(context.Context) (reply, error) {
	if v.box.readOnly {
		return reply{}, no("READ-ONLY", "Mailbox is read-only.")
	}
	c, err := v.copyTo(true)
	if err != nil || len(c.from) == 0 {
		return reply{}, err
	}
	v.Printf("* OK [%s] Moved UIDs.\r\n", c.code())
	gone, err := v.box.view.Expunge(c.from)
	v.expunged += len(gone)
	if err != nil {
		return reply{}, v.failed("move from "+v.box.name, err)
	}
	return reply{}, nil
}
