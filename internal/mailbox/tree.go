package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
	"yubin/internal/quota"
)

// Inbox is the folder that a Maildir's root is.
const Inbox = "INBOX"

// maxName is the most octets of a folder's name on the disk: what stands
// before it and behind it in the names of our own files must fit too.
const maxName = 240

// diskName returns the directory of a folder, whose name has "/" between its
// levels: ".A.B", or "." for INBOX.
func diskName(name string) (string, error) {
	if strings.EqualFold(name, Inbox) {
		return ".", nil
	}
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: %q is not UTF-8", ErrName, name)
	}
	levels := strings.Split(name, "/")
	if strings.EqualFold(levels[0], Inbox) {
		levels[0] = Inbox
	}
	for i, level := range levels {
		if level == "" || strings.ContainsAny(level, ".\x00\r\n") {
			return "", fmt.Errorf("%w: %q: want levels that are not empty and have no dot, NUL, CR or LF", ErrName, name)
		}
		levels[i] = EncodeUTF7(level)
	}
	disk := "." + strings.Join(levels, ".")
	if len(disk) > maxName {
		return "", fmt.Errorf("%w: %q: want at most %d octets on the disk", ErrName, name, maxName)
	}
	return disk, nil
}

// folderName is the reverse of diskName. A directory whose name diskName does
// not give is no folder.
func folderName(disk string) (string, bool) {
	if disk == "." {
		return Inbox, true
	}
	levels := strings.Split(strings.TrimPrefix(disk, "."), ".")
	for i, level := range levels {
		name, ok := DecodeUTF7(level)
		if !ok {
			return "", false
		}
		levels[i] = name
	}
	name := strings.Join(levels, "/")
	back, err := diskName(name)
	return name, err == nil && back == disk
}

// Folders returns the names of all folders, INBOX first and the others sorted.
// A level between folders that is none itself is not among them.
func (t *Tree) Folders() ([]string, error) {
	names, err := readNames(t.dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, disk := range names {
		if len(disk) < 2 || disk[0] != '.' || disk == ".." {
			continue
		}
		name, ok := folderName(disk)
		if !ok {
			continue
		}
		if info, err := t.root.Stat(path.Join(disk, "cur")); err == nil && info.IsDir() {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return append([]string{Inbox}, list...), nil
}

// Exists tells whether there is a folder of this name.
func (t *Tree) Exists(name string) (bool, error) {
	disk, err := diskName(name)
	if err != nil {
		return false, err
	}
	_, err = t.root.Stat(path.Join(disk, "cur"))
	if gone(err) {
		return false, nil
	}
	return err == nil, err
}

// Create makes a folder. Levels above it need not be folders.
func (t *Tree) Create(name string) error {
	disk, err := diskName(name)
	if err != nil {
		return err
	}
	if there, err := t.Exists(name); err != nil || there {
		return errors.Join(err, exists(there))
	}
	// Made beside and renamed: half a folder is never seen.
	temp := "..yubin-create." + freshBase()
	if err := t.build(temp); err != nil {
		t.root.RemoveAll(temp)
		return full(err)
	}
	if err := t.renameFolder(temp, disk); err != nil {
		t.root.RemoveAll(temp)
		return err
	}
	return t.flush()
}

func exists(there bool) error {
	if there {
		return ErrExists
	}
	return nil
}

func (t *Tree) build(disk string) error {
	if err := t.mkdir(disk); err != nil {
		return err
	}
	if err := t.makeMaildir(disk); err != nil {
		return err
	}
	d, err := t.openDir(disk)
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := d.open("maildirfolder", unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL)
	if err != nil {
		return err
	}
	return f.Close()
}

// renameFolder renames a directory; one that exists is not replaced.
func (t *Tree) renameFolder(from, to string) error {
	err := t.dir.renameNew(from, t.dir, to)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY):
		return ErrExists
	case gone(err):
		return ErrNoFolder
	}
	return full(err)
}

func (t *Tree) flush() error {
	return t.store.o.Flush.Flush(durable.Item{Dirs: []*os.File{t.dir.File}})
}

// Delete removes a folder and the messages in it; folders below it stay.
func (t *Tree) Delete(name string) error {
	disk, err := diskName(name)
	if err != nil {
		return err
	}
	if disk == "." {
		return fmt.Errorf("%w: INBOX stays", ErrReadOnly)
	}
	if there, err := t.Exists(name); err != nil || !there {
		return errors.Join(err, ErrNoFolder)
	}
	// Out of sight first: a delivery or a session meets a whole folder or none.
	temp := "..yubin-delete." + freshBase()
	change := t.quota.Remove(name)
	defer change.End(quota.Usage{})
	if err := t.renameFolder(disk, temp); err != nil {
		return err
	}
	t.uncount(change, temp)
	if err := t.root.RemoveAll(temp); err != nil {
		return err
	}
	t.sweep()
	return errors.Join(t.flush(), t.dropUses(disk))
}

// sweep removes what is left of folders that others began to make or to remove,
// and died.
func (t *Tree) sweep() {
	names, err := readNames(t.dir)
	if err != nil {
		return
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "..yubin-") {
			continue
		}
		if st, err := t.dir.stat(name); err == nil && time.Since(time.Unix(st.Ctim.Unix())) > litterAge {
			t.root.RemoveAll(name)
		}
	}
}

// Rename renames a folder and those below it.
func (t *Tree) Rename(from, to string) error {
	old, err := diskName(from)
	if err != nil {
		return err
	}
	disk, err := diskName(to)
	if err != nil {
		return err
	}
	if old == "." || disk == "." {
		return fmt.Errorf("%w: INBOX is not renamed", ErrReadOnly)
	}
	if strings.HasPrefix(disk, old+".") {
		return fmt.Errorf("%w: %q is below %q", ErrName, to, from)
	}
	names, err := readNames(t.dir)
	if err != nil {
		return err
	}
	var moves []string
	for _, n := range names {
		if n == old || strings.HasPrefix(n, old+".") {
			moves = append(moves, n)
			if len(disk)+len(n)-len(old) > maxName {
				return fmt.Errorf("%w: %q: want at most %d octets on the disk", ErrName, to, maxName)
			}
		}
		if n == disk || strings.HasPrefix(n, disk+".") {
			return ErrExists
		}
	}
	if len(moves) == 0 {
		return ErrNoFolder
	}
	slices.Sort(moves)
	renamed := map[string]string{}
	for _, n := range moves {
		renamed[n] = disk + strings.TrimPrefix(n, old)
		if err := t.renameFolder(n, renamed[n]); err != nil {
			return err
		}
	}
	return errors.Join(t.flush(), t.renameUses(old, disk), t.recount(renamed))
}
