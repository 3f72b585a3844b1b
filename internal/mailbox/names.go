package mailbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A FolderIdentity is a folder's directory, whatever it is called: one that is
// made anew is another.
type FolderIdentity string

// Identities returns what folders are, by their names, so that one that was
// renamed is known again.
func (t *Tree) Identities() (map[string]FolderIdentity, error) {
	names, err := t.Folders()
	if err != nil {
		return nil, err
	}
	ids := make(map[string]FolderIdentity, len(names))
	for _, name := range names {
		disk, err := diskName(name)
		if err != nil {
			return nil, err
		}
		var st unix.Statx_t
		if err := unix.Statx(t.dir.fd(), disk, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
			continue // it has gone
		}
		ids[name] = FolderIdentity(fmt.Sprintf("%d %d.%d", st.Ino, st.Btime.Sec, st.Btime.Nsec))
	}
	return ids, nil
}
