// Package acmed answers certificate authorities that want to see, at port 80,
// that a name is this host's (RFC 8555, 8.3). It knows no key: authd, which has
// asked for a certificate, says what to show for a token while it waits.
//
// It reads one request a connection, of bounded size and in bounded time, and
// serves no file.
package acmed

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/service"
)

const (
	patience   = 10 * time.Second // for one request and its answer
	maxRequest = 8 << 10          // octets
	maxToken   = 200
	prefix     = "/.well-known/acme-challenge/"
)

// Command is acmed(8).
var Command = &cli.Command{
	Name: "acmed", Section: 8,
	Params: slices.Concat([]*config.Def{config.QueueDirectory.Def}, service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			var d *daemon
			return service.Run(ctx, env, o, service.Handler{
				Start: func(_ context.Context, s *service.Service) error {
					socket := filepath.Join(config.QueueDirectory.Of(s.Config), queue.DirPublic, "authd")
					d = &daemon{s.Log, func() (*fdpass.Conn, error) { return fdpass.Dial(socket) }}
					return nil
				},
				Conn: func(_ context.Context, c net.Conn) { d.serve(c) },
			})
		}
	},
}

// A daemon answers requests.
type daemon struct {
	log  *maillog.Logger
	dial func() (*fdpass.Conn, error)
}

// serve answers one request.
func (d *daemon) serve(c net.Conn) {
	c.SetDeadline(time.Now().Add(patience))
	r, err := http.ReadRequest(bufio.NewReader(io.LimitReader(c, maxRequest)))
	if err != nil {
		answer(c, http.StatusBadRequest, "")
		return
	}
	token, ok := tokenOf(r)
	if !ok {
		answer(c, http.StatusNotFound, "")
		return
	}
	proof, err := d.proof(token)
	switch {
	case err != nil:
		d.log.Warn("proof for a certificate authority: %v", err)
		answer(c, http.StatusServiceUnavailable, "")
	case proof == "":
		answer(c, http.StatusNotFound, "")
	default:
		d.log.Info("proof for a certificate authority, to %v", c.RemoteAddr())
		answer(c, http.StatusOK, proof)
	}
}

// tokenOf is the token that a request is for (RFC 8555, 8.3: base64url).
func tokenOf(r *http.Request) (string, bool) {
	token, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok || r.Method != http.MethodGet || token == "" || len(token) > maxToken {
		return "", false
	}
	for _, c := range []byte(token) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return "", false
		}
	}
	return token, true
}

// proof asks authd.
func (d *daemon) proof(token string) (string, error) {
	c, err := d.dial()
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.Unix().SetDeadline(time.Now().Add(patience))
	if err := c.Send(ipc.Hello{Version: ipc.ACMEVersion, Role: ipc.RoleACME, Program: "acmed"}); err != nil {
		return "", err
	}
	if err := c.Send(ipc.ACMERequest{Token: token}); err != nil {
		return "", err
	}
	var a ipc.ACMEReply
	_, err = c.Recv(&a)
	return a.Proof, err
}

func answer(c net.Conn, status int, body string) {
	fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}
