package config

import (
	"errors"

	"yubin/internal/quota"
)

// Quota of mailboxes: local(8), imapd(8), pop3d(8) and mailctl(8).
var (
	QuotaRule = quotaRules("quota_rule", "", `
		How much mail a mailbox with its folders may hold, in the words of Dovecot's quota_rule: *:storage=1G,
		*:storage=500M:messages=10000. storage counts KiB, bytes octets; K, M, G or T may stand behind the number, and 0 is no limit.
		A rule for a folder, with "*" and "?" in its name for anything, gives it more (Trash:storage=+100M, Trash:storage=+10%) or
		takes it out of the count (Spam:ignore); braces hold a name with blanks together: {Deleted Items:ignore}. The account's own rules
		(userdb_quota_rule in users(5)) take the place of those for the same name. With "*" the limit is this one. With "?", or without
		either, the limit that the mailbox's file maildirsize names comes first, as Dovecot has it.`)
	QuotaGrace = grace("quota_grace", "10%", `
		How far beyond its limit a mailbox that is not full yet may go with one last letter that is delivered: octets, K, M or G, or a
		part of the limit. Clients that put messages into a mailbox do not have it.`)
	QuotaFullTempfail = boolean("quota_full_tempfail", "no", `
		Mail for a mailbox that is full is tried again later, instead of going back to its sender at once (4.2.2 in place of 5.2.2).`)
	QuotaExceededMessage = str("quota_exceeded_message", "Quota exceeded (mailbox for user is full)", `
		What senders and IMAP clients are told when a mailbox is full.`)
)

// quotaRules is list for rules that package quota reads.
func quotaRules(name, def, doc string) List {
	p := list(name, def, doc)
	p.Type = "list of MAILBOX:LIMIT"
	split := p.check
	p.check = func(v string) (any, error) {
		words, err := split(v)
		if err != nil {
			return nil, err
		}
		if _, err := quota.Parse(words.([]string)); err != nil {
			return nil, err
		}
		return words, nil
	}
	return p
}

// grace is str for what Rules.Grace reads.
func grace(name, def, doc string) String {
	p := str(name, def, doc)
	p.Type = "a number of octets, with K, M, G or T, or a percentage"
	p.check = func(v string) (any, error) {
		r, err := quota.Parse(nil)
		if err == nil {
			_, err = r.Grace(v)
		}
		if err != nil {
			return nil, errors.New("want " + p.Type)
		}
		return v, nil
	}
	return p
}
