// Package postlog is Postfix's postlog(1): it writes lines into the mail log for
// scripts.
package postlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/maillog"
)

// Command is postlog(1).
var Command = &cli.Command{
	Name: "postlog", Section: 1, Synopsis: "[TEXT...]", NoOverrides: true,
	Params: []*config.Def{config.SyslogName.Def, config.SyslogFacility.Def, config.MaillogFile.Def, config.MaillogJSONFile.Def},
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		tag := fs.StringP("tag", "t", "", "the `tag` of the lines; without it, postlog behind syslog_name")
		priority := fs.StringP("priority", "p", "info", "the `priority`: info, warn, error, fatal or panic")
		fs.BoolP("pid", "i", false, "the process ID behind the tag, which is there in any case")
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error { return run(env, *tag, *priority) }
	},
}

// writers are how lines of a priority are written.
var writers = map[string]func(*maillog.Logger, string){
	"info":    func(l *maillog.Logger, s string) { l.Info("%s", s) },
	"warn":    func(l *maillog.Logger, s string) { l.Warn("%s", s) },
	"warning": func(l *maillog.Logger, s string) { l.Warn("%s", s) },
	"error":   func(l *maillog.Logger, s string) { l.Error("%s", s) },
	"fatal":   func(l *maillog.Logger, s string) { l.Fatal("%s", s) },
	"panic":   func(l *maillog.Logger, s string) { l.Error("panic: %s", s) },
}

// maxLine is how long a line of standard input may be, octets.
const maxLine = 1 << 20

func run(env *cli.Env, tag, priority string) error {
	write := writers[priority]
	if write == nil {
		return cli.Fail(1, "fatal: bad priority: %.40s", priority)
	}
	if tag == "" {
		tag = filepath.Join(config.SyslogName.Of(env.Config), "postlog")
	}
	log, err := open(env.Config, tag)
	if err != nil {
		return cli.Fail(1, "fatal: %v", err)
	}
	defer log.Close()
	if len(env.Args) > 0 {
		write(log, strings.Join(env.Args, " "))
		return nil
	}
	lines := bufio.NewScanner(env.Stdin)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		write(log, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return cli.Fail(1, "fatal: %v", fmt.Errorf("read standard input: %w", err))
	}
	return nil
}

// open opens the log: maillog_file where the caller may write it, else syslog;
// and likewise maillog_json_file.
func open(c *config.Config, tag string) (*maillog.Logger, error) {
	text, err := openFile(config.MaillogFile.Of(c))
	if err != nil {
		return nil, err
	}
	json, err := openFile(config.MaillogJSONFile.Of(c))
	if err != nil {
		return nil, err
	}
	return maillog.Open(maillog.Options{Tag: tag, Facility: config.SyslogFacility.Of(c), File: text, JSON: json})
}

func openFile(name string) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return f, err
}
