package pickup

import (
	"errors"
	"time"

	"yubin/internal/intake"
)

// A waiting letter cannot be taken for now.
type waiting struct {
	due  time.Time     // when it is tried again
	wait time.Duration // the last one
	why  string        // what the log says of it, and
	said time.Time     // when it did so
	told bool          // the log knows whose it is
}

// postpone leaves a letter in maildrop/ for a while. It may stay for days, as may a
// message that has its ID: the log has a line when there is something new to say.
func (w *worker) postpone(name string, err error) {
	w.mu.Lock()
	l, now := w.postponed[name], w.now()
	if l == nil {
		l = new(waiting)
		w.postponed[name] = l
	}
	l.wait = min(max(2*l.wait, editRetry), lastEditRetry)
	l.due = now.Add(l.wait)
	if why := err.Error(); l.why != why || now.Sub(l.said) >= sayAgain {
		l.why, l.said = why, now
		w.log.Warn("%s: stays in maildrop: %v; tried again every minute, at first sooner", name, err)
	}
	var refused *intake.Refused
	l.told = l.told || errors.As(err, &refused) || errors.Is(err, errKept)
	due, wait := l.due, l.wait
	w.mu.Unlock()
	w.setNext(due)
	time.AfterFunc(wait, w.poke)
}

// isPostponed tells until when a letter is left alone.
func (w *worker) isPostponed(name string) (due time.Time, later bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.postponed[name]
	if l == nil {
		return time.Time{}, false
	}
	return l.due, w.now().Before(l.due)
}

// isTold tells whether the log knows whose letter it is.
func (w *worker) isTold(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.postponed[name]
	return l != nil && l.told
}

// settled forgets that a letter has waited.
func (w *worker) settled(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.postponed, name)
}
