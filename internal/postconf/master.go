package postconf

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// entriesOf reads master.cf and returns the entries that operands such as
// smtp/inet name, all where there are none. wide tells how many parts a name
// has.
func entriesOf(env *cli.Env, parts int) (all []config.MasterEntry, names [][]string, err error) {
	all, err = config.ReadMasterEntries(env.Config.Dir)
	if err != nil {
		return nil, nil, fatal("%v", err)
	}
	for _, a := range env.Args {
		name, _, _ := strings.Cut(a, "=")
		p := strings.SplitN(strings.TrimSpace(name), "/", parts)
		for len(p) < parts {
			p = append(p, "*")
		}
		names = append(names, p)
	}
	if len(names) == 0 {
		names = [][]string{slices.Repeat([]string{"*"}, parts)}
	}
	return all, names, nil
}

func fits(pattern, value string) bool { return pattern == "*" || pattern == value }

// matching are the entries that a name of an edit means. That there is none is
// warned of, as in Postfix: scripts take away what need not be there.
func matching(env *cli.Env, all []config.MasterEntry, name []string) (some []config.MasterEntry) {
	for _, e := range all {
		if fits(name[0], e[0]) && fits(name[1], e[1]) {
			some = append(some, e)
		}
	}
	if len(some) == 0 {
		missed(env, name)
	}
	return some
}

// missed warns of a name that means nothing.
func missed(env *cli.Env, name []string) {
	if len(env.Args) > 0 { // else it stands for all that there may be
		warn(env, "unmatched request: %q", strings.TrimSuffix(strings.Join(name, "/"), "/*"))
	}
}

// masterEntries is -M.
func (o *options) masterEntries(env *cli.Env) error {
	all, names, err := entriesOf(env, 2)
	if err != nil {
		return err
	}
	if o.edit || o.remove || o.comment {
		return o.editEntries(env, all, names)
	}
	for _, n := range names {
		found := len(env.Args) == 0
		for _, e := range all {
			if !fits(n[0], e[0]) || !fits(n[1], e[1]) {
				continue
			}
			found = true
			text := e.String()
			if o.show.Fold {
				text = e.Folded()
			}
			if _, err := fmt.Fprintln(env.Stdout, text); err != nil {
				return err
			}
		}
		if !found {
			missed(env, n)
		}
	}
	return nil
}

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, env.Program+": warning: "+format+"\n", args...)
}

func (o *options) editEntries(env *cli.Env, all []config.MasterEntry, names [][]string) error {
	var changes []config.MasterChange
	for i, n := range names {
		name, text, _ := strings.Cut(env.Args[i], "=")
		if !strings.Contains(name, "/") {
			return fatal("want SERVICE/TYPE, have %q", n[0])
		}
		if !o.edit {
			for _, e := range matching(env, all, n) {
				c := config.MasterChange{Name: e[0], Type: e[1], Comment: o.comment}
				if !slices.ContainsFunc(changes, func(d config.MasterChange) bool { return d.Name == c.Name && d.Type == c.Type }) {
					changes = append(changes, c)
				}
			}
			continue
		}
		e, err := config.ParseMasterEntry(text)
		if err != nil {
			return fatal("%s/%s: %v", n[0], n[1], err)
		}
		if !e.Matches(n[0], n[1]) {
			return fatal("%s/%s: the entry is one of %s/%s", n[0], n[1], e[0], e[1])
		}
		changes = append(changes, config.MasterChange{Name: n[0], Type: n[1], Entry: e})
	}
	return edited(env, changes)
}

func edited(env *cli.Env, changes []config.MasterChange) error {
	if err := config.EditMaster(env.Config.Dir, changes); err != nil {
		return fatal("%v", err)
	}
	return nil
}

// print writes NAME = VALUE, or what the options want of it.
func (o *options) print(env *cli.Env, name, value string) error {
	text := name + " = " + value
	switch {
	case o.show.Values:
		text = value
	case o.show.Names:
		text = name
	}
	_, err := fmt.Fprintln(env.Stdout, text)
	return err
}

