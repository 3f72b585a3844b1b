package imapd

import (
	"context"
	"errors"
	"strings"
	"time"

	"yubin/internal/imap"
	"yubin/internal/talk"
)

// again is when a mailbox is looked at again after something has happened: what
// comes in the same moment may not show in the times of its directories.
var again = []time.Duration{30 * time.Millisecond, 1100 * time.Millisecond}

// idle is IDLE (RFC 9051, 6.3.13): what happens is told when it happens.
func (v *visit) idle(ctx context.Context) (reply, error) {
	if err := v.only(); err != nil {
		return reply{}, err
	}
	if v.box != nil {
		defer v.box.view.Watch(v.Wake)()
	}
	v.out = nil
	v.Printf("+ idling\r\n")
	looks := again
	end, word := time.Now().Add(v.srv.timeout), time.Now().Add(v.srv.stillHere)
	for !v.over {
		if err := errors.Join(v.sync(false), v.sayHighest()); err != nil {
			return reply{}, err
		}
		next := word
		if len(looks) > 0 {
			next = time.Now().Add(looks[0])
		}
		if next.After(end) {
			next = end
		}
		err := v.Wait(next)
		switch now := time.Now(); {
		case err == nil:
			return reply{}, v.done(ctx)
		case errors.Is(err, talk.ErrWoken):
			looks = again
		case !errors.Is(err, talk.ErrTimeout) || !now.Before(end):
			return reply{}, err
		case len(looks) > 0:
			looks = looks[1:]
		default:
			v.Printf("* OK Still here\r\n")
			word = now.Add(v.srv.stillHere)
		}
	}
	return reply{}, nil
}

// done reads the end of IDLE.
func (v *visit) done(ctx context.Context) error {
	line, err := v.Line(ctx, 100, time.Time{})
	if err != nil && !errors.Is(err, talk.ErrLong) {
		return err
	}
	if err == nil && strings.EqualFold(string(line), "DONE") {
		return nil
	}
	return &imap.SyntaxError{Text: "Expected DONE."}
}
