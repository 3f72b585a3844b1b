package fdpass

import (
	"golang.org/x/sys/unix"

	"yubin/internal/sock"
)

// A Handle is a descriptor on its way: an *os.File of a socket would be made
// known to Go's poller, and taken out again, in every process that it passes.
type Handle int

// Close closes the descriptor. It may be anything that somebody sent: a socket
// that lingers, say, whose end the scheduler has to know of. It must not be used any more.
func (h Handle) Close() error { return unix.Close(int(h)) }

// CloseHandles closes handles.
func CloseHandles(handles []Handle) {
	for _, h := range handles {
		h.Close()
	}
}

// Rights is the control data that lends handles; nil for none.
func Rights(handles []Handle) []byte {
	if len(handles) == 0 {
		return nil
	}
	fds := make([]int, len(handles))
	for i, h := range handles {
		fds[i] = int(h)
	}
	return unix.UnixRights(fds...)
}

// Reply sends one packet on a handle if there is room for it, and never waits.
func (h Handle) Reply(b []byte) error {
	return sock.SendNow(int(h), b, nil)
}
