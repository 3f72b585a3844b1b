package ipc

import (
	"encoding/json"
	"testing"
)

// Programs of two versions log people in together while one is replaced.
func TestAuthEncoding(t *testing.T) {
	t.Parallel()
	facts := &AuthFacts{
		Service: "imap", Client: "192.0.2.10", Port: 4242, Local: "192.0.2.1", LPort: 143, Session: "s1",
		TLS: &TLSFacts{Version: "TLSv1.3", Cipher: "c", SNI: "n", Exporter: []byte("e"), CertName: "bob"},
	}
	b, err := json.Marshal([]any{
		AuthRequest{Op: AuthBegin, Exchange: 1, Mechanism: "PLAIN", Response: []byte("r"), Initial: true, Facts: facts},
		AuthRequest{Op: AuthContinue, Exchange: 1, Response: []byte("r")},
		AuthRequest{Op: AuthSession, Exchange: 1, Session: &AuthSessionStart{Entry: "imap", Tag: "a1", Unread: []byte("u"), Secure: true}},
		AuthReply{Exchange: 1, State: AuthGoOn, Challenge: []byte("c")},
		AuthReply{Exchange: 1, State: AuthOK, Mechanisms: []string{"PLAIN"}, User: "bob"},
		AuthReply{Exchange: 1, State: AuthFailed, User: "bob", Code: AuthCodeFailed, Text: "no"},
	})
	const want = `[{"op":"begin","x":1,"mech":"PLAIN","resp":"cg==","initial":true,"facts":{"service":"imap","rip":"192.0.2.10","rport":4242,` +
		`"lip":"192.0.2.1","lport":143,"sid":"s1","tls":{"version":"TLSv1.3","cipher":"c","sni":"n","exporter":"ZQ==","cert":"bob"}}},` +
		`{"op":"continue","x":1,"resp":"cg=="},{"op":"session","x":1,"session":{"entry":"imap","tag":"a1","unread":"dQ==","secure":true}},` +
		`{"x":1,"state":"go on","chal":"Yw=="},{"x":1,"state":"ok","mechs":["PLAIN"],"user":"bob"},` +
		`{"x":1,"state":"failed","user":"bob","code":"AUTHENTICATIONFAILED","text":"no"}]`
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v\nwant %s: bump AuthVersion, and say so in CHANGELOG.md", b, err, want)
	}
}
