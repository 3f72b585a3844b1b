package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/instance"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/runctl"
)

// answerTime is how long master has for each of its replies.
const answerTime = 30 * time.Second

// petition asks master something, and returns the connection for the replies.
func petition(env *cli.Env, q ipc.MasterRequest) (*fdpass.Conn, error) {
	pid, err := runctl.FindMaster(env)
	if errors.Is(err, instance.ErrNotRunning) {
		return nil, cli.Fail(1, "the mail system is not running")
	}
	if err != nil {
		return nil, err
	}
	c, err := instance.Dial(config.QueueDirectory.Of(env.Config))
	if errors.Is(err, fs.ErrPermission) {
		return nil, cli.Fail(cli.ExNoPerm, "master (PID %d): %v: only root or the user who started it may ask", pid, err)
	}
	if err != nil {
		return nil, err
	}
	c.Unix().SetDeadline(time.Now().Add(answerTime))
	if err := c.Send(q); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// reply reads one reply.
func reply(c *fdpass.Conn) (r ipc.MasterReply, err error) {
	c.Unix().SetDeadline(time.Now().Add(answerTime))
	if _, err = c.Recv(&r); err == nil && r.Error != "" {
		err = cli.Fail(1, "%s", maillog.Clean(r.Error))
	}
	return r, err
}

// who lists sessions.
func who(_ context.Context, env *cli.Env, args []string) error {
	if err := noOperands(args); err != nil {
		return err
	}
	c, err := petition(env, ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpWho})
	if err != nil {
		return err
	}
	defer c.Close()
	w := tabwriter.NewWriter(env.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tSERVICE\tCLIENT\tSINCE\tPID")
	for {
		r, err := reply(c)
		if err != nil {
			return err
		}
		for _, v := range r.Visits {
			service := v.Service
			if v.TLS {
				service += "/TLS"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", maillog.Clean(v.User), service, maillog.Clean(v.Client),
				time.UnixMicro(v.Since).Format(time.DateTime), v.PID)
		}
		if !r.More {
			return w.Flush()
		}
	}
}

// kick ends a user's sessions.
func kick(_ context.Context, env *cli.Env, args []string) error {
	if len(args) != 1 {
		return cli.Fail(cli.ExUsage, "kick: want one user, as mailctl who shows it")
	}
	c, err := petition(env, ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpKick, User: args[0]})
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := reply(c)
	switch {
	case err != nil:
		return err
	case r.Kicked == 0:
		return cli.Fail(cli.ExNoUser, "%s has no session", maillog.Clean(args[0]))
	}
	fmt.Fprintf(env.Stdout, "yubin: %d sessions of %s are told to end\n", r.Kicked, maillog.Clean(args[0]))
	return nil
}
