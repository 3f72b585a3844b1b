package pop3d

import (
	"context"
	"errors"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/login"
	"yubin/internal/talk"
)

const noPlaintext = "[AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections."

// name is USER.
func (g *guest) name(_ context.Context, args string) error {
	g.user = ""
	if _, plain := g.MayLogIn(); !plain {
		g.RefusePlaintext("PLAIN")
		return g.Printf("-ERR %s\r\n", noPlaintext)
	}
	if args == "" || strings.ContainsRune(args, 0) {
		return g.fault("No user name.")
	}
	g.user = args
	return g.Printf("+OK\r\n")
}

// pass is PASS: SASL's PLAIN by another name.
func (g *guest) pass(ctx context.Context, args string) error {
	user := g.user
	g.user = ""
	switch {
	case user == "":
		return g.fault("No username given.")
	case strings.ContainsRune(args, 0):
		return g.fault("No password has a NUL.")
	}
	return g.logIn(ctx, "PLAIN", []byte("\x00"+user+"\x00"+args))
}

// auth is AUTH; without a mechanism it lists them.
func (g *guest) auth(ctx context.Context, args string) error {
	mechanism, initial, _ := strings.Cut(args, " ")
	if mechanism == "" {
		list := ""
		for _, m := range g.Mechanisms(ctx) {
			list += m + "\r\n"
		}
		return g.Printf("+OK\r\n%s.\r\n", list)
	}
	var response []byte
	if initial = strings.TrimSpace(initial); initial != "" {
		var ok bool
		// RFC 5034, 4: "=" is a response that is there and empty.
		if response, ok = login.InitialResponse(initial); !ok {
			return g.fault("Invalid base64 data in initial response")
		}
	}
	return g.logIn(ctx, strings.ToUpper(mechanism), response)
}

// ask sends a challenge and returns the response.
func (g *guest) ask(ctx context.Context) func([]byte) ([]byte, error) {
	ask := g.Ask(ctx)
	return func(challenge []byte) ([]byte, error) {
		response, err := ask(challenge)
		if errors.Is(err, talk.ErrLong) {
			g.Bad++
		}
		return response, err
	}
}

func (g *guest) logIn(ctx context.Context, mechanism string, initial []byte) error {
	start := login.Start{}
	if g.utf8 {
		start.Enabled = []string{"UTF8"}
	}
	r, err := g.Login(ctx, mechanism, initial, start, g.ask(ctx))
	if err != nil {
		return err
	}
	if r.In {
		g.Over = true
		return nil
	}
	text := r.Text
	if text == "" {
		text = "Authentication failed."
	}
	if code := codes[r.Code]; code != "" {
		text = "[" + code + "] " + text
	}
	if g.Worn() {
		return g.End("Too many authentication failures", "-ERR "+text)
	}
	return g.Printf("-ERR %s\r\n", text)
}

// codes are POP3's response codes (RFC 3206, 4) for ipc's.
var codes = map[string]string{
	ipc.AuthCodeFailed:      "AUTH",
	ipc.AuthCodeAuthz:       "AUTH",
	ipc.AuthCodeExpired:     "AUTH",
	ipc.AuthCodePrivacy:     "AUTH",
	ipc.AuthCodeUnavailable: "SYS/TEMP",
	ipc.AuthCodeDisabled:    "SYS/PERM",
}
