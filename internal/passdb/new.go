package passdb

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"crypto/sha512"

	"github.com/go-crypt/x/argon2"
	"github.com/go-crypt/x/bcrypt"
	"github.com/go-crypt/x/crypt"
)

// What new hashes cost: some ten milliseconds for those that one may want on a
// server that many people log in to, and what their own standards name for the
// dear ones.
const (
	newIterations = 4096 // RFC 7677, 4: the client computes them too, at each login
	newSHARounds  = 5000 // crypt(3)'s default
	newBcryptCost = 10
	argonMemory   = 19 << 10 // KiB
	argonPasses   = 2
)

// Make returns what is to be stored of a password under a scheme of
// password_scheme.
func Make(scheme, password string) (string, error) {
	if password == "" || len(password) > maxSecret || strings.ContainsAny(password, "\x00\r\n") {
		return "", fmt.Errorf("want a password of 1 to %d octets, on one line", maxSecret)
	}
	switch strings.ToLower(scheme) {
	case "scram-sha-256":
		v, err := makeVerifier("SHA-256", password, random(16), newIterations)
		if err != nil {
			return "", err
		}
		return "{SCRAM-SHA-256}" + v.String(), nil
	case "sha512-crypt":
		salt := []byte(text64(random(16)))
		key := crypt.KeySHACrypt(sha512.New, []byte(password), salt, newSHARounds)
		return fmt.Sprintf("{SHA512-CRYPT}$6$%s$%s", salt, key), nil
	case "blf-crypt":
		if len(password) > 72 {
			return "", errors.New("BLF-CRYPT takes passwords of 72 octets at most")
		}
		salt := random(16)
		key, err := bcrypt.Key([]byte(password), salt, newBcryptCost)
		return fmt.Sprintf("{BLF-CRYPT}$2b$%02d$%s%s", newBcryptCost, bcrypt.Base64Encode(salt), key), err
	case "argon2id":
		salt := random(16)
		key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, 1, 32)
		b64 := base64.RawStdEncoding.EncodeToString
		return fmt.Sprintf("{ARGON2ID}$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", argonMemory, argonPasses, b64(salt), b64(key)), nil
	}
	return "", fmt.Errorf("no new passwords are made under the scheme %q", scheme)
}

// text64 writes each octet as a character that crypt(3) has in salts.
func text64(b []byte) string {
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = alphabet[c%64]
	}
	return string(out)
}

// decoy makes a Credential that resembles one with that stored password: as
// dear to check, its own salt, and nothing that opens it.
func (h *Hasher) decoy(user, stored string) *Credential {
	c := &Credential{User: user, Hash: stored, Fields: map[string]string{}, NoAccount: ErrUnknown}
	name, _, data, err := splitScheme(stored)
	if err != nil {
		return nil
	}
	c.Scheme = name
	switch hash, scram := strings.CutPrefix(name, "SCRAM-"); {
	case scram:
		v, err := readVerifier(hash, data)
		if err != nil {
			return nil
		}
		size := len(v.StoredKey)
		v.Salt = mac(hashes["SHA-256"], h.key, user)[:min(len(v.Salt), 32)]
		v.StoredKey, v.ServerKey = random(size), random(size)
		c.Hash = "{" + name + "}" + v.String()
	case name == "PLAIN", name == "CLEAR", name == "CLEARTEXT":
		c.Hash = "{PLAIN}" + strconv.Quote(string(random(32)))
	}
	return c
}
