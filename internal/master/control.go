package master

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// inheritListener is the control socket of the program that we were.
func inheritListener(fd int) (*net.UnixListener, error) {
	f, err := handed(fd)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("descriptor %d is no Unix socket", fd)
	}
	u.SetUnlinkOnClose(false)
	return u, nil
}

// requestTime is what a client of the control socket has for its request, and
// for taking the reply.
const requestTime = 5 * time.Second

// A petition is a request on the control socket. Who asked waits for a reply.
type petition struct {
	from    *fdpass.Conn
	request ipc.MasterRequest
}

// attend takes requests from the control socket until it is closed.
func attend(ctx context.Context, l *net.UnixListener, to chan<- *petition) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			p := &petition{from: fdpass.New(c)}
			if !p.read() {
				p.from.Close()
				return
			}
			select {
			case to <- p:
			case <-ctx.Done():
			}
		}()
	}
}

// read takes the request of somebody who may ask: root, or the user who runs
// the system. The directory's mode lets in nobody else either.
func (p *petition) read() bool {
	if !mayAsk(p.from) {
		return false
	}
	p.from.Unix().SetDeadline(time.Now().Add(requestTime))
	files, err := p.from.Recv(&p.request)
	fdpass.CloseAll(files)
	return err == nil
}

// mayAsk tells whether the peer is root or the user who runs the system.
func mayAsk(c *fdpass.Conn) bool {
	peer, err := c.Peer()
	return err == nil && (peer.Uid == 0 || int(peer.Uid) == os.Geteuid())
}

func (p *petition) answer(r ipc.MasterReply) {
	p.from.Unix().SetDeadline(time.Now().Add(requestTime))
	p.from.Send(&r)
	p.from.Close()
}

// hearPetition acts on a request.
func (m *master) hearPetition(ctx context.Context, p *petition) {
	switch {
	case p.request.Version != ipc.MasterVersion:
		p.answer(ipc.MasterReply{Error: fmt.Sprintf("the request is of version %d, this master knows %d", p.request.Version, ipc.MasterVersion)})
	case p.request.Op == ipc.OpWho:
		go p.answerAll(m.visits())
	case p.request.Op == ipc.OpKick:
		p.answer(ipc.MasterReply{Kicked: m.kick(p.request.User)})
	case p.request.Op != ipc.OpUpgrade:
		p.answer(ipc.MasterReply{Error: "this master does not know what is asked of it"})
	case m.upgrade != nil:
		p.answer(ipc.MasterReply{Error: "an upgrade is under way already"})
	default:
		m.beginUpgrade(ctx, p)
	}
}
