package smtpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// An agent answers delivery requests. Its fields do not change.
type agent struct {
	log     *maillog.Logger
	o       *settings
	finder  *finder
	pool    *pool
	trusted map[uint32]bool
	work    chan struct{} // full when as many requests are under way as may be
}

// serve answers the requests of one client until it closes.
func (a *agent) serve(ctx context.Context, c net.Conn) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		a.log.Warn("connection on a %s socket: want unixpacket", c.LocalAddr().Network())
		return
	}
	conn := fdpass.New(u)
	peer, err := conn.Peer()
	if err != nil || !a.trusted[peer.Uid] {
		a.log.Warn("delivery requests from a stranger (%+v, %v): not the queue manager", peer, err)
		return
	}
	var requests sync.WaitGroup
	defer requests.Wait()
	for {
		req := new(ipc.Request)
		files, err := conn.Recv(req)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				a.log.Warn("read a delivery request: %v", err)
			}
			return
		}
		requests.Go(func() { a.handle(ctx, conn, req, files) })
	}
}

// handle answers one request, in one reply or in several.
func (a *agent) handle(ctx context.Context, conn *fdpass.Conn, req *ipc.Request, files []*os.File) {
	j := &job{a: a, log: a.log.As(req.Transport), start: time.Now(), left: make([]*recipient, len(req.Recipients))}
	for i := range req.Recipients {
		j.left[i] = &recipient{Recipient: &req.Recipients[i]}
	}
	flush := func() {
		for _, part := range split(j.results) {
			if err := conn.Send(&ipc.Reply{N: req.N, Results: part}); err != nil {
				// The queue manager has gone, and will ask again.
				a.log.Warn("%s: reply to the queue manager: %v", req.ID, err)
				break
			}
		}
		j.results = nil
	}
	a.work <- struct{}{}
	defer func() { <-a.work }()
	j.guarded(ctx, req, files, flush)
	// The descriptor goes before the last reply: a file that somebody has open
	// is not lent again.
	fdpass.CloseAll(files)
	flush()
	for _, s := range j.quits {
		s.quit()
	}
}

// guarded is deliver, with the message that came. A panic ends this request, not
// the deliveries beside it.
func (j *job) guarded(ctx context.Context, req *ipc.Request, files []*os.File, flush func()) {
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("%s: panic: %v\n%s", req.ID, p, debug.Stack())
			if j.s != nil {
				j.s.close()
			}
			j.compact()
			j.unknown(j.left, fails(4, smtp.LocalProcessing, "local error in processing"))
		}
	}()
	m, err := newLetter(req, files)
	if err != nil {
		j.unknown(j.left, asFailure(err))
		return
	}
	j.m = m
	j.deliver(ctx, flush)
}

// maxReply is what the results of one packet may take, octets.
const maxReplyPacket = fdpass.MaxPacket / 2

// split parts results so that each part fits a packet.
func split(results []ipc.Result) [][]ipc.Result {
	var parts [][]ipc.Result
	start, size := 0, 0
	for i := range results {
		b, err := json.Marshal(&results[i])
		if err != nil {
			panic(fmt.Sprintf("a result that JSON cannot hold: %v", err))
		}
		if i > start && size+len(b) > maxReplyPacket {
			parts = append(parts, results[start:i])
			start, size = i, 0
		}
		size += len(b)
	}
	if start < len(results) {
		parts = append(parts, results[start:])
	}
	return parts
}
