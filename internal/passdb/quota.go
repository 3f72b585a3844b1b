package passdb

import (
	"fmt"
	"strings"

	"yubin/internal/quota"
)

// Fields about the quota: Dovecot 2.3's rules, which it numbers from 2 on, and
// 2.4's words for the limits of the whole.
const (
	quotaRule    = "userdb_quota_rule"
	quotaStorage = "userdb_quota_storage_size"
	quotaCount   = "userdb_quota_message_count"
)

// mostRules is how far the numbers of rules are looked for.
const mostRules = 20

// quotaRules are the rules that an account's fields hold, one a line.
func quotaRules(field func(name string) string) string {
	var rules []string
	for i := 1; i <= mostRules; i++ {
		name := quotaRule
		if i > 1 {
			name += fmt.Sprint(i)
		}
		if rule := field(name); rule != "" {
			rules = append(rules, rule)
		}
	}
	whole := ""
	if size := field(quotaStorage); size != "" {
		whole += ":bytes=" + sizeOf(size)
	}
	if count := field(quotaCount); count != "" {
		whole += ":messages=" + sizeOf(count)
	}
	if whole != "" {
		rules = append(rules, "*"+whole)
	}
	return strings.Join(rules, "\n")
}

// sizeOf is a value of Dovecot 2.4, which has a word for none.
func sizeOf(value string) string {
	if strings.EqualFold(value, "unlimited") {
		return "0"
	}
	return value
}

// SetQuota gives an entry other rules for its quota, in place of all that it has.
func (e *Entry) SetQuota(rules []string) {
	var kept []Field
	for _, f := range e.Fields {
		if !strings.HasPrefix(f.Name, quotaRule) && f.Name != quotaStorage && f.Name != quotaCount {
			kept = append(kept, f)
		}
	}
	for i, rule := range rules {
		name := quotaRule
		if i > 0 {
			name += fmt.Sprint(i + 1)
		}
		kept = append(kept, Field{Name: name, Value: rule})
	}
	e.Fields = kept
}

// checkQuota tells what is wrong with the rules.
func (e *Entry) checkQuota() error {
	if len(e.Fields) == 0 {
		return nil
	}
	_, err := (*quota.Rules)(nil).With(e.Person().Quota)
	return err
}
