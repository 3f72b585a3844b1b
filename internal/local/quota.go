package local

import (
	"errors"

	"yubin/internal/account"
	"yubin/internal/config"
	"yubin/internal/quota"
	"yubin/internal/smtp"
)

// quotas is what deliveries have to do with the quota of mailboxes.
type quotas struct {
	rules    *quota.Rules // of mailboxes whose account has none
	tempfail bool         // quota_full_tempfail
	message  string       // quota_exceeded_message
}

func newQuotas(c *config.Config) (quotas, error) {
	r, err := account.Quota(c)
	return quotas{r, config.QuotaFullTempfail.Of(c), config.QuotaExceededMessage.Of(c)}, err
}

// of are the rules of a mailbox.
func (q *quotas) of(b *mailbox) (*quota.Rules, error) {
	if b.quota == nil {
		return nil, nil
	}
	r, err := account.QuotaOf(q.rules, *b.quota)
	if err != nil {
		return nil, unplaced(err)
	}
	return r, nil
}

// failure is the outcome of a delivery that failed.
func (q *quotas) failure(err error) error {
	switch {
	case !errors.Is(err, quota.ErrFull):
		return mailboxFailure(err)
	case q.tempfail:
		return deferred(smtp.MailboxFull, nil, "%s", q.message)
	}
	return bounced(smtp.MailboxFull, "%s", q.message)
}
