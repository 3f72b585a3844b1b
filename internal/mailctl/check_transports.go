package mailctl

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/table"
)

var (
	// transportParams hold a transport, transportMaps tables of them.
	transportParams = []config.String{
		config.DefaultTransport, config.LocalTransport, config.VirtualTransport, config.RelayTransport,
		config.MailboxTransport, config.FallbackTransport,
	}
	transportMaps = []config.List{config.TransportMaps, config.SenderTransportMaps}
)

// innerTransports are qmgr's own.
var innerTransports = []string{"error", "retry", "discard"}

// maxTransports bounds the entries of a table that are named.
const maxTransports = 20

// inspectTransports finds transports that master.cf does not have: mail for them
// waits until it goes back.
func inspectTransports(c *config.Config, services []config.MasterService) []config.Problem {
	var problems []config.Problem
	missing := func(value string) string {
		name, _, _ := strings.Cut(value, ":")
		name = strings.TrimSpace(name)
		if name == "" || slices.Contains(innerTransports, name) || slices.ContainsFunc(services, func(s config.MasterService) bool {
			return s.Name == name && s.Type == "unix" && s.Private
		}) {
			return ""
		}
		return fmt.Sprintf("master.cf has no service %s that is started: mail for it waits", name)
	}
	note := func(d *config.Def, where, what string) {
		p := c.Problem(d.Name, where+what)
		p.Mend = "correct the name, or write the service into master.cf"
		problems = append(problems, p)
	}
	for _, p := range transportParams {
		if c.Check([]*config.Def{p.Def}) != nil {
			continue // Lint has said what is wrong
		}
		if what := missing(p.Of(c)); what != "" {
			note(p.Def, "", what)
		}
	}
	for _, p := range transportMaps {
		if c.Check([]*config.Def{p.Def}) != nil {
			continue
		}
		for _, spec := range p.Of(c) {
			if !table.IsText(spec) {
				continue
			}
			left := maxTransports
			// inspectTables says of a table that cannot be read.
			_ = table.Each(spec, func(key, value string) bool {
				if what := missing(value); what != "" {
					note(p.Def, key+" in "+filePath(spec)+": ", what)
					left--
				}
				return left > 0
			})
		}
	}
	return problems
}
