//go:build pam && cgo

package pamd

/*
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>

static char *member(char **members, size_t i) { return members[i]; }
*/
import "C"

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"yubin/internal/ipc"
)

// Bounds of one answer.
const (
	firstBuffer = 4 << 10
	lastBuffer  = 1 << 20
	maxGroups   = 65536
)

func (libraries) user(name string) (*ipc.NSSUser, error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return passwd(func(pw *C.struct_passwd, buf *C.char, n C.size_t, found **C.struct_passwd) C.int {
		return C.getpwnam_r(c, pw, buf, n, found)
	})
}

func (libraries) userByID(uid uint32) (*ipc.NSSUser, error) {
	return passwd(func(pw *C.struct_passwd, buf *C.char, n C.size_t, found **C.struct_passwd) C.int {
		return C.getpwuid_r(C.uid_t(uid), pw, buf, n, found)
	})
}

// passwd looks a user up by get.
func passwd(get func(*C.struct_passwd, *C.char, C.size_t, **C.struct_passwd) C.int) (*ipc.NSSUser, error) {
	var u *ipc.NSSUser
	found, err := lookup("passwd", func(buf *C.char, n C.size_t) (bool, C.int) {
		var pw C.struct_passwd
		var found *C.struct_passwd
		rc := get(&pw, buf, n, &found)
		if rc != 0 || found == nil {
			return false, rc
		}
		u = &ipc.NSSUser{
			Name: C.GoString(pw.pw_name), UID: uint32(pw.pw_uid), GID: uint32(pw.pw_gid),
			Gecos: C.GoString(pw.pw_gecos), Home: C.GoString(pw.pw_dir), Shell: C.GoString(pw.pw_shell),
			Groups: groups(pw.pw_name, pw.pw_gid),
		}
		return true, 0
	})
	if !found {
		return nil, err
	}
	return u, nil
}

// groups are all groups of a user. A name service that fails here leaves out
// those that it knows: what the user may then is less, not more.
func groups(name *C.char, gid C.gid_t) []uint32 {
	for n := C.int(64); ; n *= 4 {
		list := make([]C.gid_t, n)
		have := n
		if C.getgrouplist(name, gid, &list[0], &have) >= 0 || n >= maxGroups {
			ids := make([]uint32, min(have, n))
			for i := range ids {
				ids[i] = uint32(list[i])
			}
			return ids
		}
	}
}

func (libraries) group(name string) (*ipc.NSSGroup, error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	var g *ipc.NSSGroup
	found, err := lookup("group", func(buf *C.char, n C.size_t) (bool, C.int) {
		var gr C.struct_group
		var found *C.struct_group
		rc := C.getgrnam_r(c, &gr, buf, n, &found)
		if rc != 0 || found == nil {
			return false, rc
		}
		g = &ipc.NSSGroup{Name: C.GoString(gr.gr_name), GID: uint32(gr.gr_gid)}
		for i := C.size_t(0); ; i++ {
			m := C.member(gr.gr_mem, i)
			if m == nil {
				return true, 0
			}
			g.Members = append(g.Members, C.GoString(m))
		}
	})
	if !found {
		return nil, err
	}
	return g, nil
}

// lookup asks the services that nsswitch.conf(5) has for a database. Together
// they say "not found" also when one of them could not be asked, as when SSSD
// has died, and the next one was. So before that is believed each is asked
// alone whether it knows.
func lookup(database string, get func(*C.char, C.size_t) (bool, C.int)) (found bool, err error) {
	line, services := configured(database)
	all := func() (bool, error) {
		if line != "" {
			if err := configure(database, line); err != nil {
				return false, err
			}
		}
		return grow(get)
	}
	if found, err = all(); found || err != nil || len(services) < 2 {
		return found, err
	}
	for _, s := range services {
		if err := configure(database, s); err != nil {
			return false, err
		}
		known, err := grow(get)
		if err != nil {
			return false, fmt.Errorf("name service %s: %w", s, err)
		}
		if known {
			break // it is back; or an action such as [NOTFOUND=return] hides it
		}
	}
	return all()
}

// grow has get use a buffer that is large enough. The error says that nobody
// could tell (getpwnam(3), ERRORS). ENOENT is no error: so says a service that
// this host does not use, whose socket or library is not there.
func grow(get func(*C.char, C.size_t) (bool, C.int)) (bool, error) {
	for n := firstBuffer; ; n *= 4 {
		buf := (*C.char)(C.malloc(C.size_t(n)))
		found, rc := get(buf, C.size_t(n))
		C.free(unsafe.Pointer(buf))
		switch e := syscall.Errno(rc); {
		case found, e == 0, e == syscall.ENOENT, e == syscall.ESRCH:
			return found, nil
		case e != syscall.EINTR && (e != syscall.ERANGE || n >= lastBuffer):
			return false, e
		}
	}
}

// configure has the C library ask these services for a database. This process
// does one thing at a time.
func configure(database, line string) error {
	d, l := C.CString(database), C.CString(line)
	defer C.free(unsafe.Pointer(d))
	defer C.free(unsafe.Pointer(l))
	if rc, err := C.__nss_configure_lookup(d, l); rc != 0 {
		return fmt.Errorf("name services %q for %s: %w", line, database, err)
	}
	return nil
}

const nsswitch = "/etc/nsswitch.conf"

// configured returns what nsswitch.conf(5) has for a database, and the services
// in it; nothing when it does not say.
func configured(database string) (line string, services []string) {
	b, err := os.ReadFile(nsswitch)
	if err != nil {
		return "", nil
	}
	for l := range strings.Lines(string(b)) {
		l, _, _ = strings.Cut(l, "#")
		name, rest, ok := strings.Cut(l, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		line = strings.TrimSpace(rest)
		services = nil
		action := false
		for _, word := range strings.Fields(strings.NewReplacer("[", " [ ", "]", " ] ").Replace(line)) {
			switch {
			case word == "[" || word == "]":
				action = word == "["
			case !action:
				services = append(services, word)
			}
		}
	}
	return line, services
}
