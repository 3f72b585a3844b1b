package login

import (
	"context"
	"errors"
	"slices"

	"yubin/internal/auth"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// plaintext are the mechanisms that show the secret to whoever listens.
var plaintext = []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}

// Mechanisms are those that the client may use now. Where authd does not answer
// there are none.
func (c *Client) Mechanisms(ctx context.Context) []string {
	any, plain := c.MayLogIn()
	if !any {
		return nil
	}
	list, err := c.srv.Auth.Mechanisms(ctx, &c.facts)
	if err != nil {
		c.srv.Log.Warn("mechanisms: %v", err)
		return nil
	}
	if !plain {
		list = slices.DeleteFunc(slices.Clone(list), func(m string) bool { return slices.Contains(plaintext, m) })
	}
	return list
}

// ErrCancelled is what ask returns when the client has given up.
var ErrCancelled = errors.New("authentication cancelled")

// A Result is how a login went.
type Result struct {
	In   bool   // a session process has the client: nothing may be said any more
	Code string // one of ipc's
	Text string // for the client
}

// A Start is what a protocol has to say of the session to come.
type Start struct {
	Tag     string
	Enabled []string
}

// Login runs an exchange and hands the connection over when it succeeds. ask
// sends a challenge and returns the client's response. An error is one of ask's
// other than ErrCancelled: the connection is of no use.
func (c *Client) Login(ctx context.Context, mechanism string, initial []byte, start Start, ask func(challenge []byte) ([]byte, error)) (Result, error) {
	c.tries++
	c.method = maillog.Clean(mechanism)
	any, plain := c.MayLogIn()
	if !any || !plain && slices.Contains(plaintext, mechanism) {
		c.RefusePlaintext(c.method)
		return Result{Code: ipc.AuthCodePrivacy, Text: "Plaintext authentication disallowed on non-secure (SSL/TLS) connections."}, nil
	}
	seat := c.early(mechanism, initial, start)
	defer seat.close()
	x, step := c.srv.Auth.Begin(ctx, mechanism, initial, &c.facts, seat.offer())
	if step.Seated {
		return c.seated(seat, step)
	}
	seat.close()
	for !step.Final() {
		response, err := ask(step.Challenge)
		if err != nil {
			x.Cancel()
		}
		if errors.Is(err, ErrCancelled) {
			c.failed++
			return Result{Code: ipc.AuthCodeMalformed, Text: "Authentication aborted by client."}, nil
		}
		if err != nil {
			return Result{}, err
		}
		step = x.Next(ctx, response)
	}
	if step.User != "" {
		c.user = maillog.Clean(step.User)
	}
	switch step.State {
	case ipc.AuthOK:
		return c.succeed(ctx, x, step, start, ask)
	case ipc.AuthFailed:
		c.failed++
	}
	return Result{Code: step.Code, Text: step.Text}, nil
}

// succeed ends an exchange that authd is content with. What the mechanism says
// with success is a challenge to the client, which answers with nothing
// (RFC 4422, 3.6).
func (c *Client) succeed(ctx context.Context, x auth.Exchange, step auth.Step, start Start, ask func([]byte) ([]byte, error)) (Result, error) {
	if len(step.Challenge) > 0 {
		response, err := ask(step.Challenge)
		if errors.Is(err, ErrCancelled) || err == nil && len(response) > 0 {
			c.failed++
			return Result{Code: ipc.AuthCodeFailed, Text: "Authentication failed."}, nil
		}
		if err != nil {
			return Result{}, err
		}
	}
	if err := c.Flush(); err != nil {
		return Result{}, err
	}
	seat, err := c.newSeat(start)
	if err != nil {
		return c.seatless(err), nil
	}
	defer seat.close()
	if err := x.HandOver(ctx, seat.offer()); err != nil {
		return c.seatless(err), nil
	}
	return c.seated(seat, step)
}
