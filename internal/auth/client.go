package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

const (
	// answerTime is how long authd may take for one step: longer than its
	// longest delay of a failure.
	answerTime = time.Minute
	// offerTime is how long a list of mechanisms is good for: every greeting of
	// IMAP has one, and what it depends on, the configuration and what kinds of passwords the
	// accounts have, changes seldom.
	offerTime = time.Second
	// idleTime is how long a connection without work is kept. authd cannot end
	// while somebody is connected.
	idleTime = 10 * time.Second
)

// A Client is authd as a Server, or what speaks otherwise but means the same.
type Client struct {
	dial func() (Wire, error)
	log  *maillog.Logger
	now  func() time.Time

	mu     sync.Mutex // guards what follows
	link   *link      // that the next exchange begins on; nil: none
	offers map[channel]offer
}

// A channel is what the mechanisms for a client depend on.
type channel struct {
	service              string
	tls, exporter, named bool
}

func channelOf(f *Facts) channel {
	c := channel{service: f.Service, tls: f.TLS != nil}
	if c.tls {
		c.exporter, c.named = len(f.TLS.Exporter) > 0, f.TLS.CertName != ""
	}
	return c
}

// An offer is what a server has answered.
type offer struct {
	mechanisms []string
	until      time.Time
}

// New returns a Client that connects by dial, says that it is program, and logs
// what is wrong between it and authd.
func New(dial func() (*fdpass.Conn, error), program string, log *maillog.Logger) *Client {
	return NewOver(func() (Wire, error) {
		conn, err := dial()
		if err == nil {
			if err = conn.Send(ipc.Hello{Version: ipc.AuthVersion, Role: ipc.RoleAuth, Program: program}); err != nil {
				conn.Close()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("connect to authd: %w", err)
		}
		return packets{conn}, nil
	}, log)
}

// NewOver returns a Client that connects by dial to another server than authd.
func NewOver(dial func() (Wire, error), log *maillog.Logger) *Client {
	return &Client{dial: dial, log: log, now: time.Now, offers: map[channel]offer{}}
}

// Mechanisms implements Server.
func (c *Client) Mechanisms(ctx context.Context, f *Facts) ([]string, error) {
	of := channelOf(f)
	c.mu.Lock()
	o := c.offers[of]
	c.mu.Unlock()
	if c.now().Before(o.until) {
		return o.mechanisms, nil
	}
	x, r, err := c.begin(ctx, &ipc.AuthRequest{Op: ipc.AuthMechanisms, Facts: f}, nil)
	if err == nil {
		x.link.release()
	}
	switch {
	case err != nil:
		return nil, err
	case r.State != ipc.AuthOK:
		return nil, refused(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offers[of] = offer{r.Mechanisms, c.now().Add(offerTime)}
	return r.Mechanisms, nil
}

// Begin implements Server.
func (c *Client) Begin(ctx context.Context, mechanism string, initial []byte, f *Facts, seat *Seat) (Exchange, Step) {
	q := &ipc.AuthRequest{Op: ipc.AuthBegin, Mechanism: mechanism, Response: initial, Initial: initial != nil, Facts: f}
	if seat != nil {
		q.Session = &seat.Start
	}
	x, r, err := c.begin(ctx, q, seat)
	if err != nil {
		c.log.Warn("authentication: %v", err)
		step := Unavailable()
		step.Seated = seat != nil && !errors.As(err, new(*unsent)) // it may have been
		return &exchange{client: c}, step
	}
	return x, x.step(r)
}

// refused is the error of a request that is no exchange.
func refused(r *ipc.AuthReply) error {
	return fmt.Errorf("the authentication server refuses: %s", maillog.Clean(r.Text))
}

// begin sends the first request of an exchange, whose link is held then. A connection that takes no more
// requests is that of an authd that ends: the next generation gets it.
func (c *Client) begin(ctx context.Context, q *ipc.AuthRequest, seat *Seat) (*exchange, *ipc.AuthReply, error) {
	for fresh := false; ; {
		l, dialled, err := c.connected()
		if err != nil {
			return nil, nil, &unsent{err}
		}
		fresh = fresh || dialled
		q.Exchange = l.number()
		r, err := l.ask(ctx, q, seat)
		if err != nil {
			l.release()
		}
		var refused *unsent
		if errors.As(err, &refused) && !fresh {
			c.drop(l)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return &exchange{client: c, link: l, number: q.Exchange, state: ipc.AuthGoOn}, r, nil
	}
}

// connected returns the connection for a new exchange, and whether it is new.
func (c *Client) connected() (l *link, dialled bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil && c.link.hold() {
		return c.link, false, nil
	}
	wire, err := c.dial()
	if err != nil {
		return nil, false, err
	}
	c.link = newLink(wire)
	return c.link, true, nil
}

// drop has the next exchange begin on another connection. What is under way on
// this one goes on.
func (c *Client) drop(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
	l.retire()
}

// An exchange is one with authd.
type exchange struct {
	client *Client
	link   *link // nil: it never began
	number uint64
	state  string // AuthGoOn: it holds the link
}

// step is what a reply says.
func (x *exchange) step(r *ipc.AuthReply) Step {
	x.enter(r.State)
	switch r.State {
	case ipc.AuthOK, ipc.AuthGoOn, ipc.AuthFailed, ipc.AuthTempFail:
		return Step{State: r.State, Challenge: r.Challenge, User: r.User, Code: r.Code, Text: r.Text, Seated: r.Seated}
	}
	x.client.log.Warn("authentication: an answer with the unknown state %q", maillog.Clean(r.State))
	return Unavailable()
}

// enter ends or keeps the exchange: only one that waits for its client holds the
// link.
func (x *exchange) enter(state string) {
	if x.state == ipc.AuthGoOn && state != ipc.AuthGoOn {
		x.link.release()
	}
	x.state = state
}

// Next implements Exchange.
func (x *exchange) Next(ctx context.Context, response []byte) Step {
	if x.state != ipc.AuthGoOn {
		return Unavailable()
	}
	r, err := x.link.ask(ctx, &ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: x.number, Response: response}, nil)
	if err != nil {
		x.enter(ipc.AuthTempFail)
		x.client.log.Warn("authentication: %v", err)
		return Unavailable()
	}
	return x.step(r)
}

// Cancel implements Exchange.
func (x *exchange) Cancel() {
	if x.state == ipc.AuthGoOn {
		x.link.cancel(x.number)
		x.enter(ipc.AuthFailed)
	}
}

// HandOver implements Exchange.
func (x *exchange) HandOver(ctx context.Context, seat *Seat) error {
	if x.state != ipc.AuthOK {
		return errors.New("nobody has logged in")
	}
	x.state = ipc.AuthFailed // once is enough
	r, err := x.link.ask(ctx, &ipc.AuthRequest{Op: ipc.AuthSession, Exchange: x.number, Session: &seat.Start}, seat)
	switch {
	case err != nil:
		return err
	case r.State != ipc.AuthOK:
		return refused(r)
	}
	return nil
}
