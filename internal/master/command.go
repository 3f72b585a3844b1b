package master

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/systemd"
)

// openFiles is the limit of open files that services get where the system
// lets it be raised.
const openFiles = 65536

// Command is master(8).
var Command = &cli.Command{
	Name: "master", Section: 8,
	Params: []*config.Def{
		config.QueueDirectory.Def, config.DaemonDirectory.Def, config.MaillogFile.Def,
		config.MailOwner.Def, config.SetgidGroup.Def, config.SmtpdUser.Def, config.SmtpUser.Def,
		config.SyslogName.Def, config.SyslogFacility.Def, config.ImportEnvironment.Def,
		config.InetInterfaces.Def, config.InetProtocols.Def,
		config.DefaultProcessLimit.Def, config.ServiceThrottleTime.Def,
	},
	Args: enterRole,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		ready := fs.Int("ready-fd", -1, "say ready on this `descriptor`, then leave the terminal")
		fs.MarkHidden("ready-fd")
		return func(ctx context.Context, env *cli.Env) error { return run(ctx, env, *ready) }
	},
}

// enterRole is where a starter leaves master's path: before the configuration
// is read, which the daemon does for itself.
func enterRole(args []string) ([]string, error) {
	if len(args) == 2 && args[0] == roleArg {
		return nil, runRole(args[1])
	}
	return args, nil
}

func run(ctx context.Context, env *cli.Env, readyFD int) error {
	if len(env.Args) > 0 {
		return cli.Fail(cli.ExUsage, "takes no operands, have %q", env.Args[0])
	}
	unix.Umask(0o077)
	notify, err := systemd.NewNotifier()
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	given, err := systemd.Listen()
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	c := env.Config
	p, err := makePlan(ctx, c)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	queueDir := config.QueueDirectory.Of(c)
	if err := queue.Prepare(queueDir, queue.PrepareOptions{UID: p.accounts.owner.UID, GID: p.accounts.dropGroup}); err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: fmt.Errorf("prepare queue_directory: %w", err)}
	}
	claim, err := instance.Take(queueDir)
	if err != nil {
		return &cli.Status{Code: cli.ExUnavailable, Err: err}
	}
	defer claim.Release()
	logFile, log, err := openLog(c)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	defer log.Close()
	reports := make(chan report)
	m := &master{
		log: log, reload: env.Reload, given: given, notify: notify, procs: map[*process]struct{}{}, reports: reports,
		parent: parent{
			dir: c.Dir, overrides: slices.Clone(env.Overrides), env: environment(c, os.Environ()),
			files: openFiles, logFile: logFile, log: log, reports: reports,
		},
	}
	err = m.run(ctx, p, func() {
		log.Info("daemon started -- %s", describe(c))
		sayReady(readyFD)
	})
	if err != nil {
		log.Fatal("%v", err)
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	return nil
}

// sayReady tells the one who started us from a terminal, and leaves the
// terminal to them.
func sayReady(fd int) {
	if fd < 0 {
		return
	}
	unix.Write(fd, []byte("ready\n"))
	unix.Close(fd)
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(null)
	for fd := range 3 {
		unix.Dup3(null, fd, 0)
	}
}

// openLog opens master's own log, and maillog_file for the services (nil:
// syslog).
func openLog(c *config.Config) (*os.File, *maillog.Logger, error) {
	file, err := openLogFile(c)
	if err != nil {
		return nil, nil, err
	}
	var own *os.File
	if file != nil {
		if own, err = duplicate(file); err != nil {
			return nil, nil, err
		}
	}
	log, err := maillog.Open(maillog.Options{
		Tag: path.Join(config.SyslogName.Of(c), "master"), Facility: config.SyslogFacility.Of(c), File: own,
	})
	return file, log, err
}

// openLogFile opens maillog_file; without one the result is nil. /dev/stdout,
// for containers, is the descriptor that we have: opening it again fails when
// it is a socket.
func openLogFile(c *config.Config) (*os.File, error) {
	name := config.MaillogFile.Of(c)
	switch name {
	case "":
		return nil, nil
	case "/dev/stdout":
		return duplicate(os.Stdout)
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// describe names the version and the configuration for the log.
func describe(c *config.Config) string {
	return fmt.Sprintf("version %s, configuration %s", config.Version(), c.Dir)
}
