package passdb

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"

	"github.com/go-crypt/x/argon2"
	"github.com/go-crypt/x/bcrypt"
	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
)

// What a hash may cost. Somebody who can write a password file must not be able
// to stop all logins with one line of it. Each bound is some two seconds of one
// processor, or maxMemory.
const (
	maxMemory     = 256 << 20 // octets
	maxSHARounds  = 5_000_000
	maxBcryptCost = 15
	maxIterations = 5_000_000 // PBKDF2, SCRAM
	maxArgonWork  = 8 << 20   // passes over a KiB
	maxArgonLanes = 64
)

// Rounds up to which a hash is checked at once, without a wait behind dear ones.
const (
	cheapSHARounds  = 20_000
	cheapIterations = 30_000
)

// parseSHACrypt reads $6$[rounds=N$]salt$hash (sha512-crypt) and $5$ (sha256-crypt).
func parseSHACrypt(data string) (verifier, error) {
	newHash, size := func() hash.Hash { return sha512.New() }, 86
	if strings.HasPrefix(data, "$5$") {
		newHash, size = sha256.New, 43
	}
	f := strings.Split(data[3:], "$")
	rounds := 5000
	if text, ok := strings.CutPrefix(f[0], "rounds="); ok {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return verifier{}, errForm
		}
		rounds, f = max(int(n), 1000), f[1:] // as crypt(3): below counts as 1000
	}
	if len(f) != 2 || len(f[1]) != size {
		return verifier{}, errForm
	}
	if rounds > maxSHARounds {
		return verifier{}, errTooDear
	}
	salt, want := []byte(f[0][:min(len(f[0]), 16)]), []byte(f[1])
	return verifier{rounds > cheapSHARounds, func(password string) bool {
		return equal(crypt.KeySHACrypt(newHash, []byte(password), salt, rounds), want)
	}}, nil
}

// parseMD5Crypt reads $1$salt$hash.
func parseMD5Crypt(data string) (verifier, error) {
	f := strings.Split(data[3:], "$")
	if len(f) != 2 || len(f[1]) != 22 {
		return verifier{}, errForm
	}
	salt, want := []byte(f[0][:min(len(f[0]), 8)]), []byte(f[1])
	return verifier{false, func(password string) bool {
		return equal(crypt.KeyMD5Crypt([]byte(password), salt), want)
	}}, nil
}

// parseBcrypt reads $2b$COST$salthash.
func parseBcrypt(data string) (verifier, error) {
	f := strings.Split(data[1:], "$")
	if len(f) != 3 || len(f[1]) != 2 || len(f[2]) != bcrypt.EncodedSaltSize+bcrypt.EncodedHashSize {
		return verifier{}, errForm
	}
	cost, err := strconv.ParseUint(f[1], 10, 8)
	if err != nil || cost < 4 || cost > 31 {
		return verifier{}, errForm
	}
	if cost > maxBcryptCost {
		return verifier{}, errTooDear
	}
	salt, err := bcrypt.Base64Decode([]byte(f[2][:bcrypt.EncodedSaltSize]))
	if err != nil || len(salt) != 16 {
		return verifier{}, errForm
	}
	want := []byte(f[2][bcrypt.EncodedSaltSize:])
	return verifier{true, func(password string) bool {
		// Only the first 72 octets count, as everywhere.
		key, err := bcrypt.Key([]byte(password[:min(len(password), 72)]), salt, int(cost))
		return err == nil && equal(key, want)
	}}, nil
}

// parseYescrypt reads $y$PARAMETERS$salt$hash. The library checks the
// parameters again.
func parseYescrypt(data string) (verifier, error) {
	f := strings.Split(data, "$")
	if len(f) != 5 || len(f[2]) != 3 || f[2][0] != 'j' || len(f[3]) > 86 || len(f[4]) != 43 {
		return verifier{}, errForm
	}
	_, log2, r, err := yescrypt.DecodeSetting([]byte(f[2]))
	switch {
	case err != nil || log2 < 10 || r > 64 || yescrypt.Decode64([]byte(f[3])) == nil && f[3] != "":
		return verifier{}, errForm
	case log2 > 18 || r > 32 || 128*r<<log2 > maxMemory:
		return verifier{}, errTooDear
	}
	return verifier{true, func(password string) bool {
		got, err := yescrypt.Hash([]byte(password), []byte(data))
		return err == nil && equal(string(got), data)
	}}, nil
}

// parseArgon2 reads $argon2id$v=19$m=KIB,t=PASSES,p=LANES$salt$key.
func parseArgon2(data string) (verifier, error) {
	f := strings.Split(data[1:], "$")
	if len(f) != 5 || f[1] != "v=19" {
		return verifier{}, errForm
	}
	var m, t, p uint64
	for _, field := range strings.Split(f[2], ",") {
		name, text, _ := strings.Cut(field, "=")
		to, ok := map[string]*uint64{"m": &m, "t": &t, "p": &p}[name]
		n, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil {
			return verifier{}, errForm
		}
		*to = n
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[3])
	want, err2 := base64.RawStdEncoding.DecodeString(f[4])
	switch {
	case err1 != nil || err2 != nil || len(salt) < 8 || len(want) < 4 || len(want) > 512 || t == 0 || p == 0 || m < 8*p:
		return verifier{}, errForm
	case m<<10 > maxMemory || m*t > maxArgonWork || p > maxArgonLanes:
		return verifier{}, errTooDear
	}
	key := argon2.IDKey
	if f[0] == "argon2i" {
		key = argon2.IKey
	}
	return verifier{true, func(password string) bool {
		return equal(key([]byte(password), salt, uint32(t), uint32(m), uint32(p), uint32(len(want))), want)
	}}, nil
}
