package ipc

// MasterVersion is the version of the conversation of mailctl with master over
// its control socket: one MasterRequest, one MasterReply. Between them master
// may become another program; the connection stays.
const MasterVersion = 1

// OpUpgrade asks master to become the program that is installed now.
const OpUpgrade = "upgrade"

// A MasterRequest asks for one operation.
type MasterRequest struct {
	Version int    `json:"v"`
	Op      string `json:"op"`
}

// A MasterReply says how it went.
type MasterReply struct {
	Version string `json:"version,omitempty"` // of the master that runs now
	Error   string `json:"error,omitempty"`   // why all is as it was
}
