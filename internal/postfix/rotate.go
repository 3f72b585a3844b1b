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

// rotate gives maillog_file and maillog_json_file, where they are files, a name
// with the date and has the system begin new ones.
func rotate(env *cli.Env) error {
	var files []string
	for _, file := range []string{config.MaillogFile.Of(env.Config), config.MaillogJSONFile.Of(env.Config)} {
		if file != "" && file != "/dev/stdout" {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return cli.Fail(1, "fatal: maillog_file is empty: the syslog daemon rotates its files itself")
	}
	now := time.Now().Format(suffix)
	for _, file := range files {
		if _, err := os.Lstat(file + now); !errors.Is(err, os.ErrNotExist) {
			return cli.Fail(1, "fatal: %s is there already", file+now)
		}
	}
	for _, file := range files {
		if err := os.Rename(file, file+now); err != nil {
			return cli.Fail(1, "fatal: %v", err)
		}
	}
	if _, err := runctl.FindMaster(env); err != nil {
		return nil // the next start makes the files
	}
	return runctl.Reload(env)
}
