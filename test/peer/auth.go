package peer

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// An Auth answers AUTH: args are what stands behind the verb; ask gives a
// challenge, in base64, and returns the client's line. Its value is the last
// reply.
type Auth func(args string, ask func(challenge string) string) string

// The replies of Password.
const (
	Welcome = "235 2.7.0 Authentication successful"
	Refused = "535 5.7.8 Error: authentication failed"
)

// Password takes one user by PLAIN, LOGIN and CRAM-MD5.
func Password(user, password string) Auth {
	return func(args string, ask func(string) string) string {
		mechanism, initial, ok := strings.Cut(args, " ")
		said := func(challenge string) string {
			line := initial
			if !ok {
				line = ask(base64.StdEncoding.EncodeToString([]byte(challenge)))
			}
			ok = false
			b, _ := base64.StdEncoding.DecodeString(line)
			return string(b)
		}
		good := false
		switch strings.ToUpper(mechanism) {
		case "PLAIN":
			good = said("") == "\x00"+user+"\x00"+password
		case "LOGIN":
			good = said("Username:") == user
			good = said("Password:") == password && good
		case "CRAM-MD5":
			const challenge = "<17.42@peer.test>"
			mac := hmac.New(md5.New, []byte(password))
			mac.Write([]byte(challenge))
			good = said(challenge) == user+" "+hex.EncodeToString(mac.Sum(nil))
		default:
			return "504 5.5.4 unknown mechanism"
		}
		if good {
			return Welcome
		}
		return Refused
	}
}

// auth carries out AUTH.
func (s *session) auth(args string) {
	if s.p.o.Auth == nil {
		s.reply([]string{"AUTH"}, "502 5.5.1 no AUTH here")
		return
	}
	last := s.p.o.Auth(args, func(challenge string) string {
		s.write("334 " + challenge)
		line, err := s.r.ReadString('\n')
		s.over = s.over || err != nil
		return strings.TrimRight(line, "\r\n")
	})
	s.authed = s.reply([]string{"AUTH"}, last)
}
