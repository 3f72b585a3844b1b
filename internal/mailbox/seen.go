package mailbox

import (
	"time"

	"golang.org/x/sys/unix"
)

// A fileSeen is a file as it was when it was read.
type fileSeen struct {
	id   inode
	size int64
	mtim unix.Timespec
}

func seen(st *unix.Stat_t) fileSeen { return fileSeen{inodeOf(st), st.Size, st.Mtim} }

func (s *fileSeen) is(st *unix.Stat_t) bool { return *s == seen(st) }

// A dirSeen is what is known of new/ or cur/: whether its time of modification
// says that nothing has changed since it was read.
type dirSeen struct {
	name    string
	id      inode // of the directory that is open
	mtim    unix.Timespec
	settled bool // it was older than a tick of the clock when the reading began
	read    time.Time
	cost    time.Duration
}

func (d *dirSeen) forget() { *d = dirSeen{name: d.name, id: d.id} }

// follow opens the directory anew if another has taken its place.
func (f *folder) follow(d *dirSeen, open **dir, st *unix.Stat_t) error {
	if d.id == inodeOf(st) {
		return nil
	}
	now, err := f.dir.sub(d.name)
	if err != nil {
		return err
	}
	f.opening.Lock()
	(*open).Close()
	f.opening.Unlock()
	*open, d.id = now, inodeOf(st)
	d.forget()
	return nil
}

// processStart stands for the time at which an earlier process read a directory.
var processStart = time.Now()

// lazy bounds how often a directory is read again only because its time cannot
// prove that nothing happened: so many times longer than it takes.
const lazy = 20

// fresh tells whether the directory need not be read.
func (d *dirSeen) fresh(st *unix.Stat_t) bool {
	if d.read.IsZero() || d.mtim != st.Mtim {
		return false
	}
	return d.settled || time.Since(d.read) < min(lazy*d.cost, time.Second)
}

// ticks are how long after a change the clock of file times may stand still.
const (
	localTick  = 50 * time.Millisecond
	remoteTick = 2 * time.Second // and how far apart two clocks are
)

// settledAt tells whether a change after now shows in a later time than st has.
func settledAt(d *dir, st *unix.Stat_t, now time.Time) bool {
	tick := remoteTick
	var fs unix.Statfs_t
	if unix.Fstatfs(d.fd(), &fs) == nil && st.Mtim.Nsec != 0 {
		switch fs.Type {
		case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
			tick = localTick
		}
	}
	age := now.Sub(time.Unix(st.Mtim.Unix()))
	return age > tick
}
