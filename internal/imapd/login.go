package imapd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"yubin/internal/config"
	"yubin/internal/imap"
	"yubin/internal/login"
)

// A guest is a client who has not logged in.
type guest struct {
	*login.Conversation
	d   *imap.Decoder
	tag string
}

// loginLimits bound a command before login. Initial responses may be long
// (tickets, tokens).
var loginLimits = imap.Limits{Command: 24 << 10, Literal: 4 << 10, Nesting: 4}

// loginCommands returns the table of what may be said before login. A command
// reads its arguments; its error is a *imap.SyntaxError or one of the connection.
func loginCommands() map[string]func(*guest, context.Context) error {
	return map[string]func(*guest, context.Context) error{
		"CAPABILITY":   (*guest).capability,
		"NOOP":         (*guest).noop,
		"LOGOUT":       (*guest).logout,
		"ID":           (*guest).id,
		"STARTTLS":     (*guest).startTLS,
		"AUTHENTICATE": (*guest).authenticate,
		"LOGIN":        (*guest).login,
	}
}

// dialogue is the login role's part of a connection.
func dialogue(hardErrors int) func(context.Context, *login.Client) string {
	table := loginCommands()
	return func(ctx context.Context, c *login.Client) string {
		g := &guest{Conversation: &login.Conversation{Client: c, BadLimit: hardErrors, TooBad: "Too many invalid IMAP commands.", Bye: "* BYE"}}
		g.d = imap.NewDecoder(c.Conn, loginLimits, func() error { return g.Printf("+ OK\r\n") })
		g.d.AcceptUTF8()
		g.Printf("* OK [CAPABILITY %s] %s\r\n", g.capabilities(ctx), c.Greeting())
		return g.Hold(ctx, func(ctx context.Context) error { return g.step(ctx, table) })
	}
}

// step reads a command and answers it.
func (g *guest) step(ctx context.Context, table map[string]func(*guest, context.Context) error) error {
	g.d.Begin()
	g.tag = g.d.Tag()
	g.d.SP()
	run := table[g.d.Keyword()]
	if run == nil {
		g.d.Fail("Unknown command, or not before login")
	}
	err := g.d.Err()
	if err == nil {
		err = run(g, ctx)
	}
	var syntax *imap.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	g.Bad++
	if err := g.d.Skip(); err != nil {
		return err
	}
	return g.reply("BAD", "", syntax.Text)
}

// reply is the tagged response.
func (g *guest) reply(status, code, text string) error {
	return g.Printf("%s", tagged(g.tag, status, code, text))
}

// tagged is a response to a command, whose tag may be missing.
func tagged(tag, status, code, text string) string {
	if tag == "" {
		tag = "*"
	}
	if code != "" {
		code = "[" + code + "] "
	}
	return fmt.Sprintf("%s %s %s%s\r\n", tag, status, code, text)
}

// only takes the end of a command without arguments.
func (g *guest) only() error {
	g.d.End()
	return g.d.Err()
}

func (g *guest) capabilities(ctx context.Context) string {
	list := loginCapabilities
	if _, offered := g.TLS(ctx); offered {
		list += " STARTTLS"
	}
	if _, plain := g.MayLogIn(); !plain {
		list += " LOGINDISABLED"
	}
	for _, m := range g.Mechanisms(ctx) {
		list += " AUTH=" + m
	}
	return list
}

func (g *guest) capability(ctx context.Context) error {
	if err := g.only(); err != nil {
		return err
	}
	g.Printf("* CAPABILITY %s\r\n", g.capabilities(ctx))
	return g.reply("OK", "", "Pre-login capabilities listed, post-login capabilities have more.")
}

func (g *guest) noop(context.Context) error {
	if err := g.only(); err != nil {
		return err
	}
	return g.reply("OK", "", "NOOP completed.")
}

func (g *guest) logout(context.Context) error {
	if err := g.only(); err != nil {
		return err
	}
	g.Printf("* BYE Logging out\r\n")
	return g.End("Logged out", strings.TrimSuffix(tagged(g.tag, "OK", "", "Logout completed."), "\r\n"))
}

func (g *guest) id(context.Context) error {
	readID(g.d)
	if err := g.d.Err(); err != nil {
		return err
	}
	g.Printf("%s", serverID)
	return g.reply("OK", "", "ID completed.")
}

// startTLS is RFC 9051, 6.2.1: what came in the clear behind it is forgotten.
func (g *guest) startTLS(ctx context.Context) error {
	if err := g.only(); err != nil {
		return err
	}
	switch active, offered := g.TLS(ctx); {
	case active:
		return g.reply("BAD", "", "TLS is already active.")
	case !offered:
		return g.reply("BAD", "", "TLS support isn't enabled.")
	}
	if err := g.reply("OK", "", "Begin TLS negotiation now."); err != nil {
		return err
	}
	return g.StartTLS(ctx)
}

// protocol is the login role.
func protocol(c *config.Config) login.Protocol {
	return login.Protocol{
		Name: "imap", Program: "imapd",
		LoginTimeout: config.ImapdLoginTimeout, SessionTimeout: config.ImapdTimeout,
		DisablePlaintext: config.ImapdDisablePlaintextAuth,
		Proxy:            config.ImapdUpstreamProxyProtocol, ProxyTimeout: config.ImapdUpstreamProxyTimeout,
		Dialogue: dialogue(config.ImapdHardErrorLimit.Of(c)),
		Panic:    func(c net.Conn) { fmt.Fprint(c, "* BYE [SERVERBUG] Internal error\r\n") },
	}
}
