package smtpd

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"yubin/internal/config"
)

// balanced connects as a load balancer would, which says head first.
func balanced(r *rig, head string) *client {
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		r.srv.serve(context.Background(), far)
	}()
	go near.Write([]byte(head))
	return clientOf(r.t, near, done)
}

// The client of a proxied connection is whom the header names, for the log, the
// envelope and the rules alike.
func TestProxied(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_upstream_proxy_protocol = haproxy", "mynetworks = 203.0.113.0/24")
	c := balanced(r, "PROXY TCP4 203.0.113.9 198.51.100.7 40000 25\r\n")
	c.play(`
		S: 220 mx.example ESMTP Yubin
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<far@elsewhere.example>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok...
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	env := r.taken()[0].env
	if env.Attrs["client_address"] != "203.0.113.9" || env.Attrs["client_port"] != "40000" {
		t.Errorf("the envelope has %v", env.Attrs)
	}
	if log := r.logged(); !slices.Contains(log, "connect from unknown[203.0.113.9]") {
		t.Errorf("log: %q", log)
	}
}

func TestProxiedLocal(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_upstream_proxy_protocol = haproxy")
	c := balanced(r, "PROXY UNKNOWN\r\n")
	c.play("S: 220 ...\nC: QUIT\nS: 221 ...")
	c.close()
}

// A client that comes without a header, or with none in time, hears nothing.
func TestProxyHeaderMissing(t *testing.T) {
	t.Parallel()
	for _, head := range []string{"EHLO h.example\r\n", "PROXY TCP4 203.0.113.9 x 40000 25\r\n", ""} {
		r := newRig(t, "smtpd_upstream_proxy_protocol = haproxy", "smtpd_upstream_proxy_timeout = 1s")
		c := balanced(r, head)
		if said, err := io.ReadAll(c.c); len(said) > 0 || err != nil {
			t.Errorf("%q: heard %q, %v", head, said, err)
		}
		c.close()
		if log := strings.Join(r.logged(), "\n"); !strings.HasPrefix(log, "warning: PROXY protocol header from unknown[unknown]: ") {
			t.Errorf("%q: log %q", head, log)
		}
	}
}

func TestProxyProtocolValue(t *testing.T) {
	t.Parallel()
	if _, err := tryRig(t, "smtpd_upstream_proxy_protocol = nginx"); err == nil || !strings.Contains(err.Error(), config.SmtpdUpstreamProxyProtocol.Name) {
		t.Errorf("got %v", err)
	}
}
