package ipc

// MasterVersion is the version of the conversation of mailctl with master over
// its control socket: one MasterRequest, one MasterReply, for OpWho several.
// Between them master may become another program; the connection stays.
const MasterVersion = 1

// What a MasterRequest asks for.
const (
	OpUpgrade = "upgrade" // become the program that is installed now
	OpWho     = "who"     // who is logged in: MasterReplies, until one without More
	OpKick    = "kick"    // end the sessions of User
)

// A MasterRequest asks for one operation.
type MasterRequest struct {
	Version int    `json:"v"`
	Op      string `json:"op"`
	User    string `json:"user,omitempty"` // kick
}

// A MasterReply says how it went.
type MasterReply struct {
	Version string  `json:"version,omitempty"` // of the master that runs now
	Error   string  `json:"error,omitempty"`   // why all is as it was
	Visits  []Visit `json:"visits,omitempty"`  // who
	More    bool    `json:"more,omitempty"`    // who: another reply follows
	Kicked  int     `json:"kicked,omitempty"`  // kick: how many sessions were told to end
}

// A Visit is the session of a client who has logged in.
type Visit struct {
	Number  uint64 `json:"n"`
	Service string `json:"service"` // protocol: pop3, imap
	User    string `json:"user"`
	Client  string `json:"rip"` // IP address
	TLS     bool   `json:"tls,omitempty"`
	Session string `json:"sid"`   // its ID in the log
	Since   int64  `json:"since"` // microseconds since 1970
	PID     int    `json:"pid,omitempty"`
}
