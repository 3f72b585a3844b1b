// Package postfix is Postfix's postfix(1): it starts, stops and reloads the
// mail system in the words that scripts look for. Package runctl does it, as for
// mailctl(8).
package postfix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queuectl"
	"yubin/internal/runctl"
)

// Command is postfix(1).
var Command = &cli.Command{
	Name: "postfix", Section: 1, Synopsis: "COMMAND", NoOverrides: true, Tolerant: true,
	Params: params,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		fs.BoolP("debug", "D", false, "accepted for compatibility; does nothing")
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error { return run(env) }
	},
}

var params = append(append([]*config.Def{
	config.CommandDirectory.Def, config.DaemonDirectory.Def, config.MaillogFile.Def, config.MaillogJSONFile.Def, config.SyslogName.Def, config.SyslogFacility.Def,
}, slices.Concat(queuectl.Params(), tlsParams())...), runctl.Params...)

// commands are those of Postfix that mean something here.
var commands = map[string]func(*cli.Env) error{
	"start":     start,
	"start-fg":  startHere,
	"stop":      func(env *cli.Env) error { return stop(env, "stopping the Postfix mail system") },
	"abort":     func(env *cli.Env) error { return stop(env, "aborting the Postfix mail system") },
	"reload":    reload,
	"flush":     flush,
	"check":     check,
	"status":    status,
	"logrotate": rotate,
	"tls":       runTLS,
	"non-bdb":   nonBDB,
	// What these mend in Postfix, packages and the start of the system mend here.
	"set-permissions":       nothing,
	"upgrade-configuration": nothing,
	"post-install":          nothing,
}

// names are for the message of a wrong command, in the order of a manual.
const names = "start, start-fg, stop, abort, reload, flush, check, status, logrotate, tls, non-bdb, set-permissions, upgrade-configuration"

func run(env *cli.Env) error {
	if len(env.Args) == 0 {
		return cli.Fail(1, "fatal: usage: postfix [-c config_dir] [-Dv] command")
	}
	f := commands[env.Args[0]]
	if f == nil {
		return cli.Fail(1, "fatal: unknown command: %q: want one of %s", env.Args[0], names)
	}
	if env.Args[0] != "check" { // which says all that is wrong
		err := env.Config.Err()
		if err == nil {
			err = env.Config.Check(params)
		}
		if err != nil {
			return &cli.Status{Code: cli.ExConfig, Err: fmt.Errorf("fatal: %w", err)}
		}
	}
	return f(env)
}

// script is in whose name Postfix says these things.
const script = "postfix-script"

// say tells the caller and the log.
func say(env *cli.Env, text string) { sayAs(env, script, text) }

// sayDone tells the log, and a person: to cron or a hook what went well is no news.
func sayDone(env *cli.Env, text string) {
	if f, ok := env.Stderr.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			say(env, text)
			return
		}
	}
	logLine(env, config.SyslogName.Of(env.Config)+"/"+script, text)
}

// sayAs does so in a script's name, line by line.
func sayAs(env *cli.Env, script, text string) {
	for line := range strings.Lines(text) {
		sayLine(env, script, strings.TrimSuffix(line, "\n"))
	}
}

func sayLine(env *cli.Env, script, text string) {
	name := config.SyslogName.Of(env.Config) + "/" + script
	fmt.Fprintf(env.Stderr, "%s: %s\n", name, text)
	logLine(env, name, text)
}

func logLine(env *cli.Env, name, text string) {
	o := maillog.Options{Tag: name, Facility: config.SyslogFacility.Of(env.Config)}
	if file := config.MaillogFile.Of(env.Config); file != "" {
		var err error
		if o.File, err = os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0); err != nil {
			return
		}
	} else if info, err := os.Stat("/dev/log"); err != nil || info.Mode().Type() != os.ModeSocket {
		return // it would come out on standard error again
	}
	if f, err := os.OpenFile(config.MaillogJSONFile.Of(env.Config), os.O_WRONLY|os.O_APPEND, 0); err == nil {
		o.JSON = f
	}
	if log, err := maillog.Open(o); err == nil {
		log.Info("%s", text)
		log.Close()
	}
}

