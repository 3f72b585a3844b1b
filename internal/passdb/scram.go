package passdb

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"yubin/internal/sasl"
)

// A Verifier is what a SCRAM server keeps of a password (RFC 5802, 3): it can
// check the client's proof, and cannot log in elsewhere.
type Verifier struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// ErrNoVerifier is the error of a password that is kept in a form from which
// what a mechanism needs cannot be computed.
var ErrNoVerifier = errors.New("the stored password is of no use to this mechanism")

// hashes are those that SCRAM mechanisms name.
var hashes = map[string]func() hash.Hash{"SHA-1": sha1.New, "SHA-256": sha256.New}

// minIterations is the count that RFC 7677, 4 asks for at least.
const minIterations = 4096

// SCRAM returns what a SCRAM mechanism with that hash ("SHA-256", "SHA-1") needs
// of a user: from {SCRAM-...} as it is kept, or from {PLAIN}. ErrNoVerifier: the
// password is kept in another form.
func (h *Hasher) SCRAM(c *Credential, name string) (*Verifier, error) {
	switch c.Scheme {
	case "SCRAM-" + name:
		_, _, data, err := splitScheme(c.Hash)
		if err != nil {
			return nil, err
		}
		return readVerifier(name, data)
	case "PLAIN", "CLEAR", "CLEARTEXT":
		password, err := Plain(c)
		if err != nil {
			return nil, err
		}
		// The same salt each time: another one would tell that there is a
		// password in the clear.
		return makeVerifier(name, password, h.Salt(c.User), minIterations)
	}
	return nil, ErrNoVerifier
}

// Plain returns the password of a user, where that is kept: CRAM-MD5 needs it.
func Plain(c *Credential) (string, error) {
	name, encoding, data, err := splitScheme(c.Hash)
	switch {
	case err != nil:
		return "", err
	case name != "PLAIN" && name != "CLEAR" && name != "CLEARTEXT":
		return "", ErrNoVerifier
	case encoding != "":
		b, err := decodeText(data, encoding)
		return string(b), err
	}
	return data, nil
}

// Salt is a salt of a user's own that stays the same as long as the Hasher's key
// does, and that others cannot foresee.
func (h *Hasher) Salt(user string) []byte {
	return mac(sha256.New, h.key, user)[:16]
}

func makeVerifier(name, password string, salt []byte, iterations int) (*Verifier, error) {
	newHash := hashes[name]
	salted, err := pbkdf2.Key(newHash, sasl.Prepare(password), salt, iterations, newHash().Size())
	if err != nil {
		return nil, err
	}
	stored := newHash()
	stored.Write(mac(newHash, salted, "Client Key"))
	return &Verifier{salt, iterations, stored.Sum(nil), mac(newHash, salted, "Server Key")}, nil
}

// readVerifier reads Dovecot's iterations,salt,stored key,server key.
func readVerifier(name, data string) (*Verifier, error) {
	f := strings.Split(data, ",")
	if len(f) != 4 {
		return nil, errForm
	}
	n, err := strconv.ParseUint(f[0], 10, 31)
	if err != nil || n == 0 {
		return nil, errForm
	}
	if n > maxIterations {
		return nil, errTooDear
	}
	v := &Verifier{Iterations: int(n)}
	size := hashes[name]().Size()
	for i, to := range []*[]byte{&v.Salt, &v.StoredKey, &v.ServerKey} {
		b, err := base64.StdEncoding.DecodeString(f[i+1])
		if err != nil || i > 0 && len(b) != size || len(b) == 0 {
			return nil, errForm
		}
		*to = b
	}
	return v, nil
}

func (v *Verifier) String() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%d,%s,%s,%s", v.Iterations, b64(v.Salt), b64(v.StoredKey), b64(v.ServerKey))
}

func parseSCRAM(name string) func(string) (verifier, error) {
	return func(data string) (verifier, error) {
		v, err := readVerifier(name, data)
		if err != nil {
			return verifier{}, err
		}
		return verifier{v.Iterations > cheapIterations, func(password string) bool {
			w, err := makeVerifier(name, password, v.Salt, v.Iterations)
			return err == nil && equal(w.StoredKey, v.StoredKey) && equal(w.ServerKey, v.ServerKey)
		}}, nil
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
