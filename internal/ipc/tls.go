package ipc

// TLSVersion is the version of the conversation about TLS keys, between a
// program that speaks TLS and authd's socket public/authd. The client says Hello
// with RoleTLS, then sends TLSRequests, many outstanding; authd answers each
// with one TLSReply, in any order. No key leaves authd.
const TLSVersion = 1

// What a TLSRequest wants.
const (
	TLSChains = "chains" // the certificate chains for one name
	TLSSign   = "sign"   // a signature with the key of a certificate
)

// MaxTLSMessage is the most octets of what is signed: with Ed25519 and TLS 1.2 a
// client signs all that has been said.
const MaxTLSMessage = 64 << 10

// A TLSRequest asks for chains or for a signature.
type TLSRequest struct {
	ID   uint64 `json:"id"`
	Op   string `json:"op"`
	Set  string `json:"set"`            // whose parameters: smtpd, pop3d, imapd, smtp
	Name string `json:"name,omitempty"` // the server name that the client asks for (SNI), "" none
	// Key names the key to sign with: the SHA-256 of its public key
	// (SubjectPublicKeyInfo, DER).
	Key    []byte `json:"key,omitempty"`
	Digest []byte `json:"digest,omitempty"` // what is signed; for Ed25519 the message itself
	Hash   uint   `json:"hash,omitempty"`   // crypto.Hash of Digest, 0 for Ed25519
	PSS    bool   `json:"pss,omitempty"`    // RSA: PSS with a salt as long as the hash
}

// A TLSReply answers a TLSRequest.
type TLSReply struct {
	ID        uint64     `json:"id"`
	Chains    [][][]byte `json:"chains,omitempty"` // DER; the leaf first; one chain a type of key
	Revision  uint64     `json:"rev,omitempty"`    // changes when any chain of the set has changed
	Signature []byte     `json:"sig,omitempty"`
	Error     string     `json:"error,omitempty"`
}
