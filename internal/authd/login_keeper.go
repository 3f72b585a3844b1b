package authd

import (
	"errors"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/passdb"
	"yubin/internal/sasl"
)

// An exchange is the sasl.Keeper of its mechanism: what it asks, the guard lets
// through in the client's turn.

// enter begins an attempt with a user's name, unless it has begun in this step.
func (x *exchange) enter(user string) error {
	x.tried = user
	if x.visit != nil {
		return nil
	}
	v, err := x.v.l.guard.enter(x.ctx, strings.ToLower(user), x.client)
	x.visit = v
	return err
}

// find looks a user up; nil: there is none that could be looked up.
func (x *exchange) find(user string) error {
	x.found = nil
	for _, db := range x.v.l.backends {
		x.by = db.Name()
		c, err := db.Lookup(x.ctx, user)
		switch {
		case errors.Is(err, passdb.ErrUnknown) || errors.Is(err, passdb.ErrCannotTell):
			continue
		case err != nil:
			return err
		}
		x.found = c
		return nil
	}
	return nil
}

// Verifier implements sasl.Keeper.
func (x *exchange) Verifier(user, hash string) (*sasl.Verifier, error) {
	if err := x.enter(user); err != nil {
		return nil, err
	}
	x.hidden = true
	if err := x.find(user); err != nil {
		return nil, err
	}
	c, h := x.found, x.v.l.hasher
	user = strings.ToLower(user) // as those are who exist
	if c == nil {
		c = x.v.l.backends.Decoy(h, user)
	}
	if c != nil {
		switch v, err := h.SCRAM(c, hash); {
		case err == nil:
			return &sasl.Verifier{Salt: v.Salt, Rounds: v.Iterations, StoredKey: v.StoredKey, ServerKey: v.ServerKey}, nil
		case x.found != nil && !errors.Is(err, passdb.ErrNoVerifier):
			return nil, err
		}
	}
	// Keys that nothing hashes to.
	return &sasl.Verifier{
		Salt: h.Salt(user), Rounds: 4096,
		StoredKey: make([]byte, 32), ServerKey: make([]byte, 32),
	}, nil
}

// Plaintext implements sasl.Keeper.
func (x *exchange) Plaintext(user string) (string, error) {
	if err := x.enter(user); err != nil {
		return "", err
	}
	if err := x.find(user); err != nil {
		return "", err
	}
	if x.found != nil {
		password, err := passdb.Plain(x.found)
		if !errors.Is(err, passdb.ErrNoVerifier) {
			return password, err
		}
	}
	return string(x.v.l.hasher.Salt("\x00" + user)), nil
}

// Admit implements sasl.Keeper.
func (x *exchange) Admit(c *sasl.Claim) error {
	if err := x.prove(c); err != nil {
		return x.refusal(err)
	}
	if c.Authz != "" && !strings.EqualFold(c.Authz, c.User) && !strings.EqualFold(c.Authz, x.found.User) {
		x.why, x.code = "user may not log in as another", ipc.AuthCodeAuthz
		return sasl.ErrRefused
	}
	if x.facts.Service != "smtp" && x.found.NoAccount != nil {
		return x.found.NoAccount
	}
	x.proven = true
	return nil
}

// prove says whether a claim holds; found is whose it is then.
func (x *exchange) prove(c *sasl.Claim) (err error) {
	if c.By == sasl.ByToken {
		return x.proveToken(c)
	}
	if err := x.enter(c.User); err != nil {
		return err
	}
	switch c.By {
	case sasl.ByPassword:
		x.secret = c.Secret
		if c.Secret == "" {
			// Some backends take it for no login at all.
			if err := x.find(c.User); err != nil {
				return err
			}
			return passdb.ErrMismatch
		}
		x.found, x.by, err = x.v.l.backends.Verify(x.ctx, x.v.l.hasher, c.User, c.Secret, x.facts)
		return err
	case sasl.BySecret:
		if x.found == nil {
			return passdb.ErrUnknown
		}
		return x.found.Admit(x.facts)
	case sasl.ByCertificate:
		if err := x.find(c.User); err != nil {
			return err
		}
		if x.found == nil {
			return passdb.ErrUnknown
		}
		return x.found.Admit(x.facts)
	}
	return errors.New("a proof of an unknown kind")
}

// proveToken asks who has a token, and whether that is who the client says.
func (x *exchange) proveToken(c *sasl.Claim) error {
	if err := x.enter(c.User); err != nil {
		return err
	}
	x.secret, x.by = c.Secret, "oauth"
	user, err := x.v.l.bearers.check(x.ctx, c.Secret)
	if err == nil && c.User != "" && !strings.EqualFold(c.User, user) {
		err = errTokenInvalid
	}
	if err != nil {
		return err
	}
	x.tried = user
	if err := x.find(user); err != nil {
		return err
	}
	if x.found == nil {
		return passdb.ErrUnknown
	}
	return x.found.Admit(x.facts)
}

// refusal makes of a backend's error one of package sasl, and notes why.
func (x *exchange) refusal(err error) error {
	switch {
	case errors.Is(err, passdb.ErrUnknown):
		x.found, x.why = nil, unknownUser
	case errors.Is(err, passdb.ErrMismatch):
		x.why = mismatch
	case errors.Is(err, errTokenInvalid):
		x.why = "invalid credentials"
	case errors.Is(err, passdb.ErrExpired):
		x.why, x.code = "the account or its password has expired", ipc.AuthCodeExpired
	case errors.Is(err, passdb.ErrDisabled):
		x.why, x.code = "user may not log in", ipc.AuthCodeDisabled
	default:
		return err
	}
	return sasl.ErrRefused
}
