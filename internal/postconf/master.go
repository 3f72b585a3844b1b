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

// one is the entry that a name of an edit means.
func one(all []config.MasterEntry, name []string) (config.MasterEntry, error) {
	for _, e := range all {
		if e.Matches(name[0], name[1]) {
			return e, nil
		}
	}
	return nil, fatal("unmatched name: %q", strings.Join(name, "/"))
}

// masterEntries is -M.
func (o *options) masterEntries(env *cli.Env) error {
	all, names, err := entriesOf(env, 2)
	if err != nil {
		return err
	}
	if o.edit || o.remove || o.comment {
		return o.editEntries(env, names)
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
			warn(env, "unmatched request: %q", strings.Join(n, "/"))
		}
	}
	return nil
}

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, env.Program+": warning: "+format+"\n", args...)
}

func (o *options) editEntries(env *cli.Env, names [][]string) error {
	var changes []config.MasterChange
	for i, n := range names {
		c := config.MasterChange{Name: n[0], Type: n[1], Comment: o.comment}
		if n[1] == "*" {
			return fatal("want SERVICE/TYPE, have %q", n[0])
		}
		if o.edit {
			_, text, _ := strings.Cut(env.Args[i], "=")
			e, err := config.ParseMasterEntry(text)
			if err != nil {
				return fatal("%s/%s: %v", n[0], n[1], err)
			}
			if !e.Matches(n[0], n[1]) {
				return fatal("%s/%s: the entry is one of %s/%s", n[0], n[1], e[0], e[1])
			}
			c.Entry = e
		}
		changes = append(changes, c)
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
		for _, e := range all {
			if !fits(n[0], e[0]) || !fits(n[1], e[1]) {
				continue
			}
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

func editFields(env *cli.Env, all []config.MasterEntry, names [][]string) error {
	for i, n := range names {
		e, err := one(all, n)
		if err != nil {
			return err
		}
		at := slices.Index(config.MasterFieldNames[:], n[2])
		if at < 0 {
			return fatal("no field is called %q: want one of %s", n[2], strings.Join(config.MasterFieldNames[:], ", "))
		}
		_, value, _ := strings.Cut(env.Args[i], "=")
		changed, err := e.SetField(at, strings.TrimSpace(value))
		if err != nil {
			return fatal("%s: %v", strings.Join(n, "/"), err)
		}
		if err := edited(env, replaced(e, changed)); err != nil {
			return err
		}
		if all, err = config.ReadMasterEntries(env.Config.Dir); err != nil {
			return fatal("%v", err)
		}
	}
	return nil
}

// replaced are the changes that put an entry in another's place. Its name may
// have changed.
func replaced(old, changed config.MasterEntry) []config.MasterChange {
	return []config.MasterChange{{Name: old[0], Type: old[1], Entry: changed}}
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
		for _, e := range all {
			if !fits(n[0], e[0]) || !fits(n[1], e[1]) {
				continue
			}
			for _, p := range e.Options() {
				if !fits(n[2], p[0]) {
					continue
				}
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
	}
	return nil
}

func (o *options) editParams(env *cli.Env, all []config.MasterEntry, names [][]string) error {
	for i, n := range names {
		e, err := one(all, n)
		if err != nil {
			return err
		}
		if !config.ValidName(n[2]) {
			return fatal("%q is no name of a parameter", n[2])
		}
		changed := e.UnsetOption(n[2])
		if o.edit {
			_, value, _ := strings.Cut(env.Args[i], "=")
			changed = e.SetOption(n[2], strings.TrimSpace(value))
		}
		if err := edited(env, replaced(e, changed)); err != nil {
			return err
		}
		if all, err = config.ReadMasterEntries(env.Config.Dir); err != nil {
			return fatal("%v", err)
		}
	}
	return nil
}
