package sasl

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
)

// plain is PLAIN (RFC 4616): [authzid] NUL authcid NUL passwd.
type plain struct {
	Credentials
	said bool
}

func (p *plain) Next([]byte) ([]byte, bool, error) {
	if p.said {
		return nil, false, ErrUnexpected
	}
	p.said = true
	return []byte("\x00" + p.User + "\x00" + p.Secret), true, nil
}

// login is LOGIN: the server asks for the name, then for the password. Servers
// word the questions as they like.
type login struct {
	Credentials
	step int
}

func (l *login) Next([]byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return nil, false, nil
	case 2:
		return []byte(l.User), false, nil
	case 3:
		return []byte(l.Secret), true, nil
	}
	return nil, false, ErrUnexpected
}

// cramMD5 is CRAM-MD5 (RFC 2195, 2): name, space, HMAC-MD5 of the challenge in
// hexadecimal.
type cramMD5 struct {
	Credentials
	step int
}

func (c *cramMD5) Next(challenge []byte) ([]byte, bool, error) {
	c.step++
	switch {
	case c.step == 1:
		return nil, false, nil
	case c.step > 2:
		return nil, false, ErrUnexpected
	case len(challenge) == 0 || len(challenge) > MaxMessage:
		// Whoever may choose the challenge gets the digest of nothing.
		return nil, false, ErrMalformed
	}
	mac := hmac.New(md5.New, []byte(c.Secret))
	mac.Write(challenge)
	return []byte(c.User + " " + hex.EncodeToString(mac.Sum(nil))), true, nil
}
