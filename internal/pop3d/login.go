package pop3d

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/login"
	"yubin/internal/talk"
)

// A guest is a client in the AUTHORIZATION state.
type guest struct {
	*login.Conversation
	user string // USER
	utf8 bool
}

// A loginCommand is a row of the AUTHORIZATION state. An error is one of the
// connection.
type loginCommand struct {
	verb string
	run  func(g *guest, ctx context.Context, args string) error
}

// loginCommands returns the table; a variable could not hold functions that
// lead back to it.
func loginCommands() []loginCommand {
	return []loginCommand{
		{"CAPA", (*guest).capa}, // RFC 2449, 5
		{"STLS", (*guest).stls}, // RFC 2595, 4
		{"USER", (*guest).name}, // RFC 1939, 7
		{"PASS", (*guest).pass}, // RFC 1939, 7
		{"AUTH", (*guest).auth}, // RFC 5034, 4
		{"UTF8", (*guest).eight},
		{"LANG", (*guest).lang}, // RFC 6856, 2 and 3
		{"NOOP", (*guest).noop},
		{"QUIT", (*guest).quit}, // RFC 1939, 5
	}
}

// dialogue is the login role's part of a connection.
func dialogue(hardErrors int) func(context.Context, *login.Client) string {
	commands := loginCommands()
	return func(ctx context.Context, c *login.Client) string {
		g := &guest{Conversation: &login.Conversation{Client: c, BadLimit: hardErrors, TooBad: "Too many invalid commands.", Bye: "-ERR"}}
		g.Printf("+OK %s\r\n", c.Greeting())
		return g.Hold(ctx, func(ctx context.Context) error { return g.step(ctx, commands) })
	}
}

func (g *guest) step(ctx context.Context, commands []loginCommand) error {
	line, err := g.Next(ctx, loginLine)
	if errors.Is(err, talk.ErrLong) {
		g.Bad++
		return g.Printf("-ERR Line too long.\r\n")
	}
	if err != nil {
		return err
	}
	verb, args := split(line)
	i := slices.IndexFunc(commands, func(c loginCommand) bool { return c.verb == verb })
	if i < 0 {
		g.Bad++
		return g.Printf("-ERR Unknown command.\r\n")
	}
	return commands[i].run(g, ctx, args)
}

// fault answers a command that is malformed.
func (g *guest) fault(text string) error {
	g.Bad++
	return g.Printf("-ERR %s\r\n", text)
}

// bothStates are the capabilities that hold before and after login.
var bothStates = []string{"TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "EXPIRE NEVER", "LOGIN-DELAY 0", "UTF8 USER", "LANG"}

func (g *guest) capa(ctx context.Context, _ string) error {
	list := slices.Clone(bothStates)
	if _, offered := g.TLS(ctx); offered {
		list = append(list, "STLS")
	}
	if _, plain := g.MayLogIn(); plain {
		list = append(list, "USER")
	}
	if m := g.Mechanisms(ctx); len(m) > 0 {
		list = append(list, "SASL "+strings.Join(m, " "))
	}
	return g.Printf("+OK Capability list follows\r\nCAPA\r\n%s\r\nIMPLEMENTATION Yubin\r\n.\r\n", strings.Join(list, "\r\n"))
}

func (g *guest) stls(ctx context.Context, _ string) error {
	active, offered := g.TLS(ctx)
	switch {
	case active:
		return g.fault("TLS is already active.")
	case !offered:
		return g.fault("TLS support isn't enabled.")
	case g.utf8: // RFC 6856, 2.1
		return g.fault("STLS must come before UTF8.")
	}
	if err := g.Printf("+OK Begin TLS negotiation now.\r\n"); err != nil {
		return err
	}
	// RFC 2595, 4: what was learned before counts no more.
	g.user = ""
	return g.StartTLS(ctx)
}

func (g *guest) eight(context.Context, string) error {
	g.utf8 = true
	return g.Printf("+OK UTF8 enabled\r\n")
}

func (g *guest) lang(_ context.Context, args string) error { return lang(g.Conn, args) }

func (g *guest) noop(context.Context, string) error { return g.Printf("+OK\r\n") }

func (g *guest) quit(context.Context, string) error {
	return g.End("Logged out", "+OK Logging out")
}

// protocol is the login role.
func protocol(c *config.Config) login.Protocol {
	return login.Protocol{
		Name: "pop3", Program: "pop3d",
		LoginTimeout: config.Pop3dLoginTimeout, SessionTimeout: config.Pop3dTimeout,
		DisablePlaintext: config.Pop3dDisablePlaintextAuth,
		Proxy:            config.Pop3dUpstreamProxyProtocol, ProxyTimeout: config.Pop3dUpstreamProxyTimeout,
		Dialogue: dialogue(config.Pop3dHardErrorLimit.Of(c)),
		Panic:    func(c net.Conn) { fmt.Fprint(c, "-ERR [SYS/TEMP] Internal error\r\n") },
	}
}
