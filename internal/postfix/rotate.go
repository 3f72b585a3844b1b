package postfix

import (
	"errors"
	"os"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/runctl"
)

// suffix is maillog_file_rotate_suffix as Postfix has it.
const suffix = ".20060102-150405"

// rotate gives maillog_file a name with the date and has the system begin a new
// one.
func rotate(env *cli.Env) error {
	file := config.MaillogFile.Of(env.Config)
	if file == "" {
		return cli.Fail(1, "fatal: maillog_file is empty: the syslog daemon rotates its files itself")
	}
	old := file + time.Now().Format(suffix)
	if _, err := os.Lstat(old); !errors.Is(err, os.ErrNotExist) {
		return cli.Fail(1, "fatal: %s is there already", old)
	}
	if err := os.Rename(file, old); err != nil {
		return cli.Fail(1, "fatal: %v", err)
	}
	if _, err := runctl.FindMaster(env); err != nil {
		return nil // the next start makes the file
	}
	return runctl.Reload(env)
}
