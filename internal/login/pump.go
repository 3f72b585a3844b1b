package login

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"yubin/internal/sock"
	"yubin/internal/talk"
)

// A pump moves what passes between a client's TLS and its session process. While
// nothing passes it holds no buffer but a small one.
type pump struct {
	client   net.Conn      // TLS
	session  *sock.Conn    // inner end
	patience time.Duration // for what passes to be taken
}

func newPump(client net.Conn, session *sock.Conn, patience time.Duration) *pump {
	client.SetDeadline(time.Time{})
	return &pump{client, session, patience}
}

const (
	// smallRead is what is read from an idle client at first.
	smallRead = 512
	// busy is how long the large buffer is kept after a client has sent much.
	busy = 100 * time.Millisecond
	// parting is how long a client may take to go when its session has ended.
	parting = 10 * time.Second
)

// run pumps until both directions have ended, or ctx.
func (p *pump) run(ctx context.Context) {
	defer p.session.Close()
	defer context.AfterFunc(ctx, func() { p.client.Close(); p.session.Close() })()
	var inward sync.WaitGroup
	inward.Go(func() {
		if p.inward() != nil {
			p.session.Close() // there is nobody to answer
		} else {
			p.session.CloseWrite()
		}
	})
	if p.outward() != nil {
		p.client.Close()
		p.session.Close()
	} else {
		closeWrite(p.client)
		defer time.AfterFunc(parting, func() { p.client.Close() }).Stop()
	}
	inward.Wait()
}

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// outward moves what the session says; nil at its end.
func (p *pump) outward() error {
	for {
		if err := p.session.Wait(); err != nil {
			return err
		}
		b := talk.Buffers.Get().(*[32 << 10]byte)
		n, err := p.session.Read(b[:])
		if n > 0 {
			p.client.SetWriteDeadline(time.Now().Add(p.patience))
			_, err = p.client.Write(b[:n])
		}
		talk.Buffers.Put(b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// inward moves what the client says; nil at its end.
func (p *pump) inward() error {
	small := make([]byte, smallRead)
	for {
		n, err := p.client.Read(small)
		if err := p.give(small[:n]); err != nil {
			return err
		}
		if err == nil && n == len(small) {
			err = p.flood()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// Not ours: the conversation before was to end when this had begun.
			p.client.SetReadDeadline(time.Time{})
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// flood is inward with a large buffer, until the client pauses. The deadline of
// a read spoils nothing in TLS.
func (p *pump) flood() error {
	b := talk.Buffers.Get().(*[32 << 10]byte)
	defer talk.Buffers.Put(b)
	for {
		p.client.SetReadDeadline(time.Now().Add(busy))
		n, err := p.client.Read(b[:])
		if err := p.give(b[:n]); err != nil {
			return err
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.client.SetReadDeadline(time.Time{})
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *pump) give(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.session.SetWriteDeadline(time.Now().Add(p.patience))
	_, err := p.session.Write(b)
	return err
}

func rawOf(c net.Conn) (syscall.RawConn, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection has no descriptor")
	}
	return s.SyscallConn()
}
