package service

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
	"yubin/internal/systemd"
)

// inherited is what the parent handed down.
type inherited struct {
	listeners []net.Listener
	status    *net.UnixConn // nil: started by something else than master
	log       *os.File      // nil: none
	logJSON   *os.File      // nil: none
}

// inherit takes over the descriptors that were handed down.
func inherit() (*inherited, error) {
	given, err := systemd.Listen()
	if err != nil {
		return nil, err
	}
	in := new(inherited)
	for _, g := range given {
		if err := in.take(os.NewFile(uintptr(g.FD), g.Name), g.Name); err != nil {
			return nil, fmt.Errorf("inherited descriptor %d %q: %w", g.FD, g.Name, err)
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
	case ipc.LogJSONName:
		in.logJSON = f
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

// passedFiles are the files of a control message.
func passedFiles(oob []byte) []*os.File {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil
	}
	var files []*os.File
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "maillog"))
	}
	return files
}
