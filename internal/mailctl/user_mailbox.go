package mailctl

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"yubin/internal/account"
	"yubin/internal/ipc"
)

func mailboxPath(a *ipc.Account) string { return path.Join(a.Base, a.Mailbox) + "/" }

// makeMailbox makes what is missing of a Maildir, for its owner. Links that lead
// out of the base are not followed: root works in directories here that others
// can write in.
func makeMailbox(a *ipc.Account) error {
	if !a.Beneath {
		return nil // in a home directory: its owner's rights make it, at the first delivery
	}
	if err := makeBase(a); err != nil {
		return err
	}
	base, err := os.OpenRoot(a.Base)
	if err != nil {
		return err
	}
	defer base.Close()
	box := path.Clean(strings.TrimLeft(a.Mailbox, "/"))
	dirs := parents(box)
	for _, sub := range []string{"tmp", "new", "cur"} {
		dirs = append(dirs, path.Join(box, sub))
	}
	return makeOwned(base, a, dirs)
}

// makeOwned makes directories that are missing, and gives them to the owner.
func makeOwned(base *os.Root, a *ipc.Account, dirs []string) error {
	for _, dir := range dirs {
		err := base.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil && os.Geteuid() == 0 {
			err = base.Lchown(dir, a.UID, a.GID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parents are a path's directories, the outermost first, and the path itself.
func parents(p string) []string {
	var dirs []string
	for at := p; at != "." && at != "/"; at = path.Dir(at) {
		dirs = append([]string{at}, dirs...)
	}
	return dirs
}

// makeBase makes virtual_mailbox_base, the owner's.
func makeBase(a *ipc.Account) error {
	if _, err := os.Stat(a.Base); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(a.Base), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(a.Base, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(a.Base, a.UID, a.GID)
}

// place is what of an account's mail is moved and removed with it: its home, or
// the mailbox where that is elsewhere, below the base. ok: it is a directory of
// this account alone.
func place(a *ipc.Account) (dir string, ok bool) {
	box := path.Join(a.Base, a.Mailbox)
	if home, ok := account.Below(a.Base, a.Home); ok && a.Home != "" {
		if _, in := account.Below(a.Home, box); in {
			return home, a.Beneath
		}
	}
	rest, ok := account.Below(a.Base, box)
	return rest, ok && a.Beneath
}

// moveMail moves the mail of an account; moved is false where there is none.
func moveMail(from, to *ipc.Account) (moved bool, err error) {
	old, ok1 := place(from)
	dir, ok2 := place(to)
	if !ok1 || !ok2 || from.Base != to.Base {
		return false, errors.New("the mail is not below virtual_mailbox_base: move it by hand")
	}
	if old == dir {
		return false, nil
	}
	base, err := os.OpenRoot(from.Base)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer base.Close()
	if _, err := base.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = errors.New(path.Join(to.Base, dir) + " is there already: remove it, or choose another name")
		}
		return false, err
	}
	if err := makeOwned(base, to, parents(path.Dir(dir))); err != nil {
		return false, err
	}
	err = base.Rename(old, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// purgeMail removes the mail of an account that has a place.
func purgeMail(a *ipc.Account) error {
	dir, _ := place(a)
	base, err := os.OpenRoot(a.Base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer base.Close()
	return base.RemoveAll(dir)
}
