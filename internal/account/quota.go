package account

import (
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/quota"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// QuotaParams are the parameters that Quota reads.
var QuotaParams = []*config.Def{config.QuotaRule.Def, config.QuotaGrace.Def}

// Quota is the quota of mailboxes whose account has none of its own.
func Quota(c *config.Config) (*quota.Rules, error) {
	r, err := quota.Parse(config.QuotaRule.Of(c))
	if err != nil {
		return nil, c.Fault(config.QuotaRule.Def, err.Error())
	}
	if r, err = r.Grace(config.QuotaGrace.Of(c)); err != nil {
		return nil, c.Fault(config.QuotaGrace.Def, err.Error())
	}
	return r, nil
}

// QuotaOf is the quota of an account.
func QuotaOf(site *quota.Rules, rules string) (*quota.Rules, error) {
	r, err := site.With(rules)
	if err != nil {
		return nil, &Error{smtp.Detail{Subject: 3, Detail: 5}, "the account's quota cannot be read", err}
	}
	return r, nil
}

// quotas is the table that delivery finds the quota of accounts in, where that
// finds their mailboxes by userdb:mailbox.
func quotas(mailboxes []string, options []table.Option) (Lookup, error) {
	if !slices.ContainsFunc(mailboxes, func(s string) bool { return strings.Contains(s, "userdb:") }) {
		return nil, nil
	}
	return table.OpenMaps([]string{"userdb:quota"}, options...)
}

// quota is what the account says of its quota.
func (v *Virtual) quota(keys []string) (string, error) {
	if v.Quotas == nil {
		return "", nil
	}
	rules, _, err := table.First(v.Quotas, keys)
	if err != nil {
		return "", unread("userdb:quota", err)
	}
	return rules, nil
}
