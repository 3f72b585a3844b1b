package local

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"yubin/internal/account"
)

// errNotRoot is the error of a process that is not root and is asked to write
// somebody else's mailbox: a private instance.
var errNotRoot = errors.New("delivery as another user needs root, and this system runs without")

// An identity is whom file work is done as.
type identity struct{ uid, gid int }

// A switcher does file work with another user's rights.
//
// Only effective IDs are changed, and only those of the calling thread, by raw
// system calls (those of package syscall change every thread). The real user ID
// stays root: with another one, that user could kill the whole process. The
// file-system ID alone would leave capabilities of root in place.
type switcher struct {
	own    identity
	groups []uint32
	root   bool
	// die ends the process: a thread that is stuck in another identity must not
	// do anything more.
	die func(error)
}

func newSwitcher(die func(error)) (*switcher, error) {
	groups, err := os.Getgroups()
	if err != nil {
		return nil, err
	}
	s := &switcher{own: identity{os.Geteuid(), os.Getegid()}, root: os.Geteuid() == 0, die: die}
	for _, g := range groups {
		s.groups = append(s.groups, uint32(g))
	}
	return s, nil
}

// do calls work with the rights of id: effective user and group, and no
// supplementary groups. work must not start goroutines or wait for others.
func (s *switcher) do(id identity, work func() error) error {
	if id.uid < 0 || id.uid > account.MaxID || id.gid < 0 || id.gid > account.MaxID {
		return fmt.Errorf("user ID %d and group ID %d: out of range", id.uid, id.gid)
	}
	if !s.root {
		if id.uid != s.own.uid {
			return errNotRoot
		}
		return work()
	}
	runtime.LockOSThread()
	defer s.back()
	if err := become(id, []uint32{uint32(id.gid)}); err != nil {
		return err
	}
	return work()
}

// back gives the thread its own identity again. Should work panic, it runs too.
func (s *switcher) back() {
	// The user ID first: with it come the rights to change the others.
	err := setresuid(s.own.uid)
	if err == nil {
		err = errors.Join(setresgid(s.own.gid), setgroups(s.groups))
	}
	if err != nil {
		s.die(fmt.Errorf("give a thread its own identity back: %w", err))
	}
	runtime.UnlockOSThread()
}

func become(id identity, groups []uint32) error {
	if err := setgroups(groups); err != nil {
		return err
	}
	if err := setresgid(id.gid); err != nil {
		return err
	}
	return setresuid(id.uid)
}

// keep is the value that leaves an ID as it is.
const keep = ^uintptr(0)

func setresuid(uid int) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); e != 0 {
		return os.NewSyscallError("setresuid", e)
	}
	return nil
}

func setresgid(gid int) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(gid), keep); e != 0 {
		return os.NewSyscallError("setresgid", e)
	}
	return nil
}

func setgroups(groups []uint32) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0); e != 0 {
		return os.NewSyscallError("setgroups", e)
	}
	return nil
}
