// Package loginlog has the lines of the log about who logs in, in Dovecot's words:
// the login process writes them, or master in its place.
package loginlog

import (
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A Client is whom a line is about.
type Client struct {
	User, Method string
	Facts        *ipc.AuthFacts
	PID          int    // of the session process
	Handshake    string // why there is no TLS
	Secure       bool   // as good as TLS
}

// Begin begins a line of a protocol's login process.
func Begin(log *maillog.Logger, protocol, text string) maillog.Text {
	t := log.Text(192)
	t.Field("service", protocol+"-login")
	t.Say(": " + text)
	return t
}

// Elements are what a line says of the client, in the order of Dovecot's
// login_log_format_elements. An element that is empty is left out.
func Elements(t *maillog.Text, c *Client) {
	t.Address("", "user", c.User)
	if c.Method != "" {
		t.Pair(", ", "method", c.Method)
	}
	t.Pair(", ", "rip", c.Facts.Client)
	t.Pair(", ", "lip", c.Facts.Local)
	if c.PID != 0 {
		t.Number(", ", "mpid", int64(c.PID))
	}
	switch {
	case c.Facts.TLS != nil:
		t.Say(", TLS")
		t.Note("secured", "TLS")
	case c.Handshake != "":
		t.Say(", TLS handshaking: " + c.Handshake)
	case c.Secure:
		t.Say(", secured")
		t.Note("secured", "local")
	}
	t.Address(", ", "session", c.Facts.Session)
}
