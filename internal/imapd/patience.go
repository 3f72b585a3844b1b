package imapd

import (
	"context"
	"time"

	"yubin/internal/sock"
)

const (
	// goneEvery is how often a long command looks whether its client is gone.
	goneEvery = 200 * time.Millisecond
	// newsEvery is how often a client is told that its search goes on, as by
	// Dovecot: some take silence for a broken connection.
	newsEvery = 10 * time.Second
)

// A patience is a client's while a command takes long.
type patience struct {
	looked, told time.Time
	asked        bool // a client that will say no more was told, to see whether it hears it
}

// patience begins with a command.
func newPatience() *patience {
	now := time.Now()
	return &patience{looked: now, told: now}
}

// still ends a command whose client is gone, or has to go. what goes on is said now
// and then, "" never.
func (v *visit) still(ctx context.Context, p *patience, what string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	now := time.Now()
	if now.Sub(p.looked) < goneEvery {
		return nil
	}
	p.looked = now
	ended, gone := sock.Hangup(v.Socket())
	if gone {
		return errGone
	}
	// Who has closed its own way may still listen: what is sent shows it.
	if what == "" || now.Sub(p.told) < newsEvery && (!ended || p.asked) {
		return nil
	}
	p.told, p.asked = now, ended
	if err := v.Printf("* OK %s\r\n", what); err != nil {
		return err
	}
	return v.Flush()
}
