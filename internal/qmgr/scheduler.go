package qmgr

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"yubin/internal/config"
	"yubin/internal/dsn"
	"yubin/internal/durable"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
	"yubin/internal/smtp"
)

// A resolver says how mail of a sender to an address is delivered. An error is
// temporary. Several goroutines call it at once.
type resolver func(address, sender string) (destination, error)

// of says it for a recipient of an envelope: a content filter comes before everything
// else.
func (r resolver) of(env *queue.Envelope, address string) (destination, error) {
	filter := env.Attrs[queue.AttrFilter]
	if filter == "" {
		return r(address, env.Sender)
	}
	transport, nexthop, _ := strings.Cut(filter, ":")
	if nexthop == "" && !slices.Contains(inner, transport) {
		_, nexthop = smtp.SplitAddress(address)
	}
	return destination{transport: transport, nexthop: nexthop, address: address, rule: config.ContentFilter.Name}, nil
}

// inner are the transports that are done here; what stands behind them is a text.
var inner = []string{"error", "retry", "discard"}

// dialer connects to the agent of a transport.
type dialer func(transport string) (link, error)

// A scheduler is the queue manager's mind: one goroutine, run, owns all of it.
// Others reach it by post. It waits for nothing but events: sockets, flushes and
// the reading of large files are other goroutines' work.
type scheduler struct {
	p       *params
	resolve resolver
	rewrite *rewrite.Rewriter // of the addresses of children
	dial    dialer
	store   *queue.Store
	flusher *durable.Flusher
	log     *logs
	now     func() time.Time

	events chan func()
	done   chan struct{} // closed when run has returned

	messages map[string]*message // in memory, by ID
	loading  map[string]intent   // being read
	arriving map[string]intent   // committed, and not yet safe
	held     int                 // recipients of those in memory
	inFlight int                 // messages whose first attempt has not ended
	backlog  []string            // of those, still to be read from incoming/
	waiting  calendar            // deferred, the earliest
	more     bool                // deferred/ holds later ones that are not in waiting
	scanning bool
	scanAt   time.Time // when deferred/ was last read
	passed   bool      // something was left out of waiting since
	rescan   time.Time // when it is to be read again, if there is more
	flushed  time.Time // when everything deferred was last told to be tried now
	kept     map[string]*message
	sick     map[string]bool     // files that a flush failed for: never written again
	left     map[string][]string // children found at start that wait for this message
	untaken  map[string]bool     // letters whose file in maildrop/ could not be removed
	begun    time.Time           // of this process: what was on disk before may have been under way

	writers    map[*writer]bool
	lent       int
	full       string    // why nothing is taken, "" when it is
	spaceAt    time.Time // when the file system is asked next
	noSpace    string    // what it said
	trimAt     time.Time
	transports map[string]*transport
	sites      siteSearch
	shelf      *shelf // of listings

	tidyAt  time.Time // when deleted files are to be removed; zero: there are none
	tidying bool      // they are being

	jobs     []flushJob
	flushing bool
	batches  chan batch
	results  []*message  // with outcomes that should be recorded
	making   int         // children and other letters of ours being written
	told     dsn.Limiter // of letters about sessions

	stopping bool
	retiring bool           // another generation takes over
	allBack  chan struct{}  // closed when no blank is lent any more; nil: nobody waits
	helpers  sync.WaitGroup // the goroutines that post
}

func newScheduler(p *params, store *queue.Store, log *maillog.Logger, slow time.Duration) *scheduler {
	return &scheduler{
		p: p, store: store, log: newLogs(log), now: time.Now,
		flusher: durable.New(durable.Options{Slow: slow}),
		events:  make(chan func(), 1024), done: make(chan struct{}),
		messages: map[string]*message{}, loading: map[string]intent{}, arriving: map[string]intent{}, begun: time.Now(),
		waiting: newCalendar(), kept: map[string]*message{}, sick: map[string]bool{}, untaken: map[string]bool{}, left: map[string][]string{},
		writers: map[*writer]bool{}, transports: map[string]*transport{},
		batches: make(chan batch, 1), tidyAt: time.Now(), shelf: newShelf(p.shelf),
	}
}

// post has f called by the scheduler's goroutine. It tells whether it will be.
func (s *scheduler) post(f func()) bool {
	select {
	case s.events <- f:
		return true
	case <-s.done:
		return false
	}
}

