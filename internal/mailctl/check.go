package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/ids"
	"yubin/internal/queue"
	"yubin/internal/resolve"
	"yubin/internal/route"
	"yubin/internal/runctl"
	"yubin/internal/wording"
)

// commandPaths are the parameters that hold the place of a command.
var commandPaths = []config.String{config.SendmailPath, config.MailqPath, config.NewaliasesPath}

// checkParams are the parameters that check reads, besides looking at all; the
// last ones only serve in the values of others.
var checkParams = []*config.Def{
	config.QueueDirectory.Def, config.DaemonDirectory.Def, config.CommandDirectory.Def, config.DataDirectory.Def,
	config.SendmailPath.Def, config.MailqPath.Def, config.NewaliasesPath.Def,
	config.MailOwner.Def, config.SetgidGroup.Def, config.SmtpdUser.Def, config.SmtpUser.Def, config.LoginUser.Def,
	config.Mydomain.Def, config.MynetworksStyle.Def, config.CompatibilityLevel.Def,
}

// check prints all that is wrong with the configuration, and what it names
// on this system, a line each. Notices and warnings do not make it fail.
func check(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	bad := false
	for _, p := range inspect(env.Config) {
		kind := ""
		switch {
		case p.Notice:
			kind = "note: "
		case p.Warning:
			kind = "warning: "
		default:
			bad = true
		}
		if _, err := fmt.Fprintln(env.Stdout, kind+p.String()); err != nil {
			return err
		}
	}
	if bad {
		return &cli.Status{Code: 1}
	}
	return nil
}

// inspect collects the problems. What depends on values is looked at only
// when the values are right.
func inspect(c *config.Config) []config.Problem {
	services, problems, err := config.LoadMaster(c.Dir, c)
	var wrong config.Problem
	if err != nil && !errors.As(err, &wrong) {
		problems = append(problems, config.Problem{What: err.Error(), Mend: "write one; the package has an example"})
	}
	problems = append(c.Lint(services), problems...)
	problems = append(problems, inspectModes(c)...)
	problems = append(problems, inspectInstalled(c)...)
	problems = append(problems, inspectSecrets(c)...)
	problems = append(problems, inspectTLS(c)...)
	if c.Check(checkParams) == nil {
		problems = append(problems, inspectPrograms(c, services)...)
		problems = append(problems, inspectQueue(c)...)
	}
	_, worded := wording.Load(c)
	problems = append(problems, worded...)
	problems = append(problems, inspectTables(c, services)...)
	problems = append(problems, inspectRoom(c)...)
	problems = append(problems, inspectRoutes(c)...)
	problems = append(problems, inspectTransports(c, services)...)
	problems = append(problems, inspectSense(c)...)
	problems = append(problems, inspectInterfaces(c, services)...)
	problems = append(problems, inspectMaster(c, services)...)
	problems = append(problems, inspectMailboxes(c, services)...)
	if c.Check(checkParams) == nil {
		problems = append(problems, runctl.Trial(c, nil, services)...)
	}
	return once(problems)
}

// once drops what an earlier problem says: several look at the same value.
func once(problems []config.Problem) []config.Problem {
	var kept []config.Problem
	for _, p := range problems {
		said := config.Problem{File: p.File, Line: p.Line, What: p.What}.String()
		if !slices.ContainsFunc(kept, func(q config.Problem) bool { return strings.HasPrefix(q.String(), said) }) {
			kept = append(kept, p)
		}
	}
	return kept
}

// inspectRoutes looks at what decides where mail goes.
func inspectRoutes(c *config.Config) []config.Problem {
	var problems []config.Problem
	if c.Check(route.Params()) == nil {
		r, err := route.New(c, nil)
		if err != nil {
			problems = append(problems, faults(err)...)
		} else {
			problems = append(problems, r.Problems()...)
		}
	}
	if c.Check(resolve.Params()) == nil {
		_, err := resolve.Configured(c)
		problems = append(problems, faults(err)...)
	}
	return problems
}

// faults takes the problems out of an error.
func faults(err error) []config.Problem {
	var all []config.Problem
	var one config.Problem
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range many.Unwrap() {
			all = append(all, faults(err)...)
		}
	} else if errors.As(err, &one) {
		one.Mend = "correct the value"
		all = append(all, one)
	}
	return all
}