// masterFields is -F.
func (o *options) masterFields(env *cli.Env) error {
	all, names, err := entriesOf(env, 3)
	if err != nil {
		return err
	}
	if o.remove || o.comment {
		return fatal("a field cannot be removed: -X and -# go with -M and -P")
	}
	if o.edit {
		return editFields(env, all, names)
	}
	for _, n := range names {
		if n[2] != "*" && !slices.Contains(config.MasterFieldNames[:], n[2]) {
			return noField(n[2])
		}
		for _, e := range matching(env, all, n) {
			for i, field := range config.MasterFieldNames {
				value := e[i]
				if i == len(config.MasterFieldNames)-1 {
					value = e.Command()
				}
				if !fits(n[2], field) {
					continue
				}
				if err := o.print(env, e[0]+"/"+e[1]+"/"+field, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func noField(name string) error {
	return fatal("no field is called %q: want one of %s", name, strings.Join(config.MasterFieldNames[:], ", "))
}

func editFields(env *cli.Env, all []config.MasterEntry, names [][]string) error {
	for i, n := range names {
		at := slices.Index(config.MasterFieldNames[:], n[2])
		if at < 0 {
			return noField(n[2])
		}
		_, value, _ := strings.Cut(env.Args[i], "=")
		var err error
		all, err = editEach(env, all, n, func(e config.MasterEntry) (config.MasterEntry, error) {
			changed, err := e.SetField(at, strings.TrimSpace(value))
			if err != nil {
				return nil, fatal("%s: %v", strings.Join(n, "/"), err)
			}
			return changed, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// editEach changes the entries that a name means, and returns all as they are
// then. An entry that stays the same is not written anew.
func editEach(env *cli.Env, all []config.MasterEntry, name []string, edit func(config.MasterEntry) (config.MasterEntry, error)) ([]config.MasterEntry, error) {
	var changes []config.MasterChange
	for _, e := range matching(env, all, name) {
		changed, err := edit(e)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(e, changed) {
			changes = append(changes, config.MasterChange{Name: e[0], Type: e[1], Entry: changed}) // its name may have changed
		}
	}
	if err := edited(env, changes); err != nil {
		return nil, err
	}
	all, err := config.ReadMasterEntries(env.Config.Dir)
	if err != nil {
		return nil, fatal("%v", err)
	}
	return all, nil
}

// masterParams is -P.
func (o *options) masterParams(env *cli.Env) error {
	all, names, err := entriesOf(env, 3)
	if err != nil {
		return err
	}
	if o.comment {
		return fatal("an option cannot be made a comment: -# goes with -M")
	}
	if o.edit || o.remove {
		return o.editParams(env, all, names)
	}
	for _, n := range names {
		found := false
		for _, e := range all {
			if !fits(n[0], e[0]) || !fits(n[1], e[1]) {
				continue
			}
			for _, p := range e.Options() {
				if !fits(n[2], p[0]) {
					continue
				}
				found = true
				value := p[1]
				if o.show.Expand {
					if value, err = env.Config.Expand(value); err != nil {
						return fatal("%s: %v", p[0], err)
					}
				}
				if err := o.print(env, e[0]+"/"+e[1]+"/"+p[0], value); err != nil {
					return err
				}
			}
		}
		if !found {
			missed(env, n)
		}
	}
	return nil
}

func (o *options) editParams(env *cli.Env, all []config.MasterEntry, names [][]string) error {
	for i, n := range names {
		if !config.ValidName(n[2]) {
			return fatal("%q is no name of a parameter", n[2])
		}
		_, value, _ := strings.Cut(env.Args[i], "=")
		var err error
		all, err = editEach(env, all, n, func(e config.MasterEntry) (config.MasterEntry, error) {
			if o.edit {
				return e.SetOption(n[2], strings.TrimSpace(value)), nil
			}
			return e.UnsetOption(n[2]), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
