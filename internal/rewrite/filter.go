package rewrite

import (
	"fmt"
	"strings"

	"yubin/internal/config"
)

// FilterParams are the parameters of content filters.
func FilterParams() []*config.Def {
	return []*config.Def{config.ContentFilter.Def, config.DefaultFilterNexthop.Def}
}

// ContentFilter is the content_filter of a door where mail comes in, "" for none.
// Its error is a config.Problem.
func ContentFilter(c *config.Config) (string, error) {
	value := strings.TrimSpace(config.ContentFilter.Of(c))
	if value == "" {
		return "", nil
	}
	full, err := FilterOf(value, config.DefaultFilterNexthop.Of(c))
	if err != nil {
		return "", c.Fault(config.ContentFilter.Def, err.Error())
	}
	return full, nil
}

// FilterOf is a content filter, transport:nexthop, as the queue keeps it: without a
// next hop it has the one of default_filter_nexthop; without that, too, each
// recipient's domain is the next hop.
func FilterOf(value, otherwise string) (string, error) {
	transport, nexthop, _ := strings.Cut(value, ":")
	transport, nexthop = strings.TrimSpace(transport), strings.TrimSpace(nexthop)
	if transport == "" || strings.ContainsAny(transport, " \t/") {
		return "", fmt.Errorf("want transport:nexthop, have %q", value)
	}
	if nexthop == "" {
		nexthop = strings.TrimSpace(otherwise)
	}
	return transport + ":" + nexthop, nil
}
