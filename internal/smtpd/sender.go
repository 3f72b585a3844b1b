package smtpd

import (
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/match"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

func permitLogin(q *query) verdict {
	if q.s.user() != "" {
		return verdict{action: permit}
	}
	return verdict{}
}

// rejectPlaintext refuses sessions without TLS.
func rejectPlaintext(k *compiler, _ string) (func(*query) verdict, error) {
	code := config.PlaintextRejectCode.Of(k.c)
	return func(q *query) verdict {
		if q.s.encrypted() {
			return verdict{}
		}
		return q.rejected(subjects[q.stage], code, smtp.NotAuthorized, "Session encryption is required")
	}, nil
}

// senderOwners are smtpd_sender_login_maps: who may send as whom.
type senderOwners struct {
	maps       *table.Maps
	delimiters string
	local      func(domain string) (bool, error) // whose users have keys without a domain
}

// owners returns the users who may send as addr; known is false when no table
// has it.
func (o *senderOwners) owners(addr string) (users []string, known bool, err error) {
	_, domain := smtp.SplitAddress(addr)
	bare, err := o.local(domain)
	if err != nil {
		return nil, false, err
	}
	value, known, err := table.First(o.maps, route.Keys(addr, o.delimiters, bare))
	return members(value), known, err
}

// A mismatch is which senders a restriction refuses.
type mismatch struct {
	loggedIn  bool // those of users who have logged in and do not own them
	strangers bool // those that somebody owns, without a login
	known     bool // only those that the tables have
}

// rejectMismatch refuses senders that are not the client's.
func rejectMismatch(m mismatch) func(*compiler, string) (func(*query) verdict, error) {
	return func(k *compiler, _ string) (func(*query) verdict, error) {
		o, err := k.senderOwners()
		if err != nil {
			return nil, err
		}
		return func(q *query) verdict { return m.ask(q, o) }, nil
	}
}

func (m mismatch) ask(q *query, o *senderOwners) verdict {
	sender, user := q.s.msg.sender, q.s.user()
	if !q.s.inTransaction() || sender == "" || user == "" && !m.strangers || user != "" && !m.loggedIn {
		return verdict{}
	}
	users, known, err := o.owners(sender)
	switch {
	case err != nil:
		return q.unsure(aboutSender, err)
	case user == "" && known:
		return q.rejected(aboutSender, 553, smtp.NotAuthorized, "not logged in")
	case user == "", !known && m.known, slices.ContainsFunc(users, func(u string) bool { return strings.EqualFold(u, user) }):
		return verdict{}
	}
	return q.rejected(aboutSender, 553, smtp.NotAuthorized, "not owned by user "+user)
}

// senderOwners opens smtpd_sender_login_maps, once.
func (k *compiler) senderOwners() (*senderOwners, error) {
	if k.owners != nil {
		return k.owners, nil
	}
	maps, err := table.OpenMaps(config.SmtpdSenderLoginMaps.Of(k.c), table.Report(func(p config.Problem) { k.log.Warn("%v", p) }), table.Site(k.c))
	if err != nil {
		return nil, err
	}
	local, err := ownDomains(k.c)
	if err != nil {
		return nil, err
	}
	k.owners = &senderOwners{maps: maps, delimiters: config.RecipientDelimiter.Of(k.c), local: local}
	return k.owners, nil
}

// ownDomains tells the domains whose users tables may have without a domain:
// myorigin and mydestination.
func ownDomains(c *config.Config) (func(string) (bool, error), error) {
	origin := config.Myorigin.Of(c)
	here, err := match.Of(c, config.Mydestination)
	if err != nil {
		return nil, err
	}
	return func(domain string) (bool, error) {
		if strings.EqualFold(domain, origin) {
			return true, nil
		}
		return here.Domain(domain)
	}, nil
}
