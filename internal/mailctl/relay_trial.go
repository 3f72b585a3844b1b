package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/ids"
	"yubin/internal/route"
)

const relayTestSynopsis = "[-f SENDER] [ADDRESS]"

// relayTest has smtp(8) show one session: with the relayhost, or with where
// mail for an address goes.
func relayTest(ctx context.Context, env *cli.Env, args []string) error {
	flags := pflag.NewFlagSet("mailctl relay test", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	sender := flags.StringP("sender", "f", "", "")
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 1 {
		err = errors.New("want one address at most")
	}
	if err != nil {
		return cli.Fail(cli.ExUsage, "relay test: %v; usage: mailctl relay test %s", err, relayTestSynopsis)
	}
	from, to := bracketless(*sender), bracketless(flags.Arg(0))
	if !flags.Changed("sender") {
		from = caller(env.Config)
	}
	transport, nexthop, err := relayTarget(env, to, from)
	if err != nil {
		return err
	}
	argv, err := trialArgs(env, transport, nexthop, from, to)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(config.DaemonDirectory.Of(env.Config), "smtp"), argv...)
	cmd.Stdout, cmd.Stderr = env.Stdout, env.Stderr
	if cmd.SysProcAttr, err = unprivileged(env.Config); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	err = cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		return &cli.Status{Code: max(ended.ExitCode(), 1)} // it has said why
	case err != nil:
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	_, err = fmt.Fprintln(env.Stdout, "-- all is well")
	return err
}

// caller is the address of who runs the command.
func caller(c *config.Config) string {
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + config.Myorigin.Of(c)
	}
	return ""
}

// relayTarget is the transport and the next hop to try.
func relayTarget(env *cli.Env, to, from string) (transport, nexthop string, err error) {
	if to == "" {
		if nexthop = config.Relayhost.Of(env.Config); nexthop == "" {
			return "", "", cli.Fail(cli.ExConfig, "relay test: no relayhost is set; mailctl relay set HOST sets one, and an ADDRESS tries where its mail goes")
		}
		return "smtp", nexthop, nil
	}
	router, err := route.New(env.Config, func(p config.Problem) { warn(env, "%v", p) })
	if err != nil {
		return "", "", &cli.Status{Code: cli.ExConfig, Err: err}
	}
	res, err := router.Resolve(to, from)
	if err != nil {
		return "", "", &cli.Status{Code: cli.ExTempFail, Err: err}
	}
	return res.Transport, res.Nexthop, nil
}

// trialArgs are the arguments of smtp(8) for a trial, with those that master.cf
// has for the transport.
func trialArgs(env *cli.Env, transport, nexthop, from, to string) ([]string, error) {
	services, err := config.Services(env.Config)
	if err != nil {
		return nil, &cli.Status{Code: cli.ExConfig, Err: err}
	}
	i := slices.IndexFunc(services, func(s config.MasterService) bool {
		return s.Name == transport && s.Type == "unix" && s.Private
	})
	if i < 0 || services[i].Command != "smtp" {
		return nil, cli.Fail(cli.ExUsage, "relay test: the transport %s is not one of smtp(8); mailctl route %s says how it is delivered", transport, to)
	}
	argv := []string{"-c", env.Config.Dir}
	for _, o := range env.Overrides {
		argv = append(argv, "-o", o)
	}
	argv = append(append(argv, services[i].Args...), "--trial", nexthop, "--sender", from)
	if to != "" {
		argv = append(argv, "--", to)
	}
	return argv, nil
}

// unprivileged has a program run as smtp_user, which parses what servers say,
// where we are root.
func unprivileged(c *config.Config) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	name := config.SmtpUser.Of(c)
	a, err := ids.User(name)
	if err != nil {
		return nil, fmt.Errorf("smtp_user: %w; create the user, or name another in main.cf", err)
	}
	gid := uint32(a.GID)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.UID), Gid: gid, Groups: []uint32{gid}}}, nil
}
