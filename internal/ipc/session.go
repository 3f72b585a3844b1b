package ipc

// SessionVersion is the version of SessionStart and SessionAck.
const SessionVersion = 1

// A SessionStart is a connection whose client has logged in, on its way from
// authd over master's socket private/sessions (authd's uid only) to a session
// process. Beside it go the descriptors of AuthSession.
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
	Quota     string   `json:"quota,omitempty"`     // Dovecot's quota_rule, "" none
}

// A SessionAck is said by the session process on the descriptor that came with
// SessionStart: it has the connection and answers from here on. When that
// descriptor ends without it, the login role still has the connection.
type SessionAck struct {
	PID int `json:"pid"`
}
