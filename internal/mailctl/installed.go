package mailctl

import (
	"yubin/internal/config"
	"yubin/internal/manifest"
)

// inspectInstalled compares the system with the manifest of what was
// installed. Only the configuration of the installation speaks for it: a
// private instance has nothing to do with it.
func inspectInstalled(c *config.Config) []config.Problem {
	if c.Dir != config.DefaultDir {
		return nil
	}
	entries, err := manifest.Read(manifest.Installed)
	if err != nil {
		return []config.Problem{{What: err.Error(), Mend: "install the package again"}}
	}
	var queue string // inspectQueue looks at that
	if c.Check([]*config.Def{config.QueueDirectory.Def}) == nil {
		queue = config.QueueDirectory.Of(c)
	}
	return compareInstalled("", entries, queue)
}

// compareInstalled compares what is below root with entries, except for the
// queue directory.
func compareInstalled(root string, entries []manifest.Entry, queue string) []config.Problem {
	var problems []config.Problem
	for _, e := range entries {
		if queue != "" && e.Below(queue) {
			continue
		}
		for _, d := range e.Compare(root) {
			problems = append(problems, config.Problem{What: e.Path + " " + d.What, Mend: d.Mend})
		}
	}
	return problems
}
