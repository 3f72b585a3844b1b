package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
)

// firstFD is where inherited descriptors begin (SD_LISTEN_FDS_START).
const firstFD = 3

// maxFDs bounds what LISTEN_FDS may say.
const maxFDs = 1024

// inherited is what the parent handed down.
type inherited struct {
	listeners []net.Listener
	status    *net.UnixConn // nil: started by something else than master
	log       *os.File      // nil: none
}

// inherit takes over the descriptors that LISTEN_FDS announces, marks them
// close-on-exec, and removes the variables, so that no child takes them for
// its own. Without a LISTEN_FDS meant for this process there are none.
func inherit() (*inherited, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	in := new(inherited)
	if pid != strconv.Itoa(os.Getpid()) {
		return in, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFDs {
		return nil, fmt.Errorf("LISTEN_FDS is %q, want a number of descriptors", count)
	}
	for fd := firstFD; fd < firstFD+n; fd++ {
		unix.CloseOnExec(fd)
	}
	name := strings.Split(names, ":")
	for i := range n {
		label := ""
		if i < len(name) {
			label = name[i]
		}
		if err := in.take(os.NewFile(uintptr(firstFD+i), label), label); err != nil {
			return nil, fmt.Errorf("inherited descriptor %d %q: %w", firstFD+i, label, err)
		}
	}
	return in, nil
}

// take puts one descriptor in its place.
func (in *inherited) take(f *os.File, label string) error {
	switch label {
	case ipc.LogName:
		in.log = f
		return nil
	case ipc.StatusName:
		defer f.Close()
		c, err := net.FileConn(f)
		if err != nil {
			return err
		}
		u, ok := c.(*net.UnixConn)
		if !ok {
			c.Close()
			return errors.New("want a Unix socket")
		}
		in.status = u
		return nil
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return err
	}
	in.listeners = append(in.listeners, l)
	return nil
}

// passedFile is the one file of a control message, or nil.
func passedFile(oob []byte) *os.File {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "maillog")
}
