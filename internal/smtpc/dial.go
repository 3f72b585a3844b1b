package smtpc

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// connect connects to a site and greets it. A server with which TLS cannot be
// begun gets the message in plain text, where the policy leaves that open and no
// password would go with it: on a new connection, since this one is of no more
// use.
func connect(ctx context.Context, o *settings, log *maillog.Logger, at *site) (*session, error) {
	s, err := begin(ctx, o, log, at)
	var h *handshakeError
	if !errors.As(err, &h) || at.policy.level != levelMay || ctx.Err() != nil || o.auth.logsIn(at) {
		return s, err
	}
	plain := *at
	plain.policy = &policy{level: levelNone}
	return begin(ctx, o, log, &plain)
}

// begin makes one session. It is not nil when a connection was made, and to be
// closed when there is an error.
func begin(ctx context.Context, o *settings, log *maillog.Logger, at *site) (*session, error) {
	c, err := dial(ctx, o, at)
	if err != nil {
		return nil, err
	}
	s := newSession(o, log, at.endpoint, c)
	defer s.watch(ctx)()
	if err := s.greet(ctx, at); err != nil {
		if s.goodbye != nil {
			s.close()
		} else {
			s.quit()
		}
		return s, err
	}
	return s, nil
}

func dial(ctx context.Context, o *settings, at *site) (net.Conn, error) {
	d := net.Dialer{Timeout: o.wait.connect}
	network, addr := "unix", at.socket
	if at.socket == "" {
		network, addr = "tcp", at.addr.String()
		if from := o.bind(at.addr.Addr()); from.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
	}
	c, err := d.DialContext(ctx, network, addr)
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		return nil, stopped()
	}
	return nil, fails(4, noAnswer, "connect to %s: %s", at.relay(), connectReason(err))
}

// stopped is the failure for what is left undone when the process must end.
func stopped() *failure {
	return fails(4, smtp.SystemShutdown, "delivery was put off: this system is stopping")
}
