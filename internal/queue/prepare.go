package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// PrepareOptions say who owns what below a queue directory. They matter to
// root only; for anybody else everything is their own.
type PrepareOptions struct {
	UID int // of mail_owner
	GID int // of setgid_group
}

// A directory is one of those below queue_directory.
type directory struct {
	name  string
	mode  fs.FileMode
	owned bool // by mail_owner, else by root
	group bool // setgid_group, else root's
}

var directories = [...]directory{
	{DirMaildrop, 0o730, true, true},
	{DirPool, 0o700, true, false},
	{DirIncoming, 0o700, true, false},
	{DirDeferred, 0o700, true, false},
	{DirHold, 0o700, true, false},
	{DirCorrupt, 0o700, true, false},
	{DirPrivate, 0o700, true, false},
	{DirPublic, 0o755, true, true},
	{DirPID, 0o700, false, false},
}

// Prepare creates what is missing of the queue directory dir and sets owners
// and modes. It refuses a directory that is a symbolic link or belongs to
// somebody else: root would follow where that user points. It touches no file
// but the format file, which it gives to mail_owner, and refuses a directory
// that holds another program's queue.
func Prepare(dir string, o PrepareOptions) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := CheckFormat(dir); err != nil {
		return err
	}
	if err := prepare(dir, 0o755, os.Geteuid(), os.Getegid()); err != nil {
		return err
	}
	for _, d := range directories {
		mode, uid, gid := d.want(o)
		if err := prepare(filepath.Join(dir, d.name), mode, uid, gid); err != nil {
			return err
		}
	}
	return CreateFormat(dir, o.UID)
}

// want returns mode and owners of d for the user who runs the system.
func (d directory) want(o PrepareOptions) (mode fs.FileMode, uid, gid int) {
	mode, uid, gid = d.mode, os.Geteuid(), os.Getegid()
	if uid != 0 {
		return mode &^ 0o020, uid, gid // nobody submits by the user's group in a private instance
	}
	if d.owned {
		uid = o.UID
	}
	if d.group {
		gid = o.GID
	}
	return mode, uid, gid
}

// Inspect says what Prepare would change or refuse, and changes nothing. What
// is not there yet is no error.
func Inspect(dir string, o PrepareOptions) []error {
	var errs []error
	for _, d := range directories {
		path := filepath.Join(dir, d.name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		case !info.IsDir():
			errs = append(errs, fmt.Errorf("%s is not a directory", path))
			continue
		}
		mode, uid, gid := d.want(o)
		st := info.Sys().(*syscall.Stat_t)
		if int(st.Uid) != uid || int(st.Gid) != gid || info.Mode().Perm() != mode {
			errs = append(errs, fmt.Errorf("%s has owner %d:%d and mode %#o, want %d:%d and %#o",
				path, st.Uid, st.Gid, info.Mode().Perm(), uid, gid, mode))
		}
	}
	return errs
}

// PrepareDirectory makes one directory outside queue_directory as Prepare makes
// those in it.
func PrepareDirectory(path string, mode fs.FileMode, uid, gid int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return prepare(path, mode, uid, gid)
}

// prepare makes one directory and gives it mode and owners. It works on a
// descriptor: what it checks is what it changes.
func prepare(path string, mode fs.FileMode, uid, gid int) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		if target, linkErr := os.Readlink(path); linkErr == nil {
			return fmt.Errorf("%s is a symbolic link to %s: move the directory here, or say in main.cf where it really is", path, target)
		}
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st := info.Sys().(*syscall.Stat_t)
	// A directory of root's that should be mail_owner's was made by root, here,
	// before a crash.
	if owner := int(st.Uid); owner != uid && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, want uid %d: see who made it, then chown it or remove it", path, owner, uid)
	}
	if int(st.Uid) != uid || int(st.Gid) != gid {
		if err := f.Chown(uid, gid); err != nil {
			return err
		}
	}
	if info.Mode().Perm() != mode {
		return f.Chmod(mode)
	}
	return nil
}
