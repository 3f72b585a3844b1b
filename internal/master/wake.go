package master

import (
	"encoding/json"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
)

// wake connects to a service's own socket, the way any client starts or
// reaches it. It never waits: a socket whose backlog is full wakes the service
// without us.
func wake(s *service) {
	for _, e := range s.want {
		if e.unix == "" {
			continue
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return
		}
		if unix.Connect(fd, &unix.SockaddrUnix{Name: e.unix}) == nil && s.def.Command == "qmgr" {
			hello, err := json.Marshal(ipc.Hello{Version: ipc.ControlVersion, Role: ipc.RoleWake, Program: "master"})
			if err == nil {
				unix.Write(fd, hello)
			}
		}
		unix.Close(fd)
	}
}
