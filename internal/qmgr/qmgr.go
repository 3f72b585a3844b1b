// Package qmgr is the queue manager: it owns the queue directory, takes
// messages from writers, decides when to deliver them, hands them to delivery
// agents, and accounts for every recipient. docs/QUEUE.md has the states of a
// message and docs/IPC.md the conversations.
//
// One goroutine, the scheduler (scheduler.go), owns everything that changes. It
// hears of packets, flushes, files read and time by closures on a channel, and
// waits for nothing else. Read on in the order of a message's life:
//
//	conn.go                 who may speak, and to what end
//	lend.go, outbox.go      writers: blanks out, commits in
//	commit.go               one flush for all commits that wait
//	letter.go               letters in maildrop/, which have their messages here
//	load.go, calendar.go    what is deferred, and recovery at start
//	attempt.go, message.go  an attempt: outcomes, records, end or deferral
//	transport.go, agent.go  the ways to agents, and who may have a request
//	job.go, request.go      which recipients of a message go together, and when
//	place.go                mailboxes: concurrency
//	site.go                 destinations on other hosts: concurrency, feedback
//	result.go, child.go     what agents answer; forwards
//	sick.go                 forwards and notices of a message that the disk fails
//	notice.go               what senders are told
//	control.go, list.go     mailq and mailctl
//	intent.go               what they want of messages that are on their way into memory
//	flushto.go              all mail for one domain, tried now
//
// It never reads the content of a message but to verify and to copy it, never
// opens a mailbox, and speaks to no network.
//
// # Standards
//
//	RFC 3463          enhanced status codes           result.go
//	RFC 5321, 4.5.4   retrying                        params.go
//	RFC 3461, 5.2     who is told of what             notice.go
//	RFC 5321, 4.5.5   null sender, never answered     notice.go
//	RFC 3464          notices (package dsn)           child.go
package qmgr

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/route"
	"yubin/internal/service"
	"yubin/internal/wording"
)

// Command is qmgr(8).
var Command = &cli.Command{
	Name: "qmgr", Section: 8,
	Params: append(append([]*config.Def{
		config.QueueDirectory.Def, config.Myhostname.Def, config.MailName.Def, config.MailOwner.Def, config.SmtpdUser.Def,
		config.MessageSizeLimit.Def, config.QueueMinfree.Def, config.IncomingLimit.Def, config.QmgrMessageActiveLimit.Def, config.QmgrMessageRecipientLimit.Def, config.QmgrListingCacheLimit.Def,
		config.QueueRunDelay.Def, config.MinimalBackoffTime.Def, config.MaximalBackoffTime.Def,
		config.MaximalQueueLifetime.Def, config.BounceQueueLifetime.Def, config.BounceSizeLimit.Def, config.DelayWarningTime.Def, config.NotifyClasses.Def, config.NotifySessionLimit.Def,
		config.BounceNoticeRecipient.Def, config.DoubleBounceNoticeRecipient.Def, config.DelayNoticeRecipient.Def, config.ErrorNoticeRecipient.Def,
		config.TransportRetryTime.Def, config.DeferTransports.Def,
		config.DestinationConcurrency.Def, config.LocalConcurrency.Def, config.VirtualConcurrency.Def,
		config.DestinationRecipients.Def, config.InitialConcurrency.Def, config.PositiveFeedback.Def, config.NegativeFeedback.Def,
		config.FailedCohortLimit.Def, config.DestinationRateDelay.Def, config.TransportRateDelay.Def,
		config.AgentWindow.Def, config.AgentSlowWindow.Def, config.FlushSlow.Def,
		config.AuthorizedMailqUsers.Def, config.AuthorizedFlushUsers.Def,
	}, append(wording.Params(), append(route.Params(), rewrite.Params()...)...)...), service.Params...),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			// Postfix's maxproc of 1 says that there is one queue manager, not
			// that it speaks to one program at a time.
			if err := fs.Set("limit", "0"); err != nil {
				return err
			}
			var q manager
			return service.Run(ctx, env, o, service.Handler{
				Start: q.start, Check: check, Conn: q.conn, Idle: q.idle, Reload: q.reload, Retire: q.retire, Stop: q.stop,
			})
		}
	},
}

// A manager is a running qmgr: the scheduler and what belongs to the process.
type manager struct {
	s     *scheduler
	store *queue.Store
	users *users
}

// check finds wrong values.
func check(c *config.Config, log *maillog.Logger) error {
	_, err := readUsers(c)
	if err == nil {
		_, err = newResolver(c, log)
	}
	if err == nil {
		_, err = newRewriter(c, log)
	}
	return err
}