// refuse says what keeps a command from being carried out.
func refuse(env *cli.Env, text string) error {
	say(env, "fatal: "+text)
	return &cli.Status{Code: 1}
}

// running is an error when the system does not run.
func running(env *cli.Env) error {
	_, err := runctl.FindMaster(env)
	if errors.Is(err, instance.ErrNotRunning) {
		return refuse(env, "the Postfix mail system is not running")
	}
	return err
}

func start(env *cli.Env) error {
	if _, err := runctl.FindMaster(env); err == nil {
		return refuse(env, "the Postfix mail system is already running")
	}
	sayDone(env, "starting the Postfix mail system")
	_, err := runctl.Start(env)
	return err
}

// startHere becomes master.
func startHere(env *cli.Env) error {
	if _, err := runctl.FindMaster(env); err == nil {
		return refuse(env, "the Postfix mail system is already running")
	}
	sayDone(env, "starting the Postfix mail system")
	master := filepath.Join(config.DaemonDirectory.Of(env.Config), "master")
	err := syscall.Exec(master, []string{"master", "-c", env.Config.Dir}, os.Environ())
	return cli.Fail(cli.ExUnavailable, "fatal: %s: %v", master, err)
}

func stop(env *cli.Env, text string) error {
	if err := running(env); err != nil {
		return err
	}
	sayDone(env, text)
	return runctl.Stop(env)
}

func reload(env *cli.Env) error {
	if err := running(env); err != nil {
		return err
	}
	if faults := runctl.Faults(env); len(faults) > 0 {
		say(env, "fatal: "+strings.Join(faults, "\nfatal: "))
		return &cli.Status{Code: cli.ExConfig}
	}
	sayDone(env, "refreshing the Postfix mail system")
	return runctl.Reload(env)
}

func flush(env *cli.Env) error {
	if err := running(env); err != nil {
		return err
	}
	_, err := queuectl.Ask(env, ipc.ControlRequest{Op: ipc.OpFlush, All: true}, "")
	return err
}

// check is mailctl check, which has all that reading the whole configuration
// takes.
func check(env *cli.Env) error {
	if err := env.Config.Check([]*config.Def{config.CommandDirectory.Def}); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: fmt.Errorf("fatal: %w", err)}
	}
	c := exec.Command(filepath.Join(config.CommandDirectory.Of(env.Config), "mailctl"), "-c", env.Config.Dir, "check")
	c.Stdout, c.Stderr = env.Stderr, env.Stderr
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return &cli.Status{Code: max(exit.ExitCode(), 1)}
	case err != nil:
		return cli.Fail(cli.ExUnavailable, "fatal: %v", err)
	}
	return nil
}

func status(env *cli.Env) error {
	pid, err := runctl.FindMaster(env)
	switch {
	case errors.Is(err, instance.ErrNotRunning):
		say(env, "the Postfix mail system is not running")
		return &cli.Status{Code: 1}
	case err != nil:
		return err
	}
	say(env, fmt.Sprintf("the Postfix mail system is running: PID: %d", pid))
	return nil
}

// nonBDB is Postfix's help for systems whose Berkeley DB has gone. None is used
// here: hash: and btree: are text files. Migration has nothing to do, and none is
// under way.
func nonBDB(env *cli.Env) error {
	switch {
	case len(env.Args) == 2 && slices.Contains([]string{"status", "disable", "enable-redirect", "enable-reindex"}, env.Args[1]):
		say(env, "nothing to do: tables of the types hash and btree are read from their text files, and no Berkeley DB is used")
		return nil
	}
	return cli.Fail(1, "fatal: usage: postfix non-bdb status|disable|enable-redirect|enable-reindex")
}

func nothing(*cli.Env) error { return nil }
