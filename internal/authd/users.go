package authd

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/passdb"
)

// userPause is how long a client of role user may be silent. It ends the
// conversation itself long before.
const userPause = 10 * time.Minute

// userWindow is how many questions of one client are worked on at once: a
// backend may have to ask others.
const userWindow = 64

// users answers which accounts exist. Its fields do not change.
type users struct {
	log      *maillog.Logger
	backends passdb.List
}

// serve answers one client's requests.
func (u *users) serve(ctx context.Context, c *fdpass.Conn) {
	var wg sync.WaitGroup
	defer wg.Wait()
	window := make(chan struct{}, userWindow)
	for {
		var q ipc.UserRequest
		if !receiveBy(u.log, c, &q, time.Now().Add(userPause)) {
			return
		}
		window <- struct{}{}
		wg.Go(func() {
			defer func() { <-window }()
			a, err := u.answer(ctx, q.User)
			if err != nil {
				u.log.Warn("account of %s: %v", maillog.Clean(q.User), err)
				a = ipc.UserReply{Error: err.Error()}
			}
			a.ID = q.ID
			c.Unix().SetWriteDeadline(time.Now().Add(patience)) // who takes no answer keeps nobody
			if err := c.Send(a); err != nil {
				u.log.Warn("answer to process: %v", err)
			}
		})
	}
}

// answer looks an account, or "@domain", up.
func (u *users) answer(ctx context.Context, user string) (ipc.UserReply, error) {
	if domain, ok := strings.CutPrefix(user, "@"); ok {
		found, err := u.backends.Domain(domain)
		return ipc.UserReply{Domain: found}, err
	}
	c, err := u.backends.Lookup(ctx, user)
	switch {
	case errors.Is(err, passdb.ErrUnknown):
		return ipc.UserReply{}, nil
	case err == nil:
		err = c.NoAccount
	}
	if err != nil {
		return ipc.UserReply{}, err
	}
	return ipc.UserReply{Account: &c.Account}, nil
}
