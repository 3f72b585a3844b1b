package imapd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"yubin/internal/mailbox"
)

// uses are the special uses that a folder may be made for (RFC 6154, 2, and
// RFC 8457): \All and \Flagged would be views of other folders.
var uses = []string{`\Archive`, `\Drafts`, `\Important`, `\Junk`, `\Sent`, `\Trash`}

// create is CREATE (RFC 9051, 6.3.4; RFC 6154, 3; RFC 8474, 4.1).
func (v *visit) create(context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Create()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	name, err := v.name(arg.Mailbox)
	if err != nil {
		return reply{}, err
	}
	name = strings.TrimSuffix(name, "/") // more is to come below it
	var wanted []string
	for _, u := range arg.Use {
		i := slices.IndexFunc(uses, func(k string) bool { return strings.EqualFold(k, u) })
		if i < 0 {
			return reply{}, no("USEATTR", "A mailbox cannot be used for "+u+" here.")
		}
		wanted = append(wanted, uses[i])
	}
	if err := v.tree.Create(name); err != nil {
		return reply{}, v.failed("create "+name, err)
	}
	if len(wanted) > 0 {
		if err := v.tree.SetUses(name, wanted...); err != nil {
			return reply{}, v.failed("create "+name, err)
		}
	}
	return v.made(name)
}

// delete is DELETE. Its own mailbox is deselected.
func (v *visit) delete(context.Context) (reply, error) {
	name, err := v.mailboxName()
	if err != nil {
		return reply{}, err
	}
	if name == mailbox.Inbox {
		return reply{}, no("CANNOT", "INBOX can't be deleted.")
	}
	there, err := v.tree.Exists(name)
	if err != nil {
		return reply{}, v.failed("delete "+name, err)
	}
	if there && v.box != nil && v.box.name == name {
		v.leave()
	}
	if err := v.tree.Delete(name); err != nil {
		return reply{}, v.failed("delete "+name, err)
	}
	return reply{}, nil
}

// rename is RENAME. INBOX stays, and its messages go (RFC 9051, 6.3.6).
func (v *visit) rename(context.Context) (reply, error) {
	v.d.SP()
	sentFrom := v.d.Mailbox()
	v.d.SP()
	sentTo := v.d.Mailbox()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	from, err := v.name(sentFrom)
	if err != nil {
		return reply{}, err
	}
	to, err := v.name(sentTo)
	if err != nil {
		return reply{}, err
	}
	to = strings.TrimSuffix(to, "/")
	switch {
	case to == mailbox.Inbox:
		err = mailbox.ErrExists
	case from == mailbox.Inbox:
		err = v.emptyInbox(to)
	default:
		if err = v.tree.Rename(from, to); err == nil && v.box != nil {
			v.box.follow(from, to)
		}
	}
	if err != nil {
		return reply{}, v.failed("rename "+from, err)
	}
	return reply{}, nil
}

// follow gives the selected mailbox its new name.
func (b *box) follow(from, to string) {
	if rest, ok := strings.CutPrefix(b.name, from); ok && (rest == "" || rest[0] == '/') {
		b.name = to + rest
	}
}

// emptyInbox moves INBOX's messages to a new mailbox, which is none if it does
// not get them all.
func (v *visit) emptyInbox(to string) error {
	if err := v.tree.Create(to); err != nil {
		return err
	}
	var uids []uint32
	view, err := v.tree.Open(mailbox.Inbox, mailbox.ReadWrite)
	if err == nil {
		defer view.Close()
		uids, err = v.copyAll(view, to)
	}
	if err != nil {
		return errors.Join(err, v.tree.Delete(to))
	}
	_, err = view.Expunge(uids)
	return err
}

// copyAll copies the messages that view shows, and returns their UIDs.
func (v *visit) copyAll(view *mailbox.View, to string) (uids []uint32, err error) {
	a, err := v.tree.Append(to)
	if err != nil {
		return nil, err
	}
	a.Moving()
	s := view.Snapshot()
	for i := range s.Len() {
		err := a.Copy(view, i)
		if errors.Is(err, mailbox.ErrGone) {
			continue
		}
		if err != nil {
			a.Abort()
			return nil, err
		}
		uids = append(uids, s.Message(i).UID)
	}
	_, _, err = a.Commit()
	return uids, err
}

func (v *visit) subscribe(context.Context) (reply, error)   { return v.setSubscribed(true) }
func (v *visit) unsubscribe(context.Context) (reply, error) { return v.setSubscribed(false) }

func (v *visit) setSubscribed(on bool) (reply, error) {
	name, err := v.mailboxName()
	if err != nil {
		return reply{}, err
	}
	if err := v.tree.Subscribe(strings.TrimSuffix(name, "/"), on); err != nil {
		return reply{}, v.failed("subscribe "+name, err)
	}
	return reply{}, nil
}
