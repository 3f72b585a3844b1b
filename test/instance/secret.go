package instance

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeepsSecret fails the test when the password of user, or what mechanisms make
// of it, stands in what others can see: log, listing, what commands have printed,
// command lines and environments, and files that not only their owner can read.
func (i *Instance) KeepsSecret(user, password string, printed ...Result) {
	i.T.Helper()
	seen := map[string]string{"the log": i.Log(), "mailq": i.Mailq()}
	for n, r := range printed {
		seen[fmt.Sprintf("output %d", n)] = r.Stdout + r.Stderr
	}
	for _, pid := range i.Processes("") {
		for _, name := range []string{"cmdline", "environ"} {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
			seen[fmt.Sprintf("%s of process %d", name, pid)] = string(b)
		}
	}
	filepath.WalkDir(i.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			b, _ := os.ReadFile(path)
			seen[path] = string(b)
		}
		return nil
	})
	plain := "\x00" + user + "\x00" + password
	for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte(password)), base64.StdEncoding.EncodeToString([]byte(plain))} {
		for where, what := range seen {
			if strings.Contains(what, form) {
				i.T.Errorf("%s has the password", where)
			}
		}
	}
	if len(seen) < 10 {
		i.T.Errorf("looked at %d places only", len(seen))
	}
}
