package qmgr

import (
	"math"
	"slices"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/wording"
)

// params is what qmgr reads of a configuration.
type params struct {
	hostname, mailName string

	incoming, active, window int
	recipients               int   // in memory
	shelf                    int64 // octets that listings may keep
	slow                     int
	limits                   map[string]limits // by transport, as far as they were asked for
	limitsOf                 func(transport string) limits

	minimal, maximal          time.Duration // back-off
	lifetime, bounceLifetime  time.Duration
	doubleBounces             string        // who gets what comes back to the null sender; "": nobody
	bounceCopies, delayCopies string        // who gets copies of notices; "": nobody
	errors                    string        // who hears of sessions that went wrong; "": nobody
	delayWarning              time.Duration // 0: none
	transportRetry, queueRun  time.Duration
	deferred                  map[string]bool // defer_transports
	words                     wording.Words   // of notices
	minfree, bounceSize       int64
	sessions                  int // that the postmaster is told of in an hour
	mailqUsers, flushUsers    []string
	mailOwner, smtpdUser, dir string
}

func readParams(c *config.Config) *params {
	p := &params{
		hostname: config.Myhostname.Of(c), mailName: config.MailName.Of(c),
		incoming: config.IncomingLimit.Of(c), active: config.QmgrMessageActiveLimit.Of(c),
		recipients: config.QmgrMessageRecipientLimit.Of(c), shelf: config.QmgrListingCacheLimit.Of(c),
		window: config.AgentWindow.Of(c), slow: config.AgentSlowWindow.Of(c),
		limits: map[string]limits{},
		limitsOf: func(transport string) limits {
			l := limits{
				concurrency: config.DestinationConcurrency.For(c, transport), initial: config.InitialConcurrency.For(c, transport),
				perRequest: upTo(ipc.MaxRequestRecipients, config.DestinationRecipients.For(c, transport)),
				positive:   config.PositiveFeedback.For(c, transport), negative: config.NegativeFeedback.For(c, transport),
				cohorts:   config.FailedCohortLimit.For(c, transport),
				siteDelay: config.DestinationRateDelay.For(c, transport), transportDelay: config.TransportRateDelay.For(c, transport),
			}
			switch transport {
			case "local":
				l.concurrency = config.LocalConcurrency.Of(c)
			case "virtual":
				l.concurrency = config.VirtualConcurrency.Of(c)
			}
			l.concurrency = upTo(math.MaxInt32, l.concurrency)
			return l
		},
		minimal: config.MinimalBackoffTime.Of(c), maximal: config.MaximalBackoffTime.Of(c),
		lifetime: config.MaximalQueueLifetime.Of(c), bounceLifetime: config.BounceQueueLifetime.Of(c),
		delayWarning:   config.DelayWarningTime.Of(c),
		transportRetry: config.TransportRetryTime.Of(c), queueRun: config.QueueRunDelay.Of(c),
		deferred: map[string]bool{},
		minfree:  config.MinFree(c), bounceSize: config.BounceSizeLimit.Of(c),
		mailqUsers: config.AuthorizedMailqUsers.Of(c), flushUsers: config.AuthorizedFlushUsers.Of(c),
		sessions:  config.NotifySessionLimit.Of(c),
		mailOwner: config.MailOwner.Of(c), smtpdUser: config.SmtpdUser.Of(c), dir: config.QueueDirectory.Of(c),
	}
	p.words, _ = wording.Load(c) // qmgr says what is left out
	for _, t := range config.DeferTransports.Of(c) {
		p.deferred[t] = true
	}
	for _, n := range []struct {
		class string
		to    *string
		param config.String
	}{
		{"bounce", &p.bounceCopies, config.BounceNoticeRecipient},
		{"2bounce", &p.doubleBounces, config.DoubleBounceNoticeRecipient},
		{"delay", &p.delayCopies, config.DelayNoticeRecipient},
		{"protocol", &p.errors, config.ErrorNoticeRecipient},
	} {
		if slices.Contains(config.NotifyClasses.Of(c), n.class) {
			*n.to = n.param.Of(c)
		}
	}
	return p
}

// upTo is n, and most where n is larger, or 0: as many as can be.
func upTo(most, n int) int {
	if n == 0 {
		return most
	}
	return min(n, most)
}

// limits are those of one transport.
type limits struct {
	concurrency int // deliveries to one destination at once
	initial     int // before it has answered
	perRequest  int // recipients

	positive, negative config.FeedbackRule
	cohorts            int // failed ones that make a destination dead; 0: never

	siteDelay, transportDelay time.Duration
}

// most is how many deliveries a site may have at once, first how many before it
// has answered.
func (l limits) most() int {
	if l.siteDelay > 0 {
		return 1
	}
	return l.concurrency
}

func (l limits) first() int { return min(l.initial, l.most()) }

// limit returns a transport's limits. It is the scheduler's alone.
func (p *params) limit(transport string) limits {
	l, ok := p.limits[transport]
	if !ok {
		l = p.limitsOf(transport)
		p.limits[transport] = l
	}
	return l
}

// backoff is the wait before the next attempt of a message of this age.
func (p *params) backoff(age time.Duration) time.Duration {
	return min(max(age, p.minimal), max(p.maximal, p.minimal))
}

// expired tells whether a message of this age goes back to its sender.
func (p *params) expired(sender string, age time.Duration) bool {
	if sender == "" {
		return age >= p.bounceLifetime
	}
	return age >= p.lifetime
}
