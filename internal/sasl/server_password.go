package sasl

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// A question is a server's part that asks for one response and decides. A client
// may have sent it with the command.
type question struct {
	asked bool
	done  bool
}

// first tells whether to send an empty challenge, because there is no response
// yet, and whether anything may be said at all.
func (q *question) first(m []byte) (ask bool, err error) {
	switch {
	case q.done:
		return false, ErrUnexpected
	case m == nil && !q.asked:
		q.asked = true
		return true, nil
	case len(m) > MaxMessage:
		return false, ErrResponse
	}
	q.done = true
	return false, nil
}

// plainServer is PLAIN: [authzid] NUL authcid NUL passwd (RFC 4616, 2).
type plainServer struct {
	k Keeper
	question
}

func (p *plainServer) Next(m []byte) ([]byte, bool, error) {
	switch ask, err := p.first(m); {
	case err != nil:
		return nil, false, err
	case ask:
		return []byte{}, false, nil
	}
	f := strings.Split(string(m), "\x00")
	if len(f) != 3 || !isAuthz(f[0]) || !isName(f[1]) {
		return nil, false, ErrResponse
	}
	err := p.k.Admit(&Claim{By: ByPassword, Authz: f[0], User: f[1], Secret: f[2]})
	return nil, err == nil, err
}

// loginServer is LOGIN. The questions are those that clients expect; a name that
// comes with the command answers the first.
type loginServer struct {
	k    Keeper
	step int
	user string
}

func (l *loginServer) Next(m []byte) ([]byte, bool, error) {
	if l.step == 0 && m == nil {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	l.step = max(l.step, 1) + 1
	switch {
	case l.step > 3:
		return nil, false, ErrUnexpected
	case len(m) > MaxMessage:
		return nil, false, ErrResponse
	case l.step == 2:
		if l.user = string(m); !isName(l.user) {
			return nil, false, ErrResponse
		}
		return []byte("Password:"), false, nil
	}
	if strings.ContainsRune(string(m), 0) {
		return nil, false, ErrResponse
	}
	err := l.k.Admit(&Claim{By: ByPassword, User: l.user, Secret: string(m)})
	return nil, err == nil, err
}

// cramMD5Server is CRAM-MD5 (RFC 2195, 2). The challenge has the form of a
// message identifier.
type cramMD5Server struct {
	k         Keeper
	host      string
	challenge string
	done      bool
}

func (c *cramMD5Server) Next(m []byte) ([]byte, bool, error) {
	switch {
	case c.done:
		return nil, false, ErrUnexpected
	case c.challenge == "":
		if len(m) > 0 {
			return nil, false, ErrResponse
		}
		c.challenge = "<" + rand.Text() + "@" + c.host + ">"
		return []byte(c.challenge), false, nil
	}
	c.done = true
	i := strings.LastIndexByte(string(m), ' ')
	if i < 0 || len(m) > MaxMessage || !isName(string(m[:i])) {
		return nil, false, ErrResponse
	}
	user := string(m[:i])
	digest, err := hex.DecodeString(string(m[i+1:]))
	if err != nil || len(digest) != md5.Size {
		return nil, false, ErrResponse
	}
	secret, err := c.k.Plaintext(user)
	if err != nil {
		return nil, false, err
	}
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write([]byte(c.challenge))
	if !hmac.Equal(digest, mac.Sum(nil)) {
		return nil, false, ErrRefused
	}
	err = c.k.Admit(&Claim{By: BySecret, User: user})
	return nil, err == nil, err
}

// externalServer is EXTERNAL (RFC 4422, A): who the client is was seen by TLS.
type externalServer struct {
	k    Keeper
	name string
	question
}

func (e *externalServer) Next(m []byte) ([]byte, bool, error) {
	switch ask, err := e.first(m); {
	case err != nil:
		return nil, false, err
	case ask:
		return []byte{}, false, nil
	}
	if !isAuthz(string(m)) || !isName(e.name) {
		return nil, false, ErrResponse
	}
	err := e.k.Admit(&Claim{By: ByCertificate, User: e.name, Authz: string(m)})
	return nil, err == nil, err
}
