package authd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"yubin/internal/dovecotauth"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// serveDovecot has the conversation with a program that speaks Dovecot's
// protocol (auth_dovecot_socket). Who may connect is the socket's to say.
func (l *logins) serveDovecot(ctx context.Context, c *net.UnixConn) {
	peer, err := fdpass.Peer(c)
	if err != nil {
		l.log.Warn("who is connected: %v", err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // one line after the other
	write := func(s string) error {
		mu.Lock()
		defer mu.Unlock()
		c.SetWriteDeadline(time.Now().Add(patience))
		_, err := io.WriteString(c, s)
		return err
	}
	// The greeting comes before anything is known of a client: what depends on
	// its channel cannot be in it, but for a certificate, which the program vouches for.
	facts := &ipc.AuthFacts{TLS: &ipc.TLSFacts{CertName: "any"}}
	if write(dovecotauth.Greeting(l.mechanisms(facts), l.connections.Add(1))) != nil {
		return
	}
	v := newConversation(ctx, l, func(r *ipc.AuthReply) error { return write(dovecotauth.Reply(r)) })
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for r := dovecotauth.NewReader(c); ; {
		q, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				l.log.Warn("auth_dovecot_socket: process %d of uid %d: %v", peer.Pid, peer.Uid, err)
			}
			break
		}
		// Such a program takes no connection over to a session, so nothing need be
		// remembered, nor must there be a mailbox.
		if q.Facts != nil && q.Facts.Service != "smtp" {
			q.Facts.Service = "smtp"
		}
		v.take(q, nil)
	}
	v.drain()
}
