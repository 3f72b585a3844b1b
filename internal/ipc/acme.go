package ipc

// ACMEVersion is the version of the conversation about proofs for ACME, between
// acmed and authd's socket public/authd. The client says Hello with RoleACME, then
// sends one ACMERequest; authd answers with one ACMEReply.
const ACMEVersion = 1

// An ACMERequest asks for the proof that belongs to a token (RFC 8555, 8.3).
type ACMERequest struct {
	Token string `json:"token"`
}

// An ACMEReply has it; "": there is no such token now. It is no secret.
type ACMEReply struct {
	Proof string `json:"proof,omitempty"`
}
