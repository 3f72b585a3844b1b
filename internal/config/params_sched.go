package config

import (
	"errors"
	"strconv"
	"strings"
)

// How mail for other hosts is spread over destinations.
var (
	InitialConcurrency = integer("initial_destination_concurrency", 5, 1, 100000, `
		How many deliveries at once a destination gets before it has answered one. TRANSPORT_initial_destination_concurrency
		sets it for one transport.`).familyOf("_initial_destination_concurrency")
	PositiveFeedback = feedback("default_destination_concurrency_positive_feedback", "1", `
		How much a delivery that a destination answers adds to its concurrency, up to its limit: a number in 0..1, which /concurrency
		or /sqrt_concurrency may follow. A refused recipient is an answer as good as any.
		TRANSPORT_destination_concurrency_positive_feedback sets it for one transport.`)
	NegativeFeedback = feedback("default_destination_concurrency_negative_feedback", "1", `
		How much a delivery that fails before the destination takes mail (no connection, no greeting, no TLS) takes from its
		concurrency, down to one, written as the positive feedback is. TRANSPORT_destination_concurrency_negative_feedback sets it
		for one transport.`)
	FailedCohortLimit = integer("default_destination_concurrency_failed_cohort_limit", 1, 0, 100000, `
		After how many cohorts of failed deliveries, a cohort being as many as its concurrency allows at once, a destination counts as dead: its mail
		waits, and it is left alone for minimal_backoff_time or until the queue is flushed. 0 means never.
		TRANSPORT_destination_concurrency_failed_cohort_limit sets it for one transport.`).perTransport()
	DestinationRateDelay = duration("default_destination_rate_delay", "0s", 0, `
		The pause between two deliveries to one destination, which then gets one at a time. TRANSPORT_destination_rate_delay sets
		it for one transport.`).perTransport()
	TransportRateDelay = duration("default_transport_rate_delay", "0s", 0, `
		The least time between two deliveries of one transport, whatever the destination. TRANSPORT_transport_rate_delay sets it
		for one transport.`).perTransport()
	AgentSlowWindow = integer("agent_slow_window", 500, 1, 10000, `
		The most delivery requests for destinations that have not answered yet, or that take longer than a second. They are counted apart from
		agent_window, and the less of them are left the fewer one destination gets, so that dead and slow hosts hold up nobody's mail but their own.`)
	FastFlushDomains = list("fast_flush_domains", "$relay_domains", `
		The domains for which ETRN is served: the mail that waits for them is tried at once. mailctl(8) and sendmail(1) -qR do that
		for every domain.`)
	SmtpdRestrictionClasses = list("smtpd_restriction_classes", "", `
		Names of parameters of your own, each a list of restrictions. A name stands for its list
		in other lists and as an action of access tables.`)
	SmtpdEtrnRestrictions = list("smtpd_etrn_restrictions", "", `
		Restrictions asked at ETRN, beside those of the client and of HELO; check_etrn_access type:table looks the domain up.`)
)

// A Feedback is a parameter that says how an outcome changes a concurrency.
type Feedback struct{ *Def }

// A FeedbackRule is its value: Number, divided by what Per says.
type FeedbackRule struct {
	Number float64
	Per    string // "", concurrency or sqrt_concurrency
}

// For is as Int.For.
func (p Feedback) For(c *Config, transport string) FeedbackRule {
	return must(c.parseFor(p.Def, transport)).(FeedbackRule)
}

// feedback is the default of a family of parameters.
func feedback(name, def, doc string) Feedback {
	const want = "a number in 0..1, or number/concurrency or number/sqrt_concurrency"
	return Feedback{register(&Def{Name: name, Default: def, Type: want, Doc: doc, suffix: strings.TrimPrefix(name, "default"), check: func(v string) (any, error) {
		number, per, divided := strings.Cut(v, "/")
		per = strings.Trim(per, blanks)
		n, err := strconv.ParseFloat(strings.Trim(number, blanks), 64)
		if err != nil || !(n >= 0 && n <= 1) || divided && per != "concurrency" && per != "sqrt_concurrency" {
			return nil, errors.New("want " + want)
		}
		return FeedbackRule{n, per}, nil
	}})}
}
