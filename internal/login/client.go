package login

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"yubin/internal/auth"
	"yubin/internal/ipc"
	"yubin/internal/loginlog"
	"yubin/internal/maillog"
	"yubin/internal/talk"
)

// farewell is how long a client may take to hear why it has to go.
const farewell = 2 * time.Second

var errCrowded = errors.New("too many clients wait to log in")

// A Client is a connection whose client has not logged in yet. The goroutine of
// its Dialogue owns it.
type Client struct {
	*talk.Conn
	srv   *Server
	raw   net.Conn // the network's, whatever is above it
	began time.Time
	by    time.Time // when patience ends
	place *list.Element
	drop  context.CancelCauseFunc

	facts     auth.Facts
	client    netip.Addr
	local     netip.Addr
	overTLS   bool
	handshake string // why there was no TLS

	// For the log.
	user, method  string
	tries, failed int
	refusedPlain  bool

	in   bool  // a session process has the client
	pump *pump // its TLS stays here; nil: it has the connection itself
}

func newClient(s *Server, raw net.Conn) *Client {
	return &Client{srv: s, raw: raw, began: time.Now(), by: time.Now().Add(s.loginTimeout)}
}

// identify finds out who is connected; it is false when that cannot be said.
func (c *Client) identify() bool {
	outer := c.raw
	if c.srv.Unproxy != nil {
		var err error
		if outer, err = c.srv.Unproxy(c.raw); err != nil {
			c.srv.Log.Warn("PROXY protocol header from %v: %v", c.raw.RemoteAddr(), err)
			return false
		}
	}
	remote, local := addrPort(outer.RemoteAddr()), addrPort(outer.LocalAddr())
	c.client, c.local = remote.Addr(), local.Addr()
	c.facts = auth.Facts{
		Service: c.srv.Protocol.Name, Client: addrText(c.client), Port: remote.Port(),
		Local: addrText(c.local), LPort: local.Port(), Session: newID(),
	}
	c.Conn = talk.New(c.raw, c.srv.sessionTimeout, nil)
	c.Bound(c.by)
	c.BoundOutput(c.by, farewell)
	return true
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	return netip.AddrPort{}
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// newID names a connection in the log.
func newID() string {
	var b [9]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// converse lets the protocol speak, behind TLS where the connection begins with
// it.
func (c *Client) converse(ctx context.Context) (why string) {
	defer c.Context(ctx)()
	if c.srv.TLS.Wrapper() {
		if err := c.startTLS(ctx); err != nil {
			return ""
		}
	}
	return c.srv.Protocol.Dialogue(ctx, c)
}

// Greeting is what login_greeting says.
func (c *Client) Greeting() string { return c.srv.greeting }

// Next returns the client's next line; the time for all of them is bounded.
func (c *Client) Next(ctx context.Context, limit int) ([]byte, error) {
	return c.Line(ctx, limit, c.by)
}

// TLS tells whether the client speaks TLS already, and whether it may begin.
func (c *Client) TLS(ctx context.Context) (active, offered bool) {
	return c.overTLS, !c.overTLS && c.srv.TLS.Offered(ctx)
}

// StartTLS goes on over TLS. What the client sent before counts no more. After
// an error the connection is of no use.
func (c *Client) StartTLS(ctx context.Context) error {
	if err := c.Flush(); err != nil {
		return err
	}
	return c.startTLS(ctx)
}

func (c *Client) startTLS(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, c.by)
	defer cancel()
	over, facts, err := c.srv.TLS.Handshake(ctx, c.raw)
	if err != nil {
		c.handshake = maillog.Clean(err.Error())
		return err
	}
	c.overTLS, c.facts.TLS = true, facts
	c.Rebase(over)
	return nil
}

// Secure tells whether nobody can listen: TLS, or a client on this host.
func (c *Client) Secure() bool {
	return c.overTLS || c.client.IsValid() && (c.client.IsLoopback() || c.client == c.local)
}

// MayLogIn tells whether a login may be tried at all, and whether passwords may
// be sent as they are.
func (c *Client) MayLogIn() (any, plaintext bool) {
	any = c.Secure() || !c.srv.TLS.Required()
	return any, any && (c.Secure() || !c.srv.disablePlaintext)
}

// RefusePlaintext notes a password that came where it must not.
func (c *Client) RefusePlaintext(method string) {
	c.refusedPlain, c.method = true, method
}

// Worn tells that the client has failed as often as one may.
func (c *Client) Worn() bool { return c.failed >= c.srv.failures }

// Why puts the end of a conversation into words for the log.
func (c *Client) Why(ctx context.Context, err error) string {
	switch {
	case errors.Is(err, errCrowded):
		return "Connection queue full"
	case errors.Is(err, talk.ErrTimeout):
		return "Inactivity"
	case ctx.Err() != nil:
		return "Server shutting down"
	}
	return "Connection closed"
}

// Facts are what is known of the client.
func (c *Client) Facts() *ipc.AuthFacts { return &c.facts }

// logEnd is the line of a client who has not logged in.
func (c *Client) logEnd(why string) {
	if why != "" {
		why = ": " + why
	}
	secs := int(time.Since(c.began).Seconds())
	var detail string
	switch {
	case c.failed > 0:
		detail = fmt.Sprintf("auth failed, %d attempts in %d secs", c.failed, secs)
	case c.refusedPlain:
		detail = "tried to use disallowed plaintext auth"
	case c.tries > 0:
		detail = fmt.Sprintf("client didn't finish SASL auth, waited %d secs", secs)
	default:
		detail = fmt.Sprintf("no auth attempts in %d secs", secs)
	}
	t := c.line("Disconnected" + why + " (" + detail + "): ")
	t.Note("reason", detail)
	c.elements(&t, 0)
	c.srv.logins.On(maillog.LoginFailure).Write(&t)
}

// line is the beginning of one of the log.
func (c *Client) line(text string) maillog.Text {
	return loginlog.Begin(c.srv.logins, c.srv.Protocol.Name, text)
}

// elements are what a line says of the client.
func (c *Client) elements(t *maillog.Text, pid int) {
	loginlog.Elements(t, &loginlog.Client{
		User: c.user, Method: c.method, Facts: &c.facts, PID: pid, Handshake: c.handshake, Secure: c.Secure(),
	})
}
