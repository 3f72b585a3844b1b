// Package ipc is every message that crosses a process, one file a
// conversation. A packet is one JSON object (package fdpass carries it);
// fields that a version does not know are ignored, and a change that an old
// peer would misread raises the conversation's version. docs/IPC.md has the
// dialogues.
package ipc

// A Hello is the first packet that a client of public/qmgr, public/authd or
// public/pamd sends; it names the conversation.
type Hello struct {
	Version int    `json:"v"`
	Role    string `json:"role"`              // one of the Role constants
	Program string `json:"program,omitempty"` // who speaks, for the log
}

// The conversations that these sockets serve.
const (
	RoleLend    = "lend"    // smtpd and pickup take blanks and commit messages (lend.go)
	RoleControl = "control" // mailq and mailctl (control.go)
	RoleRelay   = "relay"   // authd: smtp asks how to log in to a server (relay.go)
	RoleAuth    = "auth"    // authd: smtpd and login processes let clients log in (auth.go)
	RoleTLS     = "tls"     // authd: certificate chains and signatures (tls.go)
	RoleACME    = "acme"    // authd: what acmed shows a certificate authority (acme.go)
	RoleUser    = "user"    // authd: which accounts exist, and where their mail is (user.go)
	RolePAM     = "pam"     // pamd: authd has a system user's password checked (pamd.go)
	RoleNSS     = "nss"     // pamd: which system users and groups there are (pamd.go)
	RoleWake    = "wake"    // master's wake-up: run the queue; nothing follows
)