func (q *manager) start(_ context.Context, svc *service.Service) error {
	c := svc.Config
	p := readParams(c)
	reportWording(c, svc.Log)
	u, err := readUsers(c)
	if err != nil {
		return err
	}
	resolve, err := newResolver(c, svc.Log)
	if err != nil {
		return err
	}
	edit, err := newRewriter(c, svc.Log)
	if err != nil {
		return err
	}
	var s *scheduler
	store, err := openStore(p.dir, func(id string) { s.shelf.forget(id) })
	if err != nil {
		return err
	}
	s = newScheduler(p, store, svc.Log, config.FlushSlow.Of(c))
	q.users, q.store, q.s = u, store, s
	q.s.resolve, q.s.rewrite, q.s.dial = resolve, edit, dialPrivate(p.dir)
	if err := q.s.recover(); err != nil {
		store.Close()
		return err
	}
	go q.s.run()
	return nil
}

// openStore opens the queue, and makes it first where no master has: in a
// private instance.
func openStore(dir string, changed func(id string)) (*queue.Store, error) {
	store, err := queue.Open(dir, queue.Options{Changed: changed})
	if !errors.Is(err, os.ErrNotExist) {
		return store, err
	}
	if err := queue.Prepare(dir, queue.PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		return nil, err
	}
	return queue.Open(dir, queue.Options{Changed: changed})
}

// newResolver asks package route.
func newResolver(c *config.Config, log *maillog.Logger) (resolver, error) {
	r, err := route.New(c, func(p config.Problem) { log.Warn("%v", p) })
	if err != nil {
		return nil, err
	}
	return func(address, sender string) (destination, error) {
		res, err := r.Resolve(address, sender)
		if err != nil {
			return destination{}, err
		}
		return destination{
			transport: res.Transport, nexthop: res.Nexthop, mailbox: res.Mailbox, address: textOr(res.Recipient, address),
			rule: res.Rule,
		}, nil
	}, nil
}

// reportWording says what is left out of the words of notices.
func reportWording(c *config.Config, log *maillog.Logger) {
	_, problems := wording.Load(c)
	for _, p := range problems {
		log.As("bounce").Warn("%v", p)
	}
}

// newRewriter makes what the addresses of forwards and notices go through.
func newRewriter(c *config.Config, log *maillog.Logger) (*rewrite.Rewriter, error) {
	return rewrite.New(c, func(p config.Problem) { log.Warn("%v", p) })
}

// dialPrivate connects to sockets in private/ of the queue directory.
func dialPrivate(dir string) dialer {
	return func(transport string) (link, error) {
		return fdpass.Dial(filepath.Join(dir, queue.DirPrivate, filepath.Base(transport)))
	}
}

func (q *manager) conn(ctx context.Context, c net.Conn) { converse(ctx, q.s, q.users, c) }

// idle tells whether the process may end, and when it is needed again.
func (q *manager) idle() (ok bool, next time.Time) {
	q.s.ask(func() { ok, next = q.s.mayEnd() })
	return ok, next
}

// reload takes a new configuration between two events.
func (q *manager) reload(c *config.Config) {
	resolve, err := newResolver(c, q.s.log.out)
	if err != nil {
		q.s.log.warn("reload: %v; the old configuration stays", err)
		return
	}
	edit, err := newRewriter(c, q.s.log.out)
	if err != nil {
		q.s.log.warn("reload: %v; the old configuration stays", err)
		return
	}
	u, err := readUsers(c)
	if err != nil {
		q.s.log.warn("reload: %v; the old configuration stays", err)
		return
	}
	p := readParams(c)
	reportWording(c, q.s.log.out)
	p.dir = q.s.p.dir // the queue does not move under a running process
	q.s.ask(func() {
		q.s.p, q.s.resolve, q.s.rewrite = p, resolve, edit
		q.s.shelf.reset(p.shelf)
		q.s.spaceAt = time.Time{}
		q.s.reviveTransports()
	})
	q.users.replace(u)
}

func (q *manager) retire(ctx context.Context) { q.s.retire(ctx) }

func (q *manager) stop(ctx context.Context) {
	q.s.stop(ctx)
	q.store.Close()
}

// mayEnd tells whether nothing is under way, and when the next attempt is due.
func (s *scheduler) mayEnd() (bool, time.Time) {
	if len(s.messages)+len(s.loading)+len(s.backlog)+len(s.writers)+len(s.kept)+len(s.untaken)+s.making > 0 || s.sites.running || s.tidying || !s.tidyAt.IsZero() || !s.quiet() {
		return false, time.Time{}
	}
	if s.store.Trim() {
		return false, time.Time{} // a few at a time
	}
	next, ok := s.waiting.next()
	if s.more && (!ok || s.rescan.Before(next)) {
		next, ok = s.rescan, true
	}
	if ok && !next.After(s.now()) {
		return false, time.Time{}
	}
	return true, next
}
