package qmgr

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ids"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/match"
	"yubin/internal/nss"
	"yubin/internal/queue"
)

// helloTime is what a client has for its first packet, and mailctl for its
// request.
const helloTime = 10 * time.Second

// users says who may do what.
type users struct {
	mu           sync.RWMutex // guards what follows
	owner        map[int]bool // root, mail_owner, and this process's own
	smtpd        int          // -1: none
	mailq, flush *match.List
	names        *nss.Client
}

func readUsers(c *config.Config) (*users, error) {
	u := &users{owner: map[int]bool{0: true, os.Geteuid(): true}, smtpd: -1, names: nss.New(c)}
	if a, err := ids.User(config.MailOwner.Of(c)); err == nil {
		u.owner[a.UID] = true
	}
	if a, err := ids.User(config.SmtpdUser.Of(c)); err == nil {
		u.smtpd = a.UID
	}
	var err error
	if u.mailq, err = match.Of(c, config.AuthorizedMailqUsers); err != nil {
		return nil, err
	}
	u.flush, err = match.Of(c, config.AuthorizedFlushUsers)
	return u, err
}

// replace takes what another configuration says.
func (u *users) replace(n *users) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.owner, u.smtpd, u.mailq, u.flush, u.names = n.owner, n.smtpd, n.mailq, n.flush, n.names
}

// keeper tells whether uid is the mail system itself.
func (u *users) keeper(uid int) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.owner[uid]
}

// writer tells whether uid may write messages.
func (u *users) writer(uid int) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.owner[uid] || uid == u.smtpd
}

// may tells whether uid may have an operation carried out.
func (u *users) may(op string, uid int) (bool, error) {
	u.mu.RLock()
	list := map[string]*match.List{ipc.OpList: u.mailq, ipc.OpFlush: u.flush}[op]
	owner, names := u.owner[uid], u.names
	u.mu.RUnlock()
	if owner || list == nil {
		return owner, nil
	}
	// A list may let everybody in, whatever their name: then that it is not
	// known is no matter.
	name := ""
	acc, unknown := names.UserByID(uint32(uid))
	if acc != nil {
		name = acc.Name
	}
	ok, err := list.User(name, uid)
	if !ok && err == nil {
		err = unknown
	}
	return ok, err
}

// converse serves one connection to public/qmgr.
func converse(ctx context.Context, s *scheduler, u *users, nc net.Conn) {
	defer nc.Close()
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		s.log.warn("connection from %v: not a Unix socket", nc.RemoteAddr())
		return
	}
	c := fdpass.New(uc)
	peer, err := c.Peer()
	if err != nil {
		s.log.warn("connection: %v", err)
		return
	}
	uc.SetReadDeadline(time.Now().Add(helloTime))
	var hello ipc.Hello
	if !receive(c, &hello) {
		return
	}
	uid := int(peer.Uid)
	switch hello.Role {
	case ipc.RoleLend:
		if !u.writer(uid) || hello.Version != ipc.LendVersion {
			s.log.warn("user %d may not write messages, or speaks version %d", uid, hello.Version)
			return
		}
		serveWriter(ctx, s, c, &writer{
			program: maillog.Clean(hello.Program), keeper: u.keeper(uid), held: map[string]queue.Blank{}, out: newOutbox(),
		})
	case ipc.RoleControl:
		serveControl(s, u, c, uid)
	case ipc.RoleWake:
		s.post(func() { s.more, s.rescan = true, s.now() })
	}
}

// receive takes one packet, and no descriptors.
func receive(c *fdpass.Conn, v any) bool {
	files, err := c.Recv(v)
	fdpass.CloseAll(files)
	return err == nil
}

// serveWriter moves a writer's packets until the writer, or the process, ends.
func serveWriter(ctx context.Context, s *scheduler, c *fdpass.Conn, w *writer) {
	c.Unix().SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { c.Unix().SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if !s.post(func() { s.join(w) }) {
		return
	}
	sent := make(chan struct{})
	go func() { defer close(sent); w.out.send(c) }()
	for {
		var p ipc.WriterPacket
		if !receive(c, &p) {
			break
		}
		w.out.settle()
		s.post(func() { s.packet(w, &p) })
	}
	if !s.post(func() { s.leave(w) }) {
		w.out.finish()
	}
	select {
	case <-sent: // every commit is answered
	case <-s.done:
		w.out.finish()
		c.Close()
		<-sent
	}
}

// serveControl carries out one request of mailq or mailctl.
func serveControl(s *scheduler, u *users, c *fdpass.Conn, uid int) {
	c.Unix().SetReadDeadline(time.Now().Add(helloTime))
	var r ipc.ControlRequest
	if !receive(c, &r) {
		return
	}
	ok, err := u.may(r.Op, uid)
	if r.Op == ipc.OpFlush && r.To != "" && u.writer(uid) {
		ok, err = true, nil // ETRN: smtpd(8) has asked who may
	}
	if ok && err == nil && r.Op == ipc.OpFlush && (r.Filter != nil || r.Dry) {
		ok, err = u.may(ipc.OpList, uid) // the answer says what is in the queue
	}
	switch {
	case err != nil:
		err = c.Send(&ipc.ControlReply{Error: fmt.Sprintf("cannot find out whether user %d may: %v", uid, err), End: true})
	case !ok:
		err = c.Send(&ipc.ControlReply{Error: fmt.Sprintf("user %d may not %s", uid, maillog.Clean(r.Op)), Denied: true, End: true})
	case r.Op == ipc.OpList:
		err = s.list(c, &r)
	case r.Op == ipc.OpShow:
		err = s.show(c, &r)
	default:
		err = s.operate(c, &r)
	}
	if err != nil {
		s.log.warn("control request %s of user %d: %v", maillog.Clean(r.Op), uid, err)
	}
}
