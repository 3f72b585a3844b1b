package sasl

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Keeper is what the server's side of an exchange asks: it knows secrets, or
// who knows them. Its methods may take their time. An error that is none of
// this package's is temporary as far as the mechanism knows.
type Keeper interface {
	// Verifier returns what is kept of a user's password for SCRAM with a hash,
	// "SHA-256" or "SHA-1". For a user that does not exist, or has nothing to
	// verify with, it returns one that nothing verifies with and that cannot be
	// told from a real one by its salt, which is the same every time.
	Verifier(user, hash string) (*Verifier, error)
	// Plaintext returns a user's password, or one that nobody can guess.
	Plaintext(user string) (string, error)
	// Admit says whether a client is who it claims to be, and may be: nil, or
	// ErrRefused, or why that is not known.
	Admit(c *Claim) error
}

// A Verifier is what a server keeps of a password for SCRAM (RFC 5802, 3).
type Verifier struct {
	Salt                 []byte
	Rounds               int
	StoredKey, ServerKey []byte
}

// A Claim is what a client has said of itself.
type Claim struct {
	By     Proof
	User   string // whose secret it has; "" with a token that says so itself
	Authz  string // who it wants to be; "" the same
	Secret string // ByPassword: the password; ByToken: the token
}

// A Proof is how a client proves its claim.
type Proof uint8

// The proofs. With BySecret the mechanism has seen that the client knows the
// user's secret; with ByCertificate TLS has seen it.
const (
	ByPassword Proof = 1 << iota
	ByToken
	BySecret
	ByCertificate
)

// Abilities are what a Keeper can do, for Offer.
type Abilities uint8

// The abilities of a Keeper.
const (
	Passwords    Abilities = 1 << iota // Admit ByPassword
	Verifiers256                       // Verifier with SHA-256
	Verifiers1                         // Verifier with SHA-1
	Plaintexts                         // Plaintext
	Tokens                             // Admit ByToken
	Certificates                       // Admit ByCertificate
)

// Why a server's side ends an exchange.
var (
	// ErrRefused is a client that is not who it says, or may not be.
	ErrRefused = errors.New("authentication failed")
	// ErrResponse is a response that the mechanism does not have.
	ErrResponse = errors.New("malformed response")
)

// Offer returns the mechanisms that a keeper with these abilities can serve on a
// channel, the strongest first.
func Offer(can Abilities, ch Channel) []string {
	var names []string
	for i := range mechanisms {
		if m := &mechanisms[i]; m.served(can, ch) {
			names = append(names, m.Name)
		}
	}
	return names
}

// served tells whether the mechanism works here.
func (m *Mechanism) served(can Abilities, ch Channel) bool {
	return can&m.wants != 0 && (!m.binding || ch.Exporter != nil) && (m.wants != Certificates || ch.CertName != "")
}

// Server begins an exchange as the server; nil: the mechanism is none of those
// that Offer names.
//
// The exchange has ended in success when the party is content, whose answer is
// nil then: a last word of the mechanism is a challenge like others, which the
// client answers with an empty response, since SMTP, POP3 and IMAP carry nothing
// with success (RFC 4954, 4).
func Server(name string, k Keeper, can Abilities, ch Channel) Party {
	i := slices.IndexFunc(mechanisms[:], func(m Mechanism) bool { return m.Name == name })
	if i < 0 || !mechanisms[i].served(can, ch) {
		return nil
	}
	return mechanisms[i].server(k, ch)
}

// MaxName is the longest name of a user, octets (RFC 4616, 2 suggests it).
const MaxName = 255

// isName tells whether s may be the name of a user: text of one line.
func isName(s string) bool {
	return s != "" && len(s) <= MaxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// isAuthz is isName, or nothing.
func isAuthz(s string) bool { return s == "" || isName(s) }
