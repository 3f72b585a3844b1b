package passdb

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxSecret is the longest password that is checked, octets: some hashes take
// time in proportion to it.
const maxSecret = 1024

// A verifier is a stored password that has been understood: what it costs to
// check one against it, and how that is done.
type verifier struct {
	dear  bool // takes more than a few milliseconds
	match func(password string) bool
}

// A scheme reads what stands behind {NAME}. Its error says what is wrong and
// has nothing of the data.
type scheme struct {
	parse func(data string) (verifier, error)
	raw   int // octets that the data decodes to where it may be in hexadecimal or base64, 0: it is text
}

// schemes has every {NAME}. The names are Dovecot's.
var schemes = map[string]scheme{
	"PLAIN":         {parsePlain, 0},
	"CLEAR":         {parsePlain, 0},
	"CLEARTEXT":     {parsePlain, 0},
	"CRYPT":         {parseCrypt, 0},
	"MD5-CRYPT":     {parseCrypt, 0},
	"SHA256-CRYPT":  {parseCrypt, 0},
	"SHA512-CRYPT":  {parseCrypt, 0},
	"BLF-CRYPT":     {parseCrypt, 0},
	"ARGON2I":       {parseCrypt, 0},
	"ARGON2ID":      {parseCrypt, 0},
	"PBKDF2":        {parsePBKDF2, 0},
	"SCRAM-SHA-1":   {parseSCRAM("SHA-1"), 0},
	"SCRAM-SHA-256": {parseSCRAM("SHA-256"), 0},
	"CRAM-MD5":      {parseCRAM, 0},
	"HMAC-MD5":      {parseCRAM, 0},
	"MD5":           {parseCrypt, 0},
	"SHA":           {parseDigest("SHA", false), 20},
	"SHA1":          {parseDigest("SHA", false), 20},
	"SHA256":        {parseDigest("SHA256", false), 32},
	"SHA512":        {parseDigest("SHA512", false), 64},
	"SSHA":          {parseDigest("SHA", true), 20},
	"SSHA256":       {parseDigest("SHA256", true), 32},
	"SSHA512":       {parseDigest("SHA512", true), 64},
	"SMD5":          {parseDigest("MD5", true), 16},
	"LDAP-MD5":      {parseDigest("MD5", false), 16},
	"PLAIN-MD5":     {parseDigest("MD5", false), 16},
}

// prefixes are how crypt(3) tells the schemes of CRYPT apart; the named schemes
// want theirs.
var prefixes = []struct {
	prefix string
	names  []string // that hold it, beside CRYPT
	parse  func(data string) (verifier, error)
}{
	{"$y$", nil, parseYescrypt},
	{"$6$", []string{"SHA512-CRYPT"}, parseSHACrypt},
	{"$5$", []string{"SHA256-CRYPT"}, parseSHACrypt},
	{"$2a$", []string{"BLF-CRYPT"}, parseBcrypt},
	{"$2b$", []string{"BLF-CRYPT"}, parseBcrypt},
	{"$2y$", []string{"BLF-CRYPT"}, parseBcrypt},
	{"$1$", []string{"MD5-CRYPT", "MD5"}, parseMD5Crypt},
	{"$argon2id$", []string{"ARGON2ID"}, parseArgon2},
	{"$argon2i$", []string{"ARGON2I"}, parseArgon2},
	{"$pbkdf2", []string{"PBKDF2"}, parseModularPBKDF2},
}

var (
	errScheme   = errors.New("the password's scheme is not known here")
	errForm     = errors.New("the hash is not of the form that its scheme has")
	errTooDear  = errors.New("the hash costs more time or memory than a login may take")
	errDES      = errors.New("the password is not hashed, or in the old DES form of crypt(3), which is not supported: write {PLAIN} before one that is not hashed")
	errNotCrypt = errors.New("the hash is of a kind that is not known here")
)

