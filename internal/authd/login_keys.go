package authd

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// algorithms are those that tokens may be signed by.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

// A key is one that tokens are signed with.
type key struct {
	id        string // kid; "" any
	algorithm string // alg; "" any that goes with the key
	value     any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, []byte
}

type keys []key

// find returns the keys that a token may be signed with. A key is used for what
// it is alone: nobody signs with a public key as though it were a secret.
func (k keys) find(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	var set jwt.VerificationKeySet
	for _, one := range k {
		if one.fits(t.Method.Alg()) && (id == "" || one.id == "" || one.id == id) {
			set.Keys = append(set.Keys, one.value)
		}
	}
	if len(set.Keys) == 0 {
		return nil, errTokenInvalid
	}
	return set, nil
}

// fits tells whether an algorithm goes with the key.
func (k *key) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch v := k.value.(type) {
	case *rsa.PublicKey:
		return algorithm[0] == 'R' || algorithm[0] == 'P'
	case *ecdsa.PublicKey:
		return algorithm == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[v.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	case []byte:
		return algorithm[0] == 'H'
	}
	return false
}

// parseKeys reads oauth2_local_validation_keys. No error has anything of the
// content.
func parseKeys(file string, b []byte) (keys, error) {
	var k keys
	var err error
	if t := bytes.TrimSpace(b); len(t) > 0 && t[0] == '{' {
		k, err = parseJWKS(t)
	} else {
		k, err = parseKeysPEM(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if slices.ContainsFunc(k, func(one key) bool { _, secret := one.value.([]byte); return secret }) {
		return k, private(file)
	}
	return k, nil
}

func parseKeysPEM(b []byte) (keys, error) {
	var k keys
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		b = rest
		var v any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			v, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			v, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				v = c.PublicKey
			}
		default:
			return nil, errors.New("a block is neither PUBLIC KEY nor CERTIFICATE: private keys belong to the issuer")
		}
		if err != nil {
			return nil, errors.New("a key in PEM cannot be read")
		}
		if v, err = sound(v); err != nil {
			return nil, err
		}
		k = append(k, key{value: v})
	}
	if len(k) == 0 {
		return nil, errors.New("want a JSON Web Key Set, or public keys in PEM")
	}
	return k, nil
}

// sound refuses keys that are too weak to trust.
func sound(v any) (any, error) {
	switch v := v.(type) {
	case *rsa.PublicKey:
		if v.N.BitLen() < 2048 || v.E < 3 {
			return nil, errors.New("an RSA key has less than 2048 bits")
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case []byte:
		if len(v) < 32 {
			return nil, errors.New("a key of type oct has less than 256 bits")
		}
	default:
		return nil, errors.New("a key is of a kind that is not known here")
	}
	return v, nil
}

// A jwk is a JSON Web Key (RFC 7517, 4; RFC 7518, 6; RFC 8037, 2).
type jwk struct {
	Kty, Use, Alg, Kid, Crv string
	N, E, X, Y, K           string
}

// parseJWKS reads a set of keys. Those for encryption are passed over.
func parseJWKS(b []byte) (keys, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil || len(set.Keys) == 0 {
		return nil, errors.New("want a JSON Web Key Set with keys in it")
	}
	var k keys
	for i, j := range set.Keys {
		if j.Use != "" && j.Use != "sig" {
			continue
		}
		v, err := j.public()
		if err == nil {
			v, err = sound(v)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		k = append(k, key{j.Kid, j.Alg, v})
	}
	if len(k) == 0 {
		return nil, errors.New("no key in the set is for signatures")
	}
	return k, nil
}

var errKey = errors.New("its numbers do not make a key")

// public is the key.
func (j *jwk) public() (any, error) {
	var numbers [5][]byte
	for i, s := range []string{j.N, j.E, j.X, j.Y, j.K} {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
		if err != nil || len(b) > 2048 {
			return nil, errKey
		}
		numbers[i] = b
	}
	n, e, x, y, k := numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
	switch {
	case j.Kty == "RSA" && len(e) > 0 && len(e) < 5:
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	case j.Kty == "EC":
		return ecKey(j.Crv, x, y)
	case j.Kty == "OKP" && j.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize:
		return ed25519.PublicKey(x), nil
	case j.Kty == "oct":
		return k, nil
	}
	return nil, errKey
}

// ecKey is a point on a curve, if it is one.
func ecKey(curve string, x, y []byte) (crypto.PublicKey, error) {
	c := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[curve]
	if c == nil {
		return nil, errKey
	}
	size := (c.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, errKey
	}
	k, err := ecdsa.ParseUncompressedPublicKey(c, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errKey
	}
	return k, nil
}
