package smtpc

import (
	"context"
	"net"
	"runtime/debug"
	"time"

	"yubin/internal/agent"
	"yubin/internal/hands"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// A deliverer carries out delivery requests. Its fields do not change.
type deliverer struct {
	log     *maillog.Logger
	o       *settings
	finder  *finder
	pool    *pool
	trusted map[uint32]bool
	work    chan struct{} // full when as many requests are under way as may be
}

// serve answers the requests of one client until it closes. When ctx ends, what
// is under way ends soon.
func (d *deliverer) serve(ctx context.Context, c net.Conn) {
	workers := hands.New()
	defer workers.Close()
	s := &agent.Server{Log: d.log, Trusted: d.trusted, Handle: func(r *agent.Request) { workers.Go(func() { d.handle(ctx, r) }) }}
	s.Serve(ctx, c) // and waits for every answer
}

// handle answers one request, at once or in parts.
func (d *deliverer) handle(ctx context.Context, req *agent.Request) {
	j := &job{d: d, log: d.log.As(req.Transport), req: req, start: time.Now(), left: make([]*recipient, len(req.Recipients))}
	for i := range req.Recipients {
		j.left[i] = &recipient{Recipient: &req.Recipients[i], to: req.Recipients[i].Address}
	}
	d.work <- struct{}{}
	defer func() { <-d.work }()
	j.guarded(ctx)
	j.answer()
	for _, s := range j.quits {
		s.quit()
	}
}

// answer sends the outcomes that are known so far.
func (j *job) answer() {
	if len(j.results) > 0 {
		j.results[0].Session, j.told = j.told, nil
		j.req.Answer(j.results...)
		j.results = nil
	}
}

// guarded is deliver, with the message that came. A panic ends this request, not
// the deliveries beside it.
func (j *job) guarded(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("%s: panic: %v\n%s", j.req.ID, p, debug.Stack())
			if j.s != nil {
				j.s.close()
			}
			j.compact()
			j.unknown(j.left, fails(4, smtp.LocalProcessing, "local error in processing"))
		}
	}()
	m, err := newLetter(&j.req.Request, j.req.File)
	if err != nil {
		j.unknown(j.left, asFailure(err))
		return
	}
	j.m = m
	j.deliver(ctx)
}
