package ipc

// UserVersion is the version of the conversation about accounts, between smtpd,
// qmgr and local and authd's socket public/authd. The client says Hello with
// RoleUser, then sends UserRequests, many outstanding; authd answers each with
// one UserReply, in any order. No secret is in it.
const UserVersion = 1

// A UserRequest asks for one account by the name of the user, or, with "" as
// the part before "@", for a domain: whether it has accounts.
type UserRequest struct {
	ID   uint64 `json:"id"`
	User string `json:"user"`
}

// A UserReply answers a UserRequest. Without Account there is no such user,
// unless there is an error: then it is not known.
type UserReply struct {
	ID      uint64   `json:"id"`
	Account *Account `json:"account,omitempty"`
	Domain  bool     `json:"domain,omitempty"` // the domain has accounts
	Error   string   `json:"error,omitempty"`
}
