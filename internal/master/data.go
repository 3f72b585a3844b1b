package master

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"yubin/internal/config"
	"yubin/internal/queue"
)

// prepareData makes data_directory and, in it, what services without rights
// keep: each account has a directory of its own, and can only pass through the
// one above. A service that has none does without, so nothing here stops a start.
func (m *master) prepareData(p *plan) {
	owner, smtp := os.Geteuid(), os.Geteuid()
	if p.accounts.root {
		owner, smtp = p.accounts.owner.UID, p.accounts.smtp.UID
	}
	dir := config.DataDirectory.Of(p.config)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = queue.PrepareDirectory(dir, 0o711, owner, os.Getegid())
	case err == nil && info.Mode()&0o011 != 0o011:
		// It may be shared with others: nothing else is changed.
		err = os.Chmod(dir, info.Mode().Perm()|0o011)
	}
	if err == nil {
		err = queue.PrepareDirectory(filepath.Join(dir, "mta-sts"), 0o700, smtp, os.Getegid())
	}
	if err != nil {
		m.log.Warn("data_directory: %v", err)
	}
}
