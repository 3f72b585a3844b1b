package sasl

import (
	"fmt"
	"strings"
)

// bearer is OAUTHBEARER (RFC 7628, 3.1). A server that refuses the token says
// why in a challenge, and the client answers with a lone separator before the
// exchange fails (3.2.3).
type bearer struct {
	Credentials
	channel Channel
	said    bool
}

func (b *bearer) Next([]byte) ([]byte, bool, error) {
	if b.said {
		return []byte("\x01"), false, nil
	}
	b.said = true
	m := "n,a=" + saslname(b.User) + ",\x01"
	if b.channel.Host != "" {
		m += fmt.Sprintf("host=%s\x01port=%d\x01", b.channel.Host, b.channel.Port)
	}
	return []byte(m + "auth=Bearer " + b.Secret + "\x01\x01"), true, nil
}

// xoauth2 is XOAUTH2, which came before OAUTHBEARER. It too is told why in a
// challenge, and answers with nothing.
type xoauth2 struct {
	Credentials
	said bool
}

func (x *xoauth2) Next([]byte) ([]byte, bool, error) {
	if x.said {
		return []byte{}, false, nil
	}
	x.said = true
	return []byte("user=" + x.User + "\x01auth=Bearer " + x.Secret + "\x01\x01"), true, nil
}

// saslname writes a name as SCRAM and GS2 do (RFC 5802, 5.1).
func saslname(s string) string {
	return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s)
}
