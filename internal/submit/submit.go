// Package submit is the sendmail command: it takes a letter from a script and
// leaves it, safe, in maildrop/, whether or not the mail system runs.
//
// It runs set-gid, on bytes, arguments and an environment that its caller
// chose. So it reads no configuration that the administrator has not allowed
// while it has the group (early.go), starts other programs only without it
// (queue.go), opens no file that the caller names, and writes only what
// queue.Writer encodes. It never delivers, never needs a daemon, and says 0 only
// when the letter and its name are on stable storage.
//
// Reading order: package historic turns its options into flags; input.go reads
// standard input; compose.go makes envelope and header; maildrop.go makes the
// file.
//
// # Standards
//
//	RFC 5322, 3.6     the fields that are added      compose.go
//	RFC 5322, 3.6.6   Resent-* fields                compose.go
//	RFC 3461, 4       NOTIFY, RET, ENVID             options.go
package submit

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/match"
)

// Command is sendmail(1).
var Command = &cli.Command{
	Name: "sendmail", Section: 1, Synopsis: "[RECIPIENT...]",
	Params: []*config.Def{
		config.QueueDirectory.Def, config.Myhostname.Def, config.Myorigin.Def, config.MessageSizeLimit.Def,
		config.QueueMinfree.Def, config.MaildropUIDLimit.Def, config.AuthorizedSubmitUsers.Def,
		config.AlternateConfigDirs.Def, config.ImportEnvironment.Def, config.MailqPath.Def, config.NewaliasesPath.Def, config.DaemonDirectory.Def,
		config.SyslogName.Def, config.SyslogFacility.Def, config.MaillogFile.Def,
	},
	ConfigFlag:  "C",
	NoOverrides: true,
	// A slip of the administrator's is mended soon: callers keep the letter.
	ConfigStatus: cli.ExTempFail,
	Early:        early,
	Args:         commandLine,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			err := run(ctx, env, o, filepath.Base(os.Args[0]))
			logFailure(env, err)
			return err
		}
	},
}

// run does what the options, or the name that the program was called by, ask.
func run(ctx context.Context, env *cli.Env, o *options, argv0 string) error {
	name := os.Getenv("NAME")
	cleanEnvironment(config.ImportEnvironment.Of(env.Config))
	// Whatever the caller's mask, the user's next sendmail can write the counter.
	syscall.Umask(0o22)
	// The reader of our output may go; the letter stays. A file size limit is an
	// error like any other (EFBIG).
	signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ)
	m, err := o.mode(argv0)
	if err != nil {
		return err
	}
	return dispatch(ctx, env, o, m, name)
}

// dispatch carries a mode out. name is the caller's $NAME.
func dispatch(ctx context.Context, env *cli.Env, o *options, m *mode, name string) error {
	if m.noOperands && len(env.Args) > 0 {
		return usage("-b%s takes no recipients", m.letter)
	}
	if m.run != nil {
		return m.run(env, o)
	}
	o.probe = m.letter == "v"
	if err := o.check(env); err != nil {
		return err
	}
	if err := authorize(env, os.Getuid()); err != nil {
		return err
	}
	return submit(ctx, env, o, name)
}

// authorize asks authorized_submit_users. Root may always.
func authorize(env *cli.Env, uid int) error {
	login := ""
	if u, err := lookupUser(uid); err == nil {
		login = u.login
	}
	users, err := match.Of(env.Config, config.AuthorizedSubmitUsers)
	if err != nil {
		return fail(cli.ExTempFail, "%w", err)
	}
	ok, err := users.User(login, uid)
	if err != nil {
		return fail(cli.ExTempFail, "look up user %s(%d): %w", login, uid, err)
	}
	if !ok {
		return fail(cli.ExNoPerm, "User %s(%d) is not allowed to submit mail", login, uid)
	}
	return nil
}

// fail is cli.Fail in the words that callers of sendmail look for.
func fail(code int, format string, args ...any) error {
	return cli.Fail(code, "fatal: "+format, args...)
}

func usage(format string, args ...any) error { return fail(cli.ExUsage, format, args...) }

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, "sendmail: warning: "+format+"\n", args...)
}

// logFailure tells syslog of a failure too: what a script's standard error
// says, often nobody reads. A log file is not opened with the group.
func logFailure(env *cli.Env, err error) {
	if err == nil || config.MaillogFile.Of(env.Config) != "" {
		return
	}
	if info, statErr := os.Stat("/dev/log"); statErr != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	log, openErr := maillog.Open(maillog.Options{
		Tag: config.SyslogName.Of(env.Config) + "/sendmail", Facility: config.SyslogFacility.Of(env.Config),
	})
	if openErr != nil {
		return
	}
	defer log.Close()
	log.Info("%v", err)
}
