package service

import (
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
)

// status is the daemon's end of the status connection. Without one (something
// else than master started the daemon) nothing is said and nothing is heard.
type status struct{ c *net.UnixConn }

// say sends one line. An error means that master has gone, which listen finds
// out as well.
func (s status) say(line string) {
	if s.c != nil {
		s.c.Write([]byte(line))
	}
}

func (s status) ready()   { s.say(ipc.StatusReady) }
func (s status) stopped() { s.say(ipc.StatusStopped) }

func (s status) nextWake(t time.Time) {
	if !t.IsZero() {
		s.say(ipc.StatusNextWake + " " + strconv.FormatInt(t.UnixMicro(), 10))
	}
}

// listen hears master: a file that comes is the new log file. retire is closed
// when the service is to make way, or when master has gone.
func (s status) listen(log func(*os.File)) (retire <-chan struct{}) {
	if s.c == nil {
		return nil
	}
	end := make(chan struct{})
	go func() {
		b, oob := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
		told := false
		for {
			n, oobn, _, _, err := s.c.ReadMsgUnix(b, oob)
			if f := passedFile(oob[:max(oobn, 0)]); f != nil {
				log(f)
			}
			gone := err != nil || n == 0
			if (gone || string(b[:n]) == ipc.StatusRetire) && !told {
				told = true
				close(end)
			}
			if gone {
				return
			}
		}
	}()
	return end
}
