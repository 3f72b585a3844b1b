package local

import (
	"errors"
	"os"
	"path"
	"strings"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/mbox"
	"yubin/internal/smtp"
)

// A mailbox is a Maildir, and whose rights it is written with.
type mailbox struct {
	place maildir.Place
	as    identity
	limit int64 // octets of a message; 0: none
	// quota are the account's own rules; nil: no account's mailbox, which has the limit
	// that it names itself.
	quota *string
}

func (b *mailbox) deliver(a *deliverer, l *letter, k *task) error {
	if b.limit > 0 && l.req.Length > b.limit {
		return bounced(smtp.MailboxFull, "message is larger than what the mailbox takes (%d octets)", b.limit)
	}
	header, err := a.header(l, k, "file")
	if err != nil {
		return err
	}
	m := l.file(k.r, a.host, header)
	if m.Quota, err = a.quota.of(b); err != nil {
		return err
	}
	place := b.place
	place.UID, place.GID = b.as.uid, b.as.gid
	err = a.ids.do(b.as, func() (err error) {
		k.delivery, err = a.boxes.Deliver(&place, m)
		return err
	})
	if err != nil {
		return a.quota.failure(err)
	}
	k.text = "delivered to maildir"
	return nil
}

// A textbox is an mbox file. It is opened and unlocked with the rights of opener,
// who is as but for a spool in which only root may make files, and written as as,
// whose quota counts.
type textbox struct {
	place      mbox.Place
	as, opener identity
	named      bool // an alias or a .forward file names it
}

func (b *textbox) deliver(a *deliverer, l *letter, k *task) error {
	header, err := a.header(l, k, "file")
	if err != nil {
		return err
	}
	content, offset := l.source()
	m := &mbox.Message{
		Sender: smtp.Quote(k.sender), Arrival: time.UnixMicro(l.req.Arrival), Header: header,
		Content: content, Offset: offset, Length: l.req.Length, Unsure: l.req.Unsure,
	}
	if err := b.append(a, m); err != nil {
		return mailboxFailure(err)
	}
	k.text = "delivered to mailbox"
	if b.named {
		k.text = "delivered to file: " + b.place.Path
	}
	return nil
}

// append opens, writes, flushes and closes.
func (b *textbox) append(a *deliverer, m *mbox.Message) error {
	if b.as == b.opener {
		return a.ids.do(b.as, func() error {
			box, err := b.place.Open()
			if err != nil {
				return err
			}
			defer box.Close()
			return box.Write(m, a.sync)
		})
	}
	var box *mbox.Box
	err := a.ids.do(b.opener, func() (err error) { box, err = b.place.Open(); return err })
	if err != nil {
		return err
	}
	err = a.ids.do(b.as, func() error { return box.Write(m, a.sync) })
	return errors.Join(err, a.ids.do(b.opener, func() error { box.Close(); return nil }))
}

// limits are the parameters of mbox files and of message sizes.
type limits struct {
	lock     mbox.Lock
	size     int64
	patience time.Duration // with the reader of a pipe
}

// inSpool is the mbox file of a user in a spool directory. Who may make files
// there decides whose rights are needed, as in Postfix.
func (lim *limits) inSpool(file string, user identity, strict bool) *textbox {
	b := &textbox{
		place: mbox.Place{Path: file, Plain: true, Owned: strict, Owner: user.uid, Limit: lim.size, Lock: lim.lock},
		as:    user, opener: user,
	}
	info, err := os.Stat(path.Dir(file))
	switch {
	case err != nil || info.Mode().Perm()&0o002 != 0:
	case info.Mode().Perm()&0o020 != 0:
		if gid, ok := groupOf(info); ok {
			b.as.gid, b.opener.gid = gid, gid
		}
	case os.Geteuid() == 0:
		b.opener = identity{0, 0}
		b.place.Give = []int{user.uid, user.gid}
	}
	return b
}

// named is the file or Maildir that a list names.
func (lim *limits) named(file string, as identity) target {
	if dir, ok := strings.CutSuffix(file, "/"); ok {
		dir = path.Clean(dir)
		return &mailbox{place: maildir.Place{Base: path.Dir(dir), Path: path.Base(dir) + "/"}, as: as, limit: lim.size}
	}
	b := &textbox{place: mbox.Place{Path: file, Any: true, Patience: lim.patience, Limit: lim.size, Lock: lim.lock}, as: as, opener: as, named: true}
	b.place.Lock.DotMayFail = true
	if file == os.DevNull {
		b.place.Lock.Dot = false
	}
	return b
}

// mailboxOf is where the mail of an account goes.
func mailboxOf(a *ipc.Account, limit int64) *mailbox {
	return &mailbox{
		maildir.Place{Base: a.Base, Path: a.Mailbox, Beneath: a.Beneath, Owned: a.Owned, Owner: a.UID},
		identity{a.UID, a.GID}, limit, &a.Quota,
	}
}
