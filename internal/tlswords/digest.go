package tlswords

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Digests are the names of fingerprint digests; the first one is the default.
var Digests = []string{"sha256", "sha384", "sha512", "sha1"}

// Fingerprint is the digest of that name, in lower case.
func Fingerprint(digest string, b []byte) string {
	switch digest {
	case "sha1":
		h := sha1.Sum(b)
		return hex.EncodeToString(h[:])
	case "sha384":
		h := sha512.Sum384(b)
		return hex.EncodeToString(h[:])
	case "sha512":
		h := sha512.Sum512(b)
		return hex.EncodeToString(h[:])
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Colons writes a fingerprint as tables have it: upper case, a colon between
// octets.
func Colons(fingerprint string) string {
	f := strings.ToUpper(fingerprint)
	var b strings.Builder
	for i := 0; i+1 < len(f); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(f[i : i+2])
	}
	return b.String()
}
