package imapd

import (
	"context"

	"yubin/internal/mailbox"
)

func (v *visit) selectBox(context.Context) (reply, error) { return v.choose(mailbox.ReadWrite) }
func (v *visit) examine(context.Context) (reply, error)   { return v.choose(mailbox.Peek) }

// choose is SELECT and EXAMINE (RFC 9051, 6.3.2; RFC 7162, 3.1.8 and 3.2.5). Whatever comes of it, the
// mailbox that was selected no longer is.
func (v *visit) choose(mode mailbox.Mode) (reply, error) {
	v.d.SP()
	arg := v.d.Select()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	if arg.QResync != nil && !v.qresync {
		v.d.Fail("QRESYNC is not enabled")
		return reply{}, v.d.Err()
	}
	v.condstore = v.condstore || arg.CondStore
	v.leave()
	name, err := v.name(arg.Mailbox)
	if err != nil {
		return reply{}, err
	}
	view, err := v.tree.OpenTracked(name, mode)
	if err != nil {
		return reply{}, v.failed("select "+name, err)
	}
	s := view.Snapshot()
	v.box = &box{name: name, view: view, readOnly: mode == mailbox.Peek, snap: s}
	r := v.describe()
	if arg.QResync != nil {
		err = v.resync(arg.QResync)
	}
	v.box.full, v.box.heard = s.HighestModSeq(), s.HighestModSeq()
	return r, err
}

// leave deselects the mailbox, and says so.
func (v *visit) leave() {
	if v.box != nil {
		v.close()
		v.Printf("* OK [CLOSED] Previous mailbox closed.\r\n")
	}
}

// describe tells a client of the mailbox that it has selected.
func (v *visit) describe() reply {
	s := v.box.snap
	v.sayFlags(s)
	v.sayExists()
	if !v.rev2 {
		if i := firstUnseen(s); i >= 0 {
			v.Printf("* OK [UNSEEN %d] First unseen.\r\n", i+1)
		}
	}
	v.Printf("* OK [UIDVALIDITY %d] UIDs valid\r\n", s.UIDValidity())
	v.Printf("* OK [UIDNEXT %d] Predicted next UID\r\n", s.UIDNext())
	v.Printf("* OK [HIGHESTMODSEQ %d] Highest\r\n", s.HighestModSeq()) // RFC 7162, 3.1.2.1
	v.Printf("* OK [%s] Identity\r\n", mailboxID(s))
	if v.rev2 { // RFC 9051, 6.3.2
		v.Printf("* LIST () \"/\" %s\r\n", v.appendName(nil, v.box.name))
	}
	if v.box.readOnly {
		return reply{code: "READ-ONLY"}
	}
	return reply{code: "READ-WRITE"}
}

func firstUnseen(s *mailbox.Snapshot) int {
	for i := range s.Len() {
		if s.Message(i).Flags&mailbox.Seen == 0 {
			return i
		}
	}
	return -1
}

// unselect is UNSELECT (RFC 9051, 6.4.2).
func (v *visit) unselect(context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	v.close()
	return reply{}, nil
}

// closeBox is CLOSE: what is marked goes, and nothing is said of it.
func (v *visit) closeBox(context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	defer v.close()
	if v.box.readOnly {
		return reply{}, nil
	}
	_, err := v.removeMarked(nil)
	if isRefusal(err) {
		// The mailbox is closed all the same: NO would say that it is not.
		return reply{text: "Close completed, but some messages could not be removed."}, nil
	}
	return reply{}, err
}
