package passdb

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
)

// digests are the hash functions that names speak of.
var digests = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New,
}

// parseDigest reads a digest of the password, with a salt behind it (RFC 2307
// and its kin).
func parseDigest(name string, salted bool) func(string) (verifier, error) {
	newHash := digests[name]
	return func(data string) (verifier, error) {
		size := newHash().Size()
		want, salt := data[:size], data[size:]
		if salted != (salt != "") {
			return verifier{}, errForm
		}
		return verifier{false, func(password string) bool {
			h := newHash()
			h.Write([]byte(password))
			h.Write([]byte(salt))
			return equal(string(h.Sum(nil)), want)
		}}, nil
	}
}

// pbkdf2Verifier checks by PBKDF2 (RFC 8018, 5.2).
func pbkdf2Verifier(newHash func() hash.Hash, salt []byte, rounds string, want []byte) (verifier, error) {
	n, err := strconv.ParseUint(rounds, 10, 32)
	switch {
	case err != nil || n == 0 || len(want) < 16 || len(want) > 64:
		return verifier{}, errForm
	case n > maxIterations:
		return verifier{}, errTooDear
	}
	return verifier{n > cheapIterations, func(password string) bool {
		key, err := pbkdf2.Key(newHash, password, salt, int(n), len(want))
		return err == nil && equal(key, want)
	}}, nil
}

// parsePBKDF2 reads Dovecot's $1$salt$rounds$hexadecimal, with SHA-1, or the
// modular form.
func parsePBKDF2(data string) (verifier, error) {
	if strings.HasPrefix(data, "$pbkdf2") {
		return parseModularPBKDF2(data)
	}
	f := strings.Split(data, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "1" {
		return verifier{}, errForm
	}
	want, err := hex.DecodeString(f[4])
	if err != nil {
		return verifier{}, errForm
	}
	return pbkdf2Verifier(sha1.New, []byte(f[2]), f[3], want)
}

// parseModularPBKDF2 reads $pbkdf2-sha512$rounds$salt$key, as passlib and others
// write it: base64 with "." for "+".
func parseModularPBKDF2(data string) (verifier, error) {
	f := strings.Split(data[1:], "$")
	newHash, ok := map[string]func() hash.Hash{
		"pbkdf2": sha1.New, "pbkdf2-sha1": sha1.New, "pbkdf2-sha256": sha256.New, "pbkdf2-sha512": sha512.New,
	}[f[0]]
	if !ok || len(f) != 4 {
		return verifier{}, errForm
	}
	decode := func(s string) ([]byte, error) {
		return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.ReplaceAll(s, ".", "+"), "="))
	}
	salt, err1 := decode(f[2])
	want, err2 := decode(f[3])
	if err1 != nil || err2 != nil {
		return verifier{}, errForm
	}
	return pbkdf2Verifier(newHash, salt, f[1], want)
}

// parseCRAM reads Dovecot's {CRAM-MD5}: the two states that HMAC-MD5 has taken
// from the key, outer before inner, 64 hexadecimal digits.
func parseCRAM(data string) (verifier, error) {
	want, err := hex.DecodeString(data)
	if err != nil || len(want) != 2*md5.Size {
		return verifier{}, errForm
	}
	return verifier{false, func(password string) bool { return equal(cramState(password), want) }}, nil
}

// cramState is what {CRAM-MD5} keeps of a password.
func cramState(password string) []byte {
	key := []byte(password)
	if len(key) > md5.BlockSize {
		sum := md5.Sum(key)
		key = sum[:]
	}
	var state []byte
	for _, pad := range []byte{0x5c, 0x36} {
		block := make([]byte, md5.BlockSize)
		copy(block, key)
		for i := range block {
			block[i] ^= pad
		}
		state = append(state, md5State(block)...)
	}
	return state
}

// md5State is the state of MD5 after one block, its words in little endian.
func md5State(block []byte) []byte {
	h := md5.New()
	h.Write(block)
	m, err := h.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	if err != nil {
		panic(err) // it has no error to return
	}
	const magic = 4 // octets of "md5\x01", then the state's words in big endian
	var state []byte
	for i := magic; i < magic+md5.Size; i += 4 {
		state = append(state, m[i+3], m[i+2], m[i+1], m[i])
	}
	return state
}

// mac is HMAC.
func mac(newHash func() hash.Hash, key []byte, text string) []byte {
	h := hmac.New(newHash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
