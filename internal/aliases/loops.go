package aliases

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// maxLoops bounds the aliases that Loops names.
const maxLoops = 20

// Loops finds aliases that stand for nothing but each other: mail for them goes
// back. It reads text tables alone; what it cannot read is no loop. A name that an
// alias has beside itself, an address with a domain, or anything else that is not an
// alias is a way out.
func Loops(specs []string) []config.Problem {
	leads := map[string][]string{} // names that are nothing but names
	known := map[string]bool{}
	home := map[string]string{} // the table of each
	for _, spec := range specs {
		if !table.IsText(spec) {
			continue
		}
		// table.Check says what is wrong with it.
		_ = table.Each(spec, func(name, value string) bool {
			if known[name] {
				return true // the first table counts
			}
			known[name], home[name] = true, spec
			if to := names(parseAll(value)); to != nil && !slices.Contains(to, name) {
				leads[name] = to
			}
			return true
		}, table.Aliases(specs...))
	}
	for again := true; again; {
		again = false
		for name, to := range leads {
			if slices.ContainsFunc(to, func(n string) bool { return leads[n] == nil }) {
				delete(leads, name)
				again = true
			}
		}
	}
	var problems []config.Problem
	for name, to := range leads {
		p := config.Problem{What: fmt.Sprintf("%q: alias loop by %s: its mail goes back", name, strings.Join(to, ", "))}
		p.File, p.Line = table.Where(home[name], name, true)
		problems = append(problems, p)
		if len(problems) == maxLoops {
			break
		}
	}
	slices.SortFunc(problems, func(a, b config.Problem) int { return a.Line - b.Line })
	return problems
}

// names are the keys of a list of local names; nil if anything else is in it.
func names(list []element) []string {
	var all []string
	for _, e := range list {
		if e.form != address || strings.Contains(e.text, "@") {
			return nil
		}
		all = append(all, smtp.FoldKey(e.text))
	}
	return all
}
