package sasl

import (
	"errors"
	"strings"
)

// tokenServer is OAUTHBEARER (RFC 7628, 3) and XOAUTH2. A client whose token is
// refused is told so in a challenge; its answer to that ends the exchange.
type tokenServer struct {
	k       Keeper
	read    func(m string) (user, token string, ok bool)
	refusal string
	why     error // of the refusal
	question
}

func newBearerServer(k Keeper) *tokenServer {
	return &tokenServer{k: k, read: readBearer, refusal: `{"status":"invalid_token"}`}
}

func newXOAUTH2Server(k Keeper) *tokenServer {
	return &tokenServer{k: k, read: readXOAUTH2, refusal: `{"status":"401","schemes":"bearer","scope":"mail"}`}
}

func (s *tokenServer) Next(m []byte) ([]byte, bool, error) {
	if s.why != nil {
		err := s.why
		s.why = nil
		return nil, false, err
	}
	switch ask, err := s.first(m); {
	case err != nil:
		return nil, false, err
	case ask:
		return []byte{}, false, nil
	}
	user, token, ok := s.read(string(m))
	if !ok || !isAuthz(user) || !isToken(token) {
		return nil, false, ErrResponse
	}
	err := s.k.Admit(&Claim{By: ByToken, User: user, Secret: token})
	if errors.Is(err, ErrRefused) {
		s.why = err
		return []byte(s.refusal), false, nil
	}
	return nil, err == nil, err
}

// readBearer reads the client's message (RFC 7628, 3.1):
//
//	n,a=USER,^Ahost=H^Aport=P^Aauth=Bearer TOKEN^A^A
func readBearer(m string) (user, token string, ok bool) {
	header, rest, ok := strings.Cut(m, "\x01")
	f := strings.Split(header, ",")
	if !ok || len(f) != 3 || f[0] != "n" && f[0] != "y" || f[2] != "" {
		return "", "", false
	}
	if f[1] != "" {
		name, found := strings.CutPrefix(f[1], "a=")
		if user, ok = readSaslname(name); !found || !ok {
			return "", "", false
		}
	}
	token, ok = readAuth(rest)
	return user, token, ok
}

// readXOAUTH2 reads user=USER^Aauth=Bearer TOKEN^A^A.
func readXOAUTH2(m string) (user, token string, ok bool) {
	first, rest, ok := strings.Cut(m, "\x01")
	user, found := strings.CutPrefix(first, "user=")
	if !ok || !found {
		return "", "", false
	}
	token, ok = readAuth(rest)
	return user, token, ok
}

// readAuth finds the token among key=value pairs, each of which ^A ends, and
// another one all of them.
func readAuth(pairs string) (token string, ok bool) {
	pairs, ok = strings.CutSuffix(pairs, "\x01\x01")
	if !ok {
		return "", false
	}
	for pair := range strings.SplitSeq(pairs, "\x01") {
		value, found := strings.CutPrefix(pair, "auth=")
		if !found {
			continue
		}
		if token != "" || len(value) < 7 || !strings.EqualFold(value[:7], "Bearer ") {
			return "", false
		}
		token = strings.TrimLeft(value[7:], " ")
	}
	return token, token != ""
}

// isToken tells whether s has the form of a bearer token (RFC 6750, 2.1).
func isToken(s string) bool {
	body := strings.TrimRight(s, "=")
	return body != "" && !strings.ContainsFunc(body, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune("-._~+/", c))
	})
}

// readSaslname undoes saslname; it is false for what that never writes.
func readSaslname(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "=2C"):
			b.WriteByte(',')
			i += 2
		case strings.HasPrefix(s[i:], "=3D"):
			b.WriteByte('=')
			i += 2
		case s[i] == '=' || s[i] == ',':
			return "", false
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), b.Len() > 0
}
