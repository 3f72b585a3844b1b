package pickup

import (
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
