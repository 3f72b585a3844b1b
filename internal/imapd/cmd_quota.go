package imapd

import (
	"context"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
	"yubin/internal/quota"
)

// quotaRoot is the name of the one quota root, that of all a user's mailboxes: as
// in Dovecot's example. Clients of RFC 2087's time that know none ask for "".
const quotaRoot = "User quota"

// getQuota is GETQUOTA (RFC 9208, 4.1.1).
func (v *visit) getQuota(context.Context) (reply, error) {
	v.d.SP()
	root := v.d.AString()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	s, err := v.tree.Quota()
	switch {
	case err != nil:
		return reply{}, v.failed("quota", err)
	case !s.Kept || root != quotaRoot && root != "":
		return reply{}, no("NONEXISTENT", "Quota root doesn't exist.")
	}
	return reply{}, v.sayQuota(root, s)
}

// getQuotaRoot is GETQUOTAROOT (RFC 9208, 4.1.2). The mailbox need not exist.
func (v *visit) getQuotaRoot(context.Context) (reply, error) {
	name, err := v.mailboxName()
	if err != nil {
		return reply{}, err
	}
	s, err := v.tree.Quota()
	if err != nil {
		return reply{}, v.failed("quota", err)
	}
	kept := s.Kept && !v.tree.OutsideQuota(name)
	b := v.appendName(append(v.out[:0], "* QUOTAROOT "...), name)
	if kept {
		b = imap.AppendAString(append(b, ' '), quotaRoot)
	}
	v.out = append(b, "\r\n"...)
	if _, err := v.Write(v.out); err != nil || !kept {
		return reply{}, err
	}
	return reply{}, v.sayQuota(quotaRoot, s)
}

// sayQuota tells what there is and what there may be, of what is limited (RFC
// 9208, 4.2.1).
func (v *visit) sayQuota(root string, s quota.Status) error {
	b := append(imap.AppendAString(append(v.out[:0], "* QUOTA "...), root), " ("...)
	if s.Limit.Bytes > 0 {
		b = append(b, "STORAGE "...)
		b = append(appendNumber(b, kibi(s.Used.Bytes)), ' ')
		b = appendNumber(b, kibi(s.Limit.Bytes))
	}
	if s.Limit.Count > 0 {
		if s.Limit.Bytes > 0 {
			b = append(b, ' ')
		}
		b = append(b, "MESSAGE "...)
		b = append(appendNumber(b, uint64(s.Used.Count)), ' ')
		b = appendNumber(b, uint64(s.Limit.Count))
	}
	v.out = append(b, ")\r\n"...)
	_, err := v.Write(v.out)
	return err
}

// kibi is a number of octets in the unit of STORAGE (RFC 9208, 5.1).
func kibi(octets int64) uint64 { return (uint64(octets) + 1023) / 1024 }

// setQuota is SETQUOTA, which nobody may here: limits are the administrator's
// (RFC 9208, 4.1.3).
func (v *visit) setQuota(context.Context) (reply, error) {
	v.d.SP()
	v.d.SetQuota()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	return reply{}, no("NOPERM", "The administrator sets limits.")
}

// deletedStorage is the STATUS item DELETED-STORAGE (RFC 9208, 4.1.4), in octets:
// sizes may stand in for it.
func deletedStorage(_ *visit, w *mailbox.View) (uint64, error) {
	return uint64(w.StoredWith(mailbox.Trashed)), nil
}
