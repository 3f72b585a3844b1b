package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/ipc"
	"yubin/internal/runctl"
)

// upgradeTime is how long master has to become the new program; it tries the
// program first.
const upgradeTime = time.Minute

// upgrade has master become the program that is installed now, and waits until
// that is done. A system that does not run needs nothing: package scripts call
// this.
func upgrade(ctx context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	pid, err := runctl.FindMaster(env)
	if errors.Is(err, instance.ErrNotRunning) {
		fmt.Fprintln(env.Stdout, "yubin: the mail system is not running; its next start takes the new programs")
		return nil
	}
	if err != nil {
		return err
	}
	reply, err := askMaster(env)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return cli.Fail(cli.ExNoPerm, "master (PID %d): %v: only root or the user who started it may do this", pid, err)
	case errors.Is(err, fs.ErrNotExist):
		return cli.Fail(1, "master (PID %d) cannot become another program, it is too old: restart the mail system", pid)
	case err != nil:
		return cli.Fail(1, "master (PID %d) did not say how the upgrade went: %v; see the mail log", pid, err)
	case reply.Error != "":
		return cli.Fail(1, "nothing was changed: %s", reply.Error)
	}
	fmt.Fprintf(env.Stdout, "yubin: the mail system runs version %s: PID: %d\n", reply.Version, pid)
	return nil
}

func askMaster(env *cli.Env) (reply ipc.MasterReply, err error) {
	c, err := instance.Dial(config.QueueDirectory.Of(env.Config))
	if err != nil {
		return reply, err
	}
	defer c.Close()
	c.Unix().SetDeadline(time.Now().Add(upgradeTime))
	if err := c.Send(ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpUpgrade}); err != nil {
		return reply, err
	}
	_, err = c.Recv(&reply)
	return reply, err
}
