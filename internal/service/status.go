package service

import (
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
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

// listen hears master: files that come are those of the log. retire is closed
// when the service is to make way, or when master has gone.
func (s status) listen(log *maillog.Logger) (retire <-chan struct{}) {
	if s.c == nil {
		return nil
	}
	end := make(chan struct{})
	go func() {
		b, oob := make([]byte, 64), make([]byte, unix.CmsgSpace(2*4))
		told := false
		for {
			n, oobn, _, _, err := s.c.ReadMsgUnix(b, oob)
			redirect(log, string(b[:max(n, 0)]), passedFiles(oob[:max(oobn, 0)]))
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

// redirect has the log go on in the files that came with a line.
func redirect(log *maillog.Logger, line string, files []*os.File) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != ipc.StatusLog {
		words = nil
	} else if words = words[1:]; len(words) == 0 && len(files) == 1 {
		words = []string{ipc.StatusLogText} // master is older than JSON lines
	}
	if words == nil || len(words) != len(files) {
		for _, f := range files {
			f.Close()
		}
		return
	}
	var json *os.File
	for i, word := range words {
		switch word {
		case ipc.StatusLogText:
			log.Redirect(files[i])
		case ipc.StatusLogJSON:
			json = files[i]
		default:
			files[i].Close()
		}
	}
	log.RedirectJSON(json)
}
