package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"yubin/internal/ids"
)

// A Difference is something about an entry that is not as it was installed.
type Difference struct {
	What string // without the path
	Mend string // what to do about it
}

// kinds are the file types that entries have on disk.
var kinds = map[Type]fs.FileMode{Dir: fs.ModeDir, Link: fs.ModeSymlink}

// Compare says how e differs from what is installed below root ("" is the
// system). Ghosts are not ours to judge, nor are
// Postfix's commands, which may be Postfix's.
func (e *Entry) Compare(root string) []Difference {
	if e.Type == Ghost || e.Type == Postfix {
		return nil
	}
	name := root + e.Path
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && e.Type == Option:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return []Difference{{"is missing", e.restore()}}
	case err != nil:
		return []Difference{{err.Error(), "see who made it so"}}
	case info.Mode().Type() != kinds[e.Type]:
		return []Difference{{fmt.Sprintf("is not a %s", e.noun()), "move it away and install the package again"}}
	case e.Type == Link:
		return e.compareLink(name)
	}
	var all []Difference
	uid, gid, err := e.IDs()
	if err != nil {
		return []Difference{{err.Error(), "run systemd-sysusers"}}
	}
	st := info.Sys().(*syscall.Stat_t)
	if int(st.Uid) != uid || int(st.Gid) != gid {
		all = append(all, Difference{fmt.Sprintf("has owner %d:%d, want %s:%s", st.Uid, st.Gid, e.Owner, e.Group),
			fmt.Sprintf("chown %s:%s %s", e.Owner, e.Group, e.Path)})
	}
	// chown takes the setgid bit away, so chmod comes after it.
	if mode := st.Mode & 0o7777; mode != e.Mode {
		all = append(all, Difference{fmt.Sprintf("has mode %04o, want %04o", mode, e.Mode),
			fmt.Sprintf("chmod %04o %s", e.Mode, e.Path)})
	}
	return all
}

func (e *Entry) compareLink(name string) []Difference {
	target, err := os.Readlink(name)
	if err != nil || target == e.Source {
		return nil
	}
	return []Difference{{fmt.Sprintf("points to %s, want %s", target, e.Source), fmt.Sprintf("ln -sfn %s %s", e.Source, e.Path)}}
}

// restore says how to get a missing entry back.
func (e *Entry) restore() string {
	switch e.Type {
	case Dir:
		return fmt.Sprintf("install -d -o %s -g %s -m %04o %s", e.Owner, e.Group, e.Mode, e.Path)
	case Link:
		return fmt.Sprintf("ln -s %s %s", e.Source, e.Path)
	}
	return "install the package again"
}

func (e *Entry) noun() string {
	switch e.Type {
	case Dir:
		return "directory"
	case Link:
		return "symbolic link"
	}
	return "regular file"
}

// IDs looks owner and group up.
func (e *Entry) IDs() (uid, gid int, err error) {
	owner, err := ids.User(e.Owner)
	if err != nil {
		return 0, 0, err
	}
	gid, err = ids.Group(e.Group)
	return owner.UID, gid, err
}

// Below says whether the entry is dir or something in it.
func (e *Entry) Below(dir string) bool {
	rel, err := filepath.Rel(dir, e.Path)
	return err == nil && filepath.IsLocal(rel)
}
