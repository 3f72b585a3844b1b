package pickup

import (
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/rewrite"
)

// An editor rewrites addresses as it is done to letters of local users.
type editor struct {
	*rewrite.Rewriter
	options rewrite.Options
	filter  string // content_filter
}

func newEditor(c *config.Config, log *maillog.Logger) (*editor, error) {
	r, err := rewrite.New(c, func(p config.Problem) { log.Warn("%v", p) })
	if err != nil {
		return nil, err
	}
	o, err := rewrite.ReadOverrides(c)
	if err != nil {
		return nil, err
	}
	filter, err := rewrite.ContentFilter(c)
	return &editor{r, rewrite.Options{Copies: true, Unmapped: o.Unmapped}, filter}, err
}

// postpone leaves a letter in maildrop/ for a while.
func (w *worker) postpone(name string, err error) {
	due := w.now().Add(editRetry)
	w.log.Warn("%s: stays in maildrop: %v; tried again in %v", name, err, editRetry)
	w.mu.Lock()
	w.postponed[name] = due
	w.mu.Unlock()
	w.setNext(due)
	time.AfterFunc(editRetry, w.poke)
}

// isPostponed tells until when a letter is left alone.
func (w *worker) isPostponed(name string) (due time.Time, later bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due, found := w.postponed[name]
	if found && !w.now().Before(due) {
		delete(w.postponed, name)
	}
	return due, found && w.now().Before(due)
}
