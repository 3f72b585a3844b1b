package imapd

import (
	"context"

	"yubin/internal/ipc"
	"yubin/internal/login"
)

// login is LOGIN (RFC 9051, 6.2.3): SASL's PLAIN by another name.
func (g *guest) login(ctx context.Context) error {
	if _, plain := g.MayLogIn(); !plain {
		// Refused before a literal with the password is asked for.
		g.RefusePlaintext("PLAIN")
		if err := g.d.Skip(); err != nil {
			return err
		}
		return g.reply("NO", "PRIVACYREQUIRED", "Plaintext authentication disallowed on non-secure (SSL/TLS) connections.")
	}
	g.d.SP()
	user := g.d.AString()
	g.d.SP()
	password := g.d.AString()
	g.d.End()
	if err := g.d.Err(); err != nil {
		return err
	}
	return g.logIn(ctx, "PLAIN", []byte("\x00"+user+"\x00"+password))
}

// authenticate is AUTHENTICATE (RFC 9051, 6.2.2), with an initial response or
// without (RFC 4959).
func (g *guest) authenticate(ctx context.Context) error {
	g.d.SP()
	mechanism := g.d.Keyword()
	var initial []byte
	if g.d.Space() {
		text := g.d.Atom()
		var ok bool
		// "=" is a response that is there and empty.
		if initial, ok = login.InitialResponse(text); !ok {
			g.d.Fail("Invalid base64 data in initial response")
		}
	}
	g.d.End()
	if err := g.d.Err(); err != nil {
		return err
	}
	return g.logIn(ctx, mechanism, initial)
}

func (g *guest) logIn(ctx context.Context, mechanism string, initial []byte) error {
	r, err := g.Login(ctx, mechanism, initial, login.Start{Tag: g.tag}, g.Ask(ctx))
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
	status := "NO"
	if r.Code == ipc.AuthCodeMalformed { // RFC 9051, 6.2.2: cancelled
		status = "BAD"
	}
	if err := g.reply(status, codes[r.Code], text); err != nil {
		return err
	}
	if g.Worn() {
		return g.End("Too many authentication failures", "* BYE Too many authentication failures.")
	}
	return nil
}

// codes are RFC 5530's response codes for ipc's.
var codes = map[string]string{
	ipc.AuthCodeFailed:      "AUTHENTICATIONFAILED",
	ipc.AuthCodeAuthz:       "AUTHORIZATIONFAILED",
	ipc.AuthCodeExpired:     "EXPIRED",
	ipc.AuthCodePrivacy:     "PRIVACYREQUIRED",
	ipc.AuthCodeUnavailable: "UNAVAILABLE",
	ipc.AuthCodeDisabled:    "CONTACTADMIN",
}
