package authd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/passdb"
	"yubin/internal/sasl"
)

// Why a login is refused, in Dovecot's words.
const (
	unknownUser = "unknown user"
	mismatch    = "Password mismatch"
)

// States of an exchange.
type state uint8

const (
	working   state = iota // a step is under way
	waiting                // for the client
	succeeded              // and good for a session
	over
)

// An exchange is one client's login.
type exchange struct {
	v         *conversation
	number    uint64
	mechanism string
	facts     *ipc.AuthFacts
	client    string // clientKey
	ctx       context.Context
	cancel    context.CancelFunc

	state state       // v.mu guards it
	limit *time.Timer // of waiting, or of what is remembered; v.mu guards it

	// What follows is the step's that is under way.
	party  sasl.Party
	seat   *seat  // what came with begin; empty: the program hands it over later
	visit  *visit // the attempt that is being made
	tried  string // user
	secret string // that was tried; forgotten with the step
	by     string // the backend that decided, or would
	found  *passdb.Credential
	why    string // of a refusal, for the log
	code   string // of a refusal, AuthCodeFailed where it is ""
	proven bool   // it has been admitted
	hidden bool   // the answer's time could tell something
	late   bool   // a failure has had its delay
}

func newExchange(v *conversation, q *ipc.AuthRequest) *exchange {
	x := &exchange{v: v, seat: new(seat), number: q.Exchange, mechanism: q.Mechanism, facts: q.Facts, client: clientKey(q.Facts.Client)}
	x.ctx, x.cancel = context.WithCancel(v.ctx)
	return x
}

// run makes the next step.
func (x *exchange) run(response []byte) {
	x.v.busy.Go(func() {
		if x.tried != "" && !x.proven && !x.late { // the user is known already: the attempt begins here
			if err := x.enter(x.tried); err != nil {
				x.finish(x.outcome(false, err), err, time.Now())
				return
			}
		}
		answer, content, err := x.party.Next(response)
		began := time.Now()
		if x.visit != nil {
			began = x.visit.began
		}
		r := x.outcome(content, err)
		r.Challenge = answer
		x.finish(r, err, began)
	})
}

// outcome is the reply to a step.
func (x *exchange) outcome(content bool, err error) *ipc.AuthReply {
	r := &ipc.AuthReply{Exchange: x.number, State: ipc.AuthGoOn}
	switch {
	case content:
		r.State, r.User = ipc.AuthOK, x.found.User
	case err == nil:
	case errors.Is(err, sasl.ErrRefused):
		r.State, r.User, r.Text = ipc.AuthFailed, maillog.Clean(x.tried), "Authentication failed"
		if r.Code = x.code; r.Code == "" {
			r.Code = ipc.AuthCodeFailed
		}
	case errors.Is(err, sasl.ErrResponse) || errors.Is(err, sasl.ErrUnexpected):
		r.State, r.User, r.Code, r.Text = ipc.AuthFailed, maillog.Clean(x.tried), ipc.AuthCodeMalformed, "Invalid authentication data"
	default:
		r = unavailable(x.number)
		if x.ctx.Err() == nil && (!errors.Is(err, errCrowded) || x.v.l.guard.mention()) {
			x.v.l.log.Warn("login of %s from %s: %v", maillog.Clean(x.tried), maillog.Clean(x.facts.Client), err)
		}
	}
	return r
}

// finish ends the step: the guard hears of it, and the reply goes off, a failure
// later.
func (x *exchange) finish(r *ipc.AuthReply, err error, began time.Time) {
	refused := errors.Is(err, sasl.ErrRefused) || x.why != ""
	if v := x.visit; v != nil {
		switch {
		case refused && !x.late:
			v.fail(x.secret)
		case x.proven && r.State != ipc.AuthFailed:
			v.succeed()
		default:
			v.abandon()
		}
		x.visit = nil
	}
	x.secret = ""
	if r.State != ipc.AuthOK || len(r.Challenge) > 0 || x.facts.Service == "smtp" {
		x.seat.close() // not now, or never
	}
	var raster time.Duration
	if refused && !x.late {
		x.late = true
		x.report()
		raster = x.v.l.delay
	} else if x.hidden {
		raster = beat
	}
	x.hidden = false
	at := began.Add(onBeat(time.Since(began), raster))
	if d := time.Until(at); d > 0 && x.ctx.Err() == nil {
		x.v.busy.Add(1)
		time.AfterFunc(d, func() { defer x.v.busy.Done(); x.reply(r) })
		return
	}
	x.reply(r)
}

// onBeat is the next beat of a raster.
func onBeat(d, raster time.Duration) time.Duration {
	if raster <= 0 {
		return d
	}
	return max((d+raster-1)/raster, 1) * raster
}

// reply sends a reply and waits for what the client does next.
func (x *exchange) reply(r *ipc.AuthReply) {
	v := x.v
	v.mu.Lock()
	if x.state == over { // canceled
		v.mu.Unlock()
		x.seat.close()
		return
	}
	if x.seat.good() {
		v.mu.Unlock()
		r = x.settle(x.seat)
		x.end()
		v.answer(r)
		return
	}
	next, limit := over, time.Duration(0)
	switch r.State {
	case ipc.AuthGoOn:
		next, limit = waiting, exchangeTime
	case ipc.AuthOK:
		if x.facts.Service != "smtp" {
			next, limit = succeeded, rememberTime
		}
	}
	if next != over {
		x.state = next
		if x.limit != nil {
			x.limit.Stop()
		}
		x.limit = time.AfterFunc(limit, func() { x.expire(next) })
	}
	v.mu.Unlock()
	if next == over {
		x.end()
	}
	v.answer(r)
}

// expire ends an exchange that is still where it was.
func (x *exchange) expire(was state) {
	x.v.mu.Lock()
	still := x.state == was
	x.v.mu.Unlock()
	if still {
		x.end()
	}
}

// end forgets the exchange.
func (x *exchange) end() {
	v := x.v
	v.mu.Lock()
	defer v.mu.Unlock()
	if x.state == over {
		return
	}
	x.state = over
	if x.limit != nil {
		x.limit.Stop()
	}
	x.cancel()
	if v.xs[x.number] == x {
		delete(v.xs, x.number)
	}
	v.l.open.leave(x.client)
}

// report logs a failure as Dovecot does, for fail2ban and those who read logs.
// logwatch counts unknown users of auth; other failures it knows from auth-worker
// alone.
func (x *exchange) report() {
	why := x.why
	if why == "" {
		why = mismatch
		if x.found == nil {
			why = unknownUser
		}
	}
	part := "auth"
	if why != unknownUser {
		part = fmt.Sprintf("auth-worker(%d)", os.Getpid())
	}
	session := ""
	if x.facts.Session != "" {
		session = ",<" + logWord(x.facts.Session) + ">"
	}
	t := x.v.l.auth.Text(128)
	t.Printf("%s: %s(%s,%s%s): ", part, x.by, logWord(x.tried), logWord(x.facts.Client), session)
	t.Field("reason", why)
	t.Note("service", x.facts.Service)
	t.Note("user", x.tried)
	t.Note("rip", x.facts.Client)
	t.Note("session", x.facts.Session)
	x.v.l.auth.On(maillog.AuthFailure).Write(&t)
}

// logWord is a client's word that cannot be taken for more than one word of the
// line: who writes another address into a name gets nobody banned.
func logWord(s string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" ,()<>", c) {
			return '?'
		}
		return c
	}, maillog.Clean(s))
}
