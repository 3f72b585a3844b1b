package mailctl

import (
	"context"
	"errors"
	"fmt"

	"yubin/internal/cli"
	"yubin/internal/instance"
	"yubin/internal/runctl"
)

func noOperands(args []string) error {
	if len(args) > 0 {
		return cli.Fail(cli.ExUsage, "takes no operands, have %q", args[0])
	}
	return nil
}

// start starts the system and says so.
func start(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	pid, err := runctl.Start(env)
	if err == nil {
		fmt.Fprintf(env.Stdout, "yubin: the mail system is running: PID: %d\n", pid)
	}
	return err
}

// stop ends the system and returns when it has ended.
func stop(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	return runctl.Stop(env)
}

// reload has the system read its configuration again, if it can use it.
func reload(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	if _, err := runctl.FindMaster(env); err != nil {
		return err
	}
	if faults := runctl.Faults(env); len(faults) > 0 {
		for _, f := range faults {
			fmt.Fprintf(env.Stderr, "mailctl: %s\n", f)
		}
		return cli.Fail(cli.ExConfig, "nothing was changed: the mail system goes on with the configuration that it has")
	}
	return runctl.Reload(env)
}

// status says whether the system runs.
func status(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	pid, err := runctl.FindMaster(env)
	if errors.Is(err, instance.ErrNotRunning) {
		fmt.Fprintln(env.Stderr, "yubin: the mail system is not running")
		return &cli.Status{Code: 1}
	}
	if err == nil {
		fmt.Fprintf(env.Stdout, "yubin: the mail system is running: PID: %d\n", pid)
	}
	return err
}
