// Package sasl is the Simple Authentication and Security Layer (RFC 4422): who
// says what in each mechanism, and which mechanism is used. It does no I/O, and
// knows neither how a protocol carries messages nor where secrets are kept.
//
//	SCRAM-SHA-256-PLUS  RFC 5802, 7677, 9266  scram.go, server_scram.go
//	SCRAM-SHA-256       RFC 5802, 7677        scram.go, server_scram.go
//	SCRAM-SHA-1-PLUS    RFC 5802, 9266        scram.go, server_scram.go
//	SCRAM-SHA-1         RFC 5802              scram.go, server_scram.go
//	EXTERNAL            RFC 4422, A           server_password.go (server only)
//	CRAM-MD5            RFC 2195              password.go, server_password.go
//	PLAIN               RFC 4616              password.go, server_password.go
//	LOGIN               (no standard)         password.go, server_password.go
//	OAUTHBEARER         RFC 7628              token.go, server_token.go
//	XOAUTH2             (Google's)            token.go, server_token.go
//
// A Party is one side of an exchange. Choose picks a mechanism for a client;
// what a mechanism gives away decides where it may be used: see Properties. Offer
// and Server are the server's side, which asks a Keeper about users (server.go).
//
// No error has a secret in it.
package sasl

import "errors"

// A Party is one side of an exchange, and serves for one.
type Party interface {
	// Next takes what the other side has said and returns the answer. The first
	// call begins: for a client with nil, and a nil answer means that the
	// mechanism has no initial response; for a server with the initial response,
	// or nil.
	//
	// Content means that, as far as this side is concerned, the exchange may end
	// in success: a client that is not content has not seen the proof of the
	// server that its mechanism promises.
	Next(message []byte) (answer []byte, content bool, err error)
}

// MaxMessage is the longest message that a party takes, octets.
const MaxMessage = 12 << 10

// Why an exchange ends.
var (
	// ErrMalformed is a message that the mechanism does not have.
	ErrMalformed = errors.New("malformed challenge")
	// ErrUnexpected is a message after the last.
	ErrUnexpected = errors.New("a challenge more than the mechanism has")
	// ErrServer is a server that does not know the secret either.
	ErrServer = errors.New("the server cannot prove that it knows the password")
)

// Credentials are what a client proves that it has.
type Credentials struct {
	User   string
	Secret string // the password, or the access token
	Token  bool   // Secret is a token (RFC 6750)
}

// A Channel is what the exchange runs in.
type Channel struct {
	Host string // the server's name, and its port as the client knows it
	Port int
	// Exporter is the channel binding tls-exporter (RFC 9266); nil: there is
	// none, or the TLS version has none that is safe.
	Exporter []byte
	// CertName is the name in the client's certificate, which TLS has verified;
	// "" none. A server's side asks for it.
	CertName string
}
