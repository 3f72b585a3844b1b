package runctl

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// trialTime is how long a program may look at the configuration.
const trialTime = 30 * time.Second

// Faults are what keeps the system from using the configuration as it is now:
// what master(8) finds, and what the program of each service does.
func Faults(env *cli.Env) []string {
	c := env.Config
	var problems []config.Problem
	for _, what := range complaints(filepath.Join(config.DaemonDirectory.Of(c), "master"), checkArgs(c, env.Overrides)) {
		problems = append(problems, config.Problem{What: what})
	}
	if len(problems) == 0 { // else each program would say it again
		services, wrong, err := config.LoadMaster(c.Dir, c)
		if err != nil {
			problems = append(problems, config.Problem{What: err.Error()})
		}
		problems = append(append(problems, wrong...), Trial(c, env.Overrides, services)...)
	}
	var faults []string
	for _, p := range problems {
		said := config.Problem{File: p.File, Line: p.Line, What: p.What}.String()
		if !p.Notice && !p.Warning && !slices.Contains(faults, said) {
			faults = append(faults, said)
		}
	}
	return faults
}

// Trial has each service's program look at the configuration, as it would when it
// starts, with the options that master.cf gives it.
func Trial(c *config.Config, overrides []string, services []config.MasterService) []config.Problem {
	var problems []config.Problem
	asked := map[string]bool{}
	for _, s := range services {
		key := s.Command + "\x00" + strings.Join(s.Args, "\x00")
		if asked[key] {
			continue
		}
		asked[key] = true
		path := filepath.Join(config.DaemonDirectory.Of(c), s.Command)
		for _, what := range complaints(path, append(checkArgs(c, overrides), s.Args...)) {
			p := config.Problem{What: what, Mend: "correct it: " + s.Command + " cannot use it"}
			if !strings.HasPrefix(what, "/") { // an option or operand, not a file
				p.File, p.Line = s.File, s.Line
			}
			problems = append(problems, p)
		}
	}
	return problems
}

func checkArgs(c *config.Config, overrides []string) []string {
	return append(options(c, overrides), "--check")
}

// complaints is what a program says of the configuration. One that is not there
// says nothing.
func complaints(path string, argv []string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), trialTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, argv...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		text = fmt.Sprintf("%s: %v", path, err)
	}
	text = strings.TrimPrefix(text, filepath.Base(path)+": ")
	return strings.Split(strings.TrimPrefix(text, "configuration: "), "\n")
}
