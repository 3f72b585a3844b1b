package ipc

// Versions of the conversations with pamd's socket public/pamd. The client says
// Hello with RolePAM or RoleNSS, then sends one request after the other, each
// when the one before is answered.
const (
	PAMVersion = 1
	NSSVersion = 1
)

// A PAMRequest asks whether a password is that of a system user, and whether
// the account may be used now.
type PAMRequest struct {
	Service  string `json:"service"` // the name of a file in /etc/pam.d
	User     string `json:"user"`
	Password []byte `json:"secret"`
	Client   string `json:"rip,omitempty"` // IP address of the client
}

// Results of a PAMReply.
const (
	PAMOK       = "ok"
	PAMMismatch = "mismatch" // not the password
	PAMUnknown  = "unknown"  // no such user
	PAMExpired  = "expired"  // account, or password
	PAMDisabled = "disabled" // the account may not be used, or not now
	PAMTempFail = "tempfail" // nobody can say now
)

// A PAMReply answers a PAMRequest. User is the name that the modules have
// settled on, with PAMOK. Error is for the log alone.
type PAMReply struct {
	Result string `json:"result"`
	User   string `json:"user,omitempty"`
	Error  string `json:"error,omitempty"`
}

// An NSSRequest asks for one user, by name or by ID, or for one group by name.
type NSSRequest struct {
	User  string  `json:"user,omitempty"`
	UID   *uint32 `json:"uid,omitempty"`
	Group string  `json:"group,omitempty"`
}

// An NSSReply answers an NSSRequest. Without User and Group there is none of
// that name, unless there is an error: then it is not known.
type NSSReply struct {
	User  *NSSUser  `json:"user,omitempty"`
	Group *NSSGroup `json:"group,omitempty"`
	Error string    `json:"error,omitempty"`
}

// An NSSUser is what the system knows of a user.
type NSSUser struct {
	Name   string   `json:"name"`
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Gecos  string   `json:"gecos,omitempty"`
	Home   string   `json:"home,omitempty"`
	Shell  string   `json:"shell,omitempty"`
	Groups []uint32 `json:"groups,omitempty"` // all that the user is in, GID among them
}

// An NSSGroup is what the system knows of a group.
type NSSGroup struct {
	Name    string   `json:"name"`
	GID     uint32   `json:"gid"`
	Members []string `json:"members,omitempty"`
}

// A PAMDWork is what pamd has one of its workers do: one of the two. The answer
// is a PAMReply or an NSSReply.
type PAMDWork struct {
	PAM *PAMRequest `json:"pam,omitempty"`
	NSS *NSSRequest `json:"nss,omitempty"`
}
