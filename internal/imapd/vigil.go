package imapd

import (
	"errors"
	"time"

	"yubin/internal/talk"
)

// again is when mailboxes are looked at again after something has happened: what
// comes in the same moment may not show in the times of their directories.
var again = []time.Duration{30 * time.Millisecond, 1100 * time.Millisecond}

// vigil tells what happens until the client says something. word is what it is
// told now and then, so that it knows that somebody is there; or "".
func (v *visit) vigil(word string, tell func() error) error {
	v.out = nil
	v.Bound(time.Time{})
	looks := again
	end, next := time.Now().Add(v.srv.timeout), time.Now().Add(v.srv.stillHere)
	for !v.over {
		if err := tell(); err != nil {
			return err
		}
		until := next
		if len(looks) > 0 {
			until = time.Now().Add(looks[0])
		}
		if until.After(end) {
			until = end
		}
		err := v.Wait(until)
		switch now := time.Now(); {
		case err == nil:
			return nil
		case errors.Is(err, talk.ErrWoken):
			looks = again
		case !errors.Is(err, talk.ErrTimeout) || !now.Before(end):
			return err
		case len(looks) > 0:
			if looks = looks[1:]; len(looks) == 0 {
				v.notify.settle()
			} else {
				v.notify.lookAgain()
			}
		default:
			v.Printf("%s", word)
			next = now.Add(v.srv.stillHere)
			v.notify.lookAtAll()
		}
	}
	return nil
}

// between is what a client who has given NOTIFY is at between two commands.
var between = &command{uid: true}

// listen waits for a command and tells meanwhile what NOTIFY asked for.
func (v *visit) listen() error {
	n := v.notify
	if n == nil || n.idle() {
		return nil
	}
	v.cmd = between
	if b := v.box; b != nil && b.unwatch == nil && n.selected != nil {
		b.unwatch = b.view.Watch(v.Wake)
	}
	return v.vigil("", func() error {
		err := v.sync(n.delayed)
		if err == nil && !n.delayed {
			err = v.sayHighest()
		}
		return errors.Join(err, v.sayOthers())
	})
}