// splitScheme parts {SCHEME}data, or {SCHEME.ENCODING}data. Without braces it is
// CRYPT, as in Dovecot's passwd-file.
func splitScheme(stored string) (name, encoding, data string, err error) {
	if !strings.HasPrefix(stored, "{") {
		return "CRYPT", "", stored, nil
	}
	name, data, ok := strings.Cut(stored[1:], "}")
	if !ok {
		return "", "", "", errForm
	}
	name, encoding, _ = strings.Cut(strings.ToUpper(name), ".")
	if _, ok := schemes[name]; !ok || !slices.Contains([]string{"", "HEX", "B64", "BASE64"}, encoding) {
		return "", "", "", errScheme
	}
	return name, encoding, data, nil
}

// parse understands a stored password. Nothing that it reads makes it work
// hard.
func parse(stored string) (verifier, error) {
	name, encoding, data, err := splitScheme(stored)
	if err != nil {
		return verifier{}, err
	}
	s := schemes[name]
	if s.raw > 0 {
		b, err := decodeDigest(data, encoding, s.raw)
		if err != nil {
			return verifier{}, err
		}
		return s.parse(string(b))
	}
	if encoding != "" {
		b, err := decodeText(data, encoding)
		if err != nil {
			return verifier{}, err
		}
		data = string(b)
	}
	if err := wants(name, data); err != nil {
		return verifier{}, err
	}
	return s.parse(data)
}

// wants checks that data under a name that says what it is, is that.
func wants(name, data string) error {
	named := false
	for _, p := range prefixes {
		if slices.Contains(p.names, name) {
			if strings.HasPrefix(data, p.prefix) {
				return nil
			}
			named = name != "PBKDF2" // which has a form of its own too
		}
	}
	if named {
		return errForm
	}
	return nil
}

func decodeText(data, encoding string) ([]byte, error) {
	b, err := hex.DecodeString(data)
	if encoding != "HEX" {
		b, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	}
	if err != nil {
		return nil, errForm
	}
	return b, nil
}

// decodeDigest decodes what is binary: in hexadecimal where its length says so,
// else in base64.
func decodeDigest(data, encoding string, size int) ([]byte, error) {
	if encoding == "" && len(data) == 2*size {
		encoding = "HEX"
		if _, err := hex.DecodeString(data); err != nil {
			encoding = "B64"
		}
	}
	b, err := decodeText(data, encoding)
	if err == nil && len(b) < size {
		err = errForm
	}
	return b, err
}

func parsePlain(data string) (verifier, error) {
	return verifier{match: func(password string) bool { return equal(password, data) }}, nil
}

func parseCrypt(data string) (verifier, error) {
	for _, p := range prefixes {
		if strings.HasPrefix(data, p.prefix) {
			return p.parse(data)
		}
	}
	if strings.HasPrefix(data, "$") {
		return verifier{}, errNotCrypt
	}
	return verifier{}, errDES
}

// equal compares in a time that does not depend on where two differ.
func equal[T ~string | ~[]byte](a, b T) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// Valid tells what is wrong with a stored password, {SCHEME}data or a hash of
// crypt(3). The error has nothing of it.
func Valid(stored string) error {
	_, err := parse(stored)
	return err
}

// Check tells whether password is the one that is stored: nil, ErrMismatch, or
// an error that says what is wrong with what is stored. Dear hashes wait for a
// processor; who (an IP address) gets one in turn with others who wait.
func (h *Hasher) Check(ctx context.Context, stored, password, who string) error {
	v, err := parse(stored)
	if err != nil {
		return err
	}
	if len(password) > maxSecret || strings.ContainsRune(password, 0) {
		return ErrMismatch
	}
	pool := h.cheap
	if v.dear {
		pool = h.dear
	}
	if err := pool.enter(ctx, who); err != nil {
		return fmt.Errorf("wait for a processor to check a password with: %w", err)
	}
	defer pool.leave()
	if v.dear {
		h.processors.Begin()
		defer h.processors.Done()
	}
	if !v.match(password) {
		return ErrMismatch
	}
	return nil
}
