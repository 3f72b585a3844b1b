package quota

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/mutf7"
)

// countRounds is how often the messages are counted when other programs change the
// mailbox meanwhile. The last count is used in any case.
const countRounds = 3

// recount returns a maildirsize that can be believed, locked, which the messages
// are counted for if it must be. The old one, which may be nil, is closed; anew
// says that its sums will not do, well-formed or not. Nobody writes a line while
// the lock is exclusive: what looked torn under a shared one may be whole now. With
// an error the file is nil.
func (m *Maildir) recount(old *file, anew bool) (*file, sheet, error) {
	old.close() // and its lock, which ours would wait for
	f, err := m.open(unix.LOCK_EX, os.O_CREATE)
	if err != nil {
		return nil, sheet{}, err
	}
	s, err := f.read()
	distrusted := anew && old != nil && os.SameFile(old.info, f.info)
	if err == nil && m.believed(f, s) && !distrusted {
		return f, s, nil
	}
	defer f.close()
	limit := m.limitWithout()
	if !m.forced() && s.titled {
		limit = s.limit
	}
	used, err := m.count()
	if err != nil {
		return nil, sheet{}, err
	}
	f2, err := m.replace(limit, used)
	return f2, sheet{limit: limit, used: used, lines: 1, titled: true}, err
}

// count counts the messages.
func (m *Maildir) count() (used Usage, err error) {
	for range countRounds {
		var dirs []visited
		if used, dirs, err = m.sum(); err != nil || !m.changed(dirs) {
			break
		}
	}
	return used, err
}

// A visited is a directory that was read, and its time before that.
type visited struct {
	name string
	time time.Time
}

func (m *Maildir) changed(dirs []visited) bool {
	for _, d := range dirs {
		if info, err := m.root.Stat(d.name); err != nil || !info.ModTime().Equal(d.time) {
			return true
		}
	}
	return false
}

// sum adds up all folders that count.
func (m *Maildir) sum() (used Usage, dirs []visited, err error) {
	folders, err := m.folders()
	if err != nil {
		return used, nil, err
	}
	for _, disk := range folders {
		u, read, err := m.sumFolder(disk)
		if err != nil {
			return used, nil, err
		}
		used, dirs = used.plus(u), append(dirs, read...)
	}
	return used, dirs, nil
}

// Sum adds up the messages of one folder, by the name of its directory.
func (m *Maildir) Sum(disk string) (Usage, error) {
	used, _, err := m.sumFolder(disk)
	return used, err
}

func (m *Maildir) sumFolder(disk string) (used Usage, dirs []visited, err error) {
	for _, sub := range []string{"new", "cur"} {
		d := visited{name: path.Join(disk, sub)}
		u, err := m.sumDir(&d)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			return used, nil, err
		}
		used, dirs = used.plus(u), append(dirs, d)
	}
	return used, dirs, nil
}

// folders are the directories of folders that count.
func (m *Maildir) folders() ([]string, error) {
	root, err := m.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	names, err := root.Readdirnames(-1)
	var list []string
	if !m.rules.Ignores("INBOX") {
		list = append(list, ".")
	}
	for _, disk := range names {
		// What begins with two dots is being made or removed.
		if len(disk) > 1 && disk[0] == '.' && disk[1] != '.' && !m.rules.Ignores(folderName(disk)) {
			list = append(list, disk)
		}
	}
	return list, err
}

// folderName is the name that rules are about.
func folderName(disk string) string {
	levels := strings.Split(disk[1:], ".")
	for i, level := range levels {
		if name, ok := mutf7.Decode(level); ok {
			levels[i] = name
		}
	}
	return strings.Join(levels, "/")
}

// sumDir adds up the messages in a directory.
func (m *Maildir) sumDir(d *visited) (used Usage, err error) {
	f, err := m.root.OpenFile(d.name, unix.O_DIRECTORY, 0)
	if err != nil {
		return used, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return used, err
	}
	d.time = info.ModTime()
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			n, ok := Size(name)
			if !ok {
				n, ok = stored(f, name)
			}
			if ok && name[0] != '.' {
				used = used.plus(Usage{n, 1})
			}
		}
		if errors.Is(err, io.EOF) {
			return used, nil
		}
		if err != nil {
			return used, err
		}
	}
}

// stored is the size of a file; false: it is none, or gone.
func stored(dir *os.File, name string) (int64, bool) {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st.Size, err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// Size is what a message's name says of the octets that its file has.
func Size(name string) (int64, bool) {
	_, rest, ok := strings.Cut(name, ",S=")
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if end < len(rest) && rest[end] != ',' && rest[end] != ':' {
		return 0, false
	}
	n, err := strconv.ParseInt(rest[:end], 10, 64)
	return n, err == nil && n <= most
}
