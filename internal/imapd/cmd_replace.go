package imapd

import (
	"context"
	"fmt"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// replace is REPLACE and UID REPLACE (RFC 8508): a message comes, and one goes.
// APPENDUID comes before the EXPUNGE (4.3).
func (v *visit) replace(context.Context) (reply, error) {
	v.d.SP()
	n, sent := v.d.Replace()
	v.d.SP()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	b := v.box
	if b.readOnly {
		return reply{}, no("READ-ONLY", "Mailbox is read-only.")
	}
	name, err := v.name(sent)
	if err != nil {
		return reply{}, err
	}
	numbers, err := v.numbers(imap.Set{Ranges: []imap.Range{{First: n, Last: n}}})
	if err != nil {
		return reply{}, err
	}
	if len(numbers) == 0 {
		return reply{}, no("NONEXISTENT", "There is no such message.")
	}
	old := int(numbers[0].First - 1)
	if _, ok := b.at(old); !ok {
		return reply{}, v.failed("", mailbox.ErrGone)
	}
	a, err := v.tree.Append(name)
	if err != nil {
		return reply{}, v.tryCreate("replace in "+name, err)
	}
	a.InPlaceOf(b.view, b.snap.Message(old).UID)
	if err := v.receiveOne(a); err != nil {
		a.Abort()
		return reply{}, err
	}
	validity, uids, err := a.CommitInPlaceOf(b.view, b.snap.Message(old).UID)
	if err != nil {
		return reply{}, v.tryCreate("replace in "+name, err)
	}
	v.own(name, uids)
	v.expunged++
	return reply{}, v.Printf("* OK [%s] Replacement message ready.\r\n", fmt.Sprintf("APPENDUID %d %s", validity, uidSet(uids)))
}

// receiveOne reads the one message of a command, and the command's end.
func (v *visit) receiveOne(a *mailbox.Append) error {
	if err := v.receiveMessage(a); err != nil {
		return err
	}
	return v.only()
}
