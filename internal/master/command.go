package master

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/ipc"
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
		config.QueueDirectory.Def, config.DaemonDirectory.Def, config.DataDirectory.Def, config.MaillogFile.Def,
		config.MaillogJSONFile.Def, config.MaillogJournalSocket.Def,
		config.MailOwner.Def, config.SetgidGroup.Def, config.SmtpdUser.Def, config.SmtpUser.Def, config.LoginUser.Def,
		config.SyslogName.Def, config.SyslogFacility.Def, config.ImportEnvironment.Def,
		config.InetInterfaces.Def, config.InetProtocols.Def, config.AuthDovecotSocket.Def,
		config.DefaultProcessLimit.Def, config.ServiceThrottleTime.Def,
		config.LoginSyslogName.Def, config.SessionProcesses.Def, config.SessionProcessLimit.Def, config.MailMaxUserIPConnections.Def,
	},
	Args: enterRole,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		var s start
		fs.IntVar(&s.readyFD, "ready-fd", -1, "say ready on this `descriptor`, then leave the terminal")
		fs.IntVar(&s.handOverFD, "hand-over", -1, "go on from what is on this `descriptor`")
		fs.BoolVar(&s.check, "check", false, "say only whether it could start, or go on from that")
		for _, name := range []string{"ready-fd", "hand-over", "check"} {
			fs.MarkHidden(name)
		}
		return s.run
	},
}

// A start is how master was started.
type start struct {
	readyFD    int // -1: nobody waits
	handOverFD int // -1: from nothing
	check      bool
}

// enterRole is where a starter leaves master's path: before the configuration
// is read, which the daemon does for itself.
func enterRole(args []string) ([]string, error) {
	if len(args) == 2 && args[0] == roleArg {
		return nil, runRole(args[1])
	}
	return args, nil
}

func (s *start) run(ctx context.Context, env *cli.Env) error {
	if len(env.Args) > 0 {
		return cli.Fail(cli.ExUsage, "takes no operands, have %q", env.Args[0])
	}
	unix.Umask(0o077)
	if s.check {
		return s.checkOnly(ctx, env)
	}
	var h *ipc.HandOver
	if s.handOverFD >= 0 {
		var err error
		if h, err = inheritState(s.handOverFD); err != nil {
			return &cli.Status{Code: cli.ExSoftware, Err: err}
		}
	}
	err := s.supervise(ctx, env, h)
	if err != nil && h != nil {
		answerAsker(h, ipc.MasterReply{Error: "the new master failed: " + err.Error()})
	}
	return err
}

// checkOnly tells whether this program could start, or go on from a hand-over.
func (s *start) checkOnly(ctx context.Context, env *cli.Env) error {
	if s.handOverFD < 0 {
		if _, err := makePlan(ctx, env.Config); err != nil {
			return &cli.Status{Code: cli.ExConfig, Err: err}
		}
		return nil
	}
	h, err := readState(s.handOverFD)
	if err != nil {
		return &cli.Status{Code: cli.ExUnavailable, Err: err}
	}
	p, err := makePlan(ctx, env.Config)
	if err == nil {
		err = checkState(h, p)
	}
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	_, err = io.WriteString(env.Stdout, consent)
	return err
}

// supervise is master's life, from nothing or from h.
func (s *start) supervise(ctx context.Context, env *cli.Env, h *ipc.HandOver) error {
	c := env.Config
	m := &master{
		reload: env.Reload, procs: map[*process]struct{}{}, reports: make(chan report), signals: make(chan os.Signal, 8),
		petitions: make(chan *petition), verdicts: make(chan error, 1),
		hall: hall{arrivals: make(chan *arrival), hosts: map[hostKey]*process{}, guests: map[guest]int{}},
	}
	var err error
	if m.notify, err = systemd.NewNotifier(); err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	if m.given, err = systemd.Listen(); err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	p, err := makePlan(ctx, c)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	if err := m.claimQueue(p, h); err != nil {
		return err
	}
	defer m.claim.Release()
	files, log, err := openLog(c)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	defer log.Close()
	m.log, m.logins = log, log.Bare(config.LoginSyslogName.Of(c))
	m.parent = parent{
		dir: c.Dir, overrides: slices.Clone(env.Overrides), journal: journal(c),
		files: openFiles, logFiles: files, log: log, reports: m.reports,
	}
	m.parent.setEnv(c)
	err = m.run(ctx, p, h, func() { s.started(m, h) })
	if err != nil {
		log.Fatal("%v", err)
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	return nil
}

// claimQueue makes this the master of the queue directory, with its control
// socket, or goes on being that.
func (m *master) claimQueue(p *plan, h *ipc.HandOver) (err error) {
	queueDir := config.QueueDirectory.Of(p.config)
	options := queue.PrepareOptions{UID: p.accounts.owner.UID, GID: p.accounts.dropGroup}
	if err := queue.Prepare(queueDir, options); err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: fmt.Errorf("prepare queue_directory: %w", err)}
	}
	if h != nil {
		if m.claim, err = instance.Resume(h.Claim); err == nil {
			m.control, err = inheritListener(h.Control)
		}
		if err == nil {
			m.sessions, err = m.inheritSessions(queueDir, h.Sessions)
		}
		if err != nil {
			return &cli.Status{Code: cli.ExOSErr, Err: fmt.Errorf("hand-over: %w", err)}
		}
		return nil
	}
	if m.claim, err = instance.Take(queueDir); err != nil {
		return &cli.Status{Code: cli.ExUnavailable, Err: err}
	}
	if m.control, err = m.claim.Listen(queueDir); err == nil {
		m.sessions, err = m.claim.ListenSessions(queueDir)
	}
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	return nil
}

// started says that all sockets are open, to everybody who waits.
func (s *start) started(m *master, h *ipc.HandOver) {
	if h == nil {
		m.log.On(maillog.Start).Info("daemon started -- %s", describe(m.plan.config))
		sayReady(s.readyFD)
		return
	}
	m.log.On(maillog.Start).Info("daemon started -- %s, upgraded from version %s", describe(m.plan.config), h.Program)
	answerAsker(h, ipc.MasterReply{Version: config.Version()})
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

// describe names the version and the configuration for the log.
func describe(c *config.Config) string {
	return fmt.Sprintf("version %s, configuration %s", config.Version(), c.Dir)
}