// inspectModes finds configuration, and data of daemons, that others than
// their owner can change: what it says is done as root.
func inspectModes(c *config.Config) []config.Problem {
	var problems []config.Problem
	paths := []string{c.Dir, filepath.Join(c.Dir, "main.cf"), filepath.Join(c.Dir, "master.cf")}
	if c.Check([]*config.Def{config.DataDirectory.Def}) == nil {
		paths = append(paths, config.DataDirectory.Of(c))
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o022 != 0 {
			problems = append(problems, config.Problem{File: path,
				What: fmt.Sprintf("others than the owner can change it (mode %#o)", info.Mode().Perm()), Mend: "chmod go-w " + path})
		}
	}
	return problems
}

// inspectPrograms finds services and commands whose program is not there.
func inspectPrograms(c *config.Config, services []config.MasterService) []config.Problem {
	var problems []config.Problem
	note := func(p config.Problem, mend string) {
		if p.Mend = mend; !slices.Contains(problems, p) {
			problems = append(problems, p)
		}
	}
	dir := config.DaemonDirectory.Of(c)
	if err := program(filepath.Join(dir, "master")); err != nil {
		note(c.Problem(config.DaemonDirectory.Name, err.Error()), "install it, or correct daemon_directory")
	}
	for _, s := range services {
		switch err := program(filepath.Join(dir, s.Command)); {
		case err == nil, s.Optional() && s.File == "" && errors.Is(err, fs.ErrNotExist):
		case s.Optional() && errors.Is(err, fs.ErrNotExist):
			note(config.Problem{File: s.File, Line: s.Line, Notice: true,
				What: fmt.Sprintf("%v: users that /etc/passwd does not have are unknown, and PAM cannot be asked", err)},
				"build it where gcc and the headers of PAM are, if you want that")
		default:
			note(config.Problem{File: s.File, Line: s.Line, What: err.Error()}, "install it, correct daemon_directory, or remove the service")
		}
	}
	for _, p := range commandPaths {
		if err := program(p.Of(c)); err != nil {
			note(c.Problem(p.Name, err.Error()), "install it, or correct "+p.Name)
		}
	}
	if err := program(filepath.Join(config.CommandDirectory.Of(c), "mailctl")); err != nil {
		note(c.Problem(config.CommandDirectory.Name, err.Error()), "correct command_directory")
	}
	return problems
}

// program returns nil if path is a file that can be executed.
func program(path string) error {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0) {
		err = fmt.Errorf("%s is no program", path)
	}
	return err
}

// inspectQueue looks at the accounts of the system, when it runs as root, and
// at the owners and modes of its directories.
func inspectQueue(c *config.Config) []config.Problem {
	var problems []config.Problem
	note := func(name, mend string, err error) {
		p := c.Problem(name, err.Error())
		p.Mend = mend
		problems = append(problems, p)
	}
	o := queue.PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}
	if os.Geteuid() == 0 {
		for _, p := range []config.String{config.MailOwner, config.SmtpdUser, config.SmtpUser, config.LoginUser} {
			a, err := ids.User(p.Of(c))
			if err != nil {
				note(p.Name, "create the account with systemd-sysusers or useradd --system", err)
			} else if p == config.MailOwner {
				o.UID = a.UID
			}
		}
		var err error
		if o.GID, err = ids.Group(config.SetgidGroup.Of(c)); err != nil {
			note(config.SetgidGroup.Name, "create the group with systemd-sysusers or groupadd --system", err)
		}
	}
	if len(problems) > 0 {
		return problems // owners mean nothing yet
	}
	dir := config.QueueDirectory.Of(c)
	if err := queue.CheckFormat(dir); err != nil {
		note(config.QueueDirectory.Name, "", err)
		return problems
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		p := c.Problem(config.QueueDirectory.Name, dir+" is not there; it is made when the system first starts")
		p.Notice = true
		return append(problems, p)
	}
	for _, err := range queue.Inspect(dir, o) {
		note(config.QueueDirectory.Name, "correct it, or let the start of the system do so", err)
	}
	return problems
}
