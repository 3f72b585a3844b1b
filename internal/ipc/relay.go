package ipc

// RelayVersion is the version of the conversation about relay credentials,
// between smtp (client) and authd's socket public/authd. The client says Hello
// with RoleRelay, then sends one RelayRequest after the other, each when the one
// before is answered.
const RelayVersion = 1

// A RelayRequest asks how to log in to one server.
type RelayRequest struct {
	LMTP    bool   `json:"lmtp,omitempty"`
	Nexthop string `json:"nexthop"`          // as routing wrote it: [host]:port
	Host    string `json:"host"`             // the server's name
	Sender  string `json:"sender,omitempty"` // of the message
	// Refused asks for a new access token in place of one that the server did
	// not take.
	Refused bool `json:"refused,omitempty"`
}

// A RelayReply answers a RelayRequest. Without User nobody logs in to that
// server, unless there is an error: then it is not known.
type RelayReply struct {
	User   string `json:"user,omitempty"`
	Secret string `json:"secret,omitempty"` // password, or access token
	Token  bool   `json:"token,omitempty"`
	Error  string `json:"error,omitempty"`
}
