package pamd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// workerFD is a worker's end of the connection to the daemon.
const workerFD = 3

// A system is what a worker asks: the libraries, or in tests what stands for
// them. An error of its methods says that the answer is not known.
type system interface {
	prepare() // is called once, first
	check(q *ipc.PAMRequest) ipc.PAMReply
	user(name string) (*ipc.NSSUser, error)
	userByID(uid uint32) (*ipc.NSSUser, error)
	group(name string) (*ipc.NSSGroup, error)
}

// work is a worker's life: it answers the daemon until that closes the
// connection.
func work(sys system) error {
	f := os.NewFile(workerFD, "daemon")
	nc, err := net.FileConn(f)
	if err != nil {
		return fmt.Errorf("descriptor %d, which pamd itself hands down: %w", workerFD, err)
	}
	f.Close()
	u, ok := nc.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("descriptor %d: want a Unix socket", workerFD)
	}
	c := fdpass.New(u)
	sys.prepare()
	for {
		var q ipc.PAMDWork
		files, err := c.Recv(&q)
		fdpass.CloseAll(files)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := c.Send(answer(sys, &q)); err != nil {
			return err
		}
	}
}

func answer(sys system, q *ipc.PAMDWork) any {
	switch {
	case q.PAM != nil:
		defer clear(q.PAM.Password)
		return checked(sys, q.PAM)
	case q.NSS != nil:
		return found(sys, q.NSS)
	}
	return ipc.NSSReply{Error: "there is no question"}
}

// Bounds of what goes to modules: PAM_MAX_RESP_SIZE, and as much for a name.
const (
	maxPassword = 512
	maxUser     = 512
)

// serviceName is what the name of a file in /etc/pam.d may be.
var serviceName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$`)

// checked asks PAM. What no module could take for right is answered here.
func checked(sys system, q *ipc.PAMRequest) ipc.PAMReply {
	switch {
	case !serviceName.MatchString(q.Service):
		return ipc.PAMReply{Result: ipc.PAMTempFail, Error: fmt.Sprintf("PAM service %q: want the name of a file in /etc/pam.d", q.Service)}
	case q.User == "" || len(q.User) > maxUser || strings.ContainsRune(q.User, 0):
		return ipc.PAMReply{Result: ipc.PAMUnknown}
	case len(q.Password) == 0 || len(q.Password) >= maxPassword || bytes.IndexByte(q.Password, 0) >= 0:
		return ipc.PAMReply{Result: ipc.PAMMismatch}
	}
	return sys.check(q)
}

func found(sys system, q *ipc.NSSRequest) (a ipc.NSSReply) {
	var err error
	switch {
	case q.User != "":
		a.User, err = sys.user(q.User)
	case q.UID != nil:
		a.User, err = sys.userByID(*q.UID)
	case q.Group != "":
		a.Group, err = sys.group(q.Group)
	default:
		err = errors.New("there is no question")
	}
	if err != nil {
		return ipc.NSSReply{Error: err.Error()}
	}
	return a
}
