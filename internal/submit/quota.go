package submit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"yubin/internal/queue"
)

// errFull is wrapped by errors that say that no mail can be taken for now.
var errFull = errors.New("try again later")

// checkRoom refuses when the file system has too little room.
func checkRoom(dir string, minfree int64) error {
	sp, err := queue.SpaceIn(dir)
	if err != nil {
		return err
	}
	if err := sp.Short(minfree); err != nil {
		return fmt.Errorf("insufficient system storage (%w): %w", err, errFull)
	}
	return nil
}

// checkQuota refuses when the user has limit files waiting in maildrop/.
//
// Whoever may list the directory (root, the owner of a private instance)
// counts. The set-gid group may not: there each submission appends one octet
// to maildrop/.uid-N, which only the user's own sendmail can reach, and pickup
// removes that file when it finds few letters of the user. The count errs on
// the side of more while pickup is away, which is when it matters.
func checkQuota(dir string, uid, limit int) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		return countUp(filepath.Join(dir, queue.CounterName(uid)), limit)
	}
	if err != nil || len(names) < limit {
		return err
	}
	n := 0
	for _, name := range names {
		info, err := name.Info()
		if err == nil && int(info.Sys().(*syscall.Stat_t).Uid) == uid {
			n++
		}
	}
	return overQuota(n, limit)
}

func countUp(path string, limit int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := overQuota(int(info.Size()), limit); err != nil {
		return err
	}
	_, err = f.Write([]byte{'.'})
	return err
}

func overQuota(n, limit int) error {
	if n < limit {
		return nil
	}
	return fmt.Errorf("too many letters of yours wait (maildrop_uid_limit is %d): %w", limit, errFull)
}