// ask has f called by the scheduler's goroutine and waits for it.
func (s *scheduler) ask(f func()) bool {
	ready := make(chan struct{})
	if !s.post(func() { defer close(ready); f() }) {
		return false
	}
	select {
	case <-ready:
		return true
	case <-s.done:
		return false
	}
}

// burst is how many events are taken together: what can be done once for many
// is done after them.
const burst = 256

// run is the scheduler's goroutine. It returns when stop has had its way.
func (s *scheduler) run() {
	s.helpers.Go(s.commitLoop)
	defer s.helpers.Wait()
	defer close(s.done)
	defer s.dropAgents()
	defer close(s.batches)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case f := <-s.events:
			f()
			s.takeMore()
		case <-timer.C:
		}
		s.endBurst()
		if s.stopping && s.quiet() {
			return
		}
		timer.Reset(s.untilNext())
	}
}

func (s *scheduler) takeMore() {
	for range burst {
		select {
		case f := <-s.events:
			f()
		default:
			return
		}
	}
}

// endBurst does what many events have in common.
func (s *scheduler) endBurst() {
	s.fill()
	for _, t := range s.transports {
		s.dispatch(t)
	}
	s.lend()
	s.checkAllBack()
	s.kick()
	s.tidy()
	for w := range s.writers {
		w.out.wake()
	}
}

// tidyPause is how long after a deletion its file is removed: not while more are
// being deleted.
const tidyPause = time.Second

// tidy removes deleted files in a goroutine.
func (s *scheduler) tidy() {
	if s.tidyAt.IsZero() || s.tidying || s.stopping || s.now().Before(s.tidyAt) {
		return
	}
	s.tidyAt, s.tidying = time.Time{}, true
	s.helpers.Go(func() {
		err := s.store.SweepAway(s.done)
		s.post(func() {
			if s.tidying = false; err != nil {
				s.log.warn("remove what was deleted: %v", err)
			}
		})
	})
}

// untilNext is the time until something is due although nothing happens. What
// waits for an event as well is not: it would keep the scheduler awake.
func (s *scheduler) untilNext() time.Duration {
	if s.stopping {
		return time.Hour
	}
	now := s.now()
	next := now.Add(time.Hour)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if t, ok := s.waiting.next(); ok && s.room() > 0 && len(s.loading) < loadsAtOnce {
		earlier(t)
	}
	if s.more && !s.scanning {
		earlier(s.rescan)
	}
	if len(s.writers) > 0 && !s.retiring {
		earlier(s.spaceAt)
	}
	earlier(s.trimAt)
	if !s.tidying {
		earlier(s.tidyAt)
	}
	for _, t := range s.transports {
		earlier(t.due())
	}
	return max(next.Sub(now), 0)
}

// room is how many more messages memory has place for.
func (s *scheduler) room() int {
	if s.held >= s.p.recipients {
		return 0
	}
	return s.p.active - len(s.messages) - len(s.loading)
}

// quiet tells whether a stopping scheduler has nothing under way.
func (s *scheduler) quiet() bool {
	if s.flushing || len(s.jobs) > 0 || s.making > 0 || len(s.loading) > 0 || s.scanning {
		return false
	}
	for _, t := range s.transports {
		if t.agent != nil && len(t.agent.outstanding) > 0 {
			return false
		}
		for a := range t.draining {
			if len(a.outstanding) > 0 {
				return false
			}
		}
	}
	return true
}

// stopReserve is the part of a stop's time that is kept for writing down what
// is known, when an agent does not answer.
const stopReserve = 2 * time.Second

// stop ends run: nothing new is begun, what is under way has until shortly
// before ctx ends.
func (s *scheduler) stop(ctx context.Context) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-stopReserve))
		defer cancel()
	}
	s.post(func() {
		s.stopping = true
		for _, m := range s.messages {
			s.checkpoint(m)
		}
		for _, m := range s.kept { // the disk may take now what it did not
			s.checkpoint(m)
		}
	})
	select {
	case <-s.done:
	case <-ctx.Done():
		// Requests that no agent answers are unsure after the restart.
		s.post(func() { s.dropAgents() })
		<-s.done
	}
	s.helpers.Wait()
	s.log.close()
}
