package ipc

// SessionVersion is the version of SessionStart, SessionAck and SessionOrder.
const SessionVersion = 1

// A SessionStart is a connection whose client has logged in, on its way from
// authd over master's socket pid/sessions (root and master's own uid only) to a
// session process. Beside it go the descriptors of AuthSession. Nothing is
// answered to authd: who waits hears the SessionAck.
type SessionStart struct {
	Version int              `json:"v"`
	Number  uint64           `json:"n,omitempty"` // master's, for who and kick
	Service string           `json:"service"`     // protocol: pop3, imap
	Account Account          `json:"account"`
	Facts   AuthFacts        `json:"facts"`
	Method  string           `json:"mech"`
	Start   AuthSessionStart `json:"start"`
}

// An Account is what a session or a delivery needs to know of a user.
type Account struct {
	User      string   `json:"user"` // canonical
	UID       int      `json:"uid"`
	GID       int      `json:"gid"`
	Groups    []int    `json:"groups,omitempty"` // supplementary
	Home      string   `json:"home,omitempty"`
	Base      string   `json:"base"` // the mailbox is Mailbox below Base, as in maildir.Place
	Mailbox   string   `json:"mailbox"`
	Beneath   bool     `json:"beneath,omitempty"`   // links out of Base are errors
	Owned     bool     `json:"owned,omitempty"`     // the mailbox's directories must be UID's: others may write into Base
	Addresses []string `json:"addresses,omitempty"` // envelope addresses that are the user's own
	Quota     string   `json:"quota,omitempty"`     // rules like quota_rule, one a line; "" none
}

// A SessionAck is said by the session process on the descriptor that came with
// SessionStart: it has the connection and answers from here on. When that
// descriptor ends without it, or brings an error, which may be master's, the
// login role still has the connection.
type SessionAck struct {
	PID    int    `json:"pid,omitempty"`
	Logged bool   `json:"logged,omitempty"` // AuthSessionStart.Heard, as it came by master: the login is in the log
	Error  string `json:"error,omitempty"`  // why there is no session now, for the client
}

// A SessionOrder is what master says to a session process, one JSON object a
// packet on the status connection, where others hear status lines. Exactly one
// of the first four fields is set.
type SessionOrder struct {
	Start  *SessionStart `json:"start,omitempty"`  // a connection, in the descriptors beside it
	Kick   uint64        `json:"kick,omitempty"`   // end the session of this number
	Retire bool          `json:"retire,omitempty"` // say STOPPED-ACCEPTING, let sessions go on for session_drain_time, end
	Last   bool          `json:"last,omitempty"`   // no Start follows: the answer to STOPPED-ACCEPTING
	// Parting goes with any of them: StatusEnd may carry the session's last line
	// for the log.
	Parting bool `json:"parting,omitempty"`
}
