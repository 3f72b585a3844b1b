package ipc

// ControlVersion is the version of the conversation of mailq and mailctl with
// qmgr: Hello, then one ControlRequest, then ControlReplies, the last of which
// has End set.
const ControlVersion = 1

// Operations of a ControlRequest.
const (
	OpList    = "list"    // Entries; authorized_mailq_users
	OpShow    = "show"    // one message, its file beside the first reply; root and mail_owner
	OpFlush   = "flush"   // try now; authorized_flush_users
	OpHold    = "hold"    // root and mail_owner, from here on
	OpRelease = "release" // from hold
	OpDelete  = "delete"
	OpExpire  = "expire"  // back to the sender, as if its time were over
	OpRequeue = "requeue" // release and flush
)

// A ControlRequest asks for one operation on the messages IDs, on all, or on those
// that Filter chooses. All is not set beside a Filter: a qmgr of a version that
// does not know filters must not take it for all. With IDs only the Filter's queues count.
type ControlRequest struct {
	Op     string   `json:"op"`
	All    bool     `json:"all,omitempty"`
	IDs    []string `json:"ids,omitempty"`
	Filter *Filter  `json:"filter,omitempty"`
	// Dry asks on which messages it would be carried out, and changes nothing.
	Dry bool `json:"dry,omitempty"`
	// Routes, of OpList, asks how each recipient's next attempt would be made.
	Routes bool `json:"routes,omitempty"`
	// Packed, of OpList, lets the replies have Packed in place of Entries.
	Packed bool `json:"packed,omitempty"`
	// To, of OpFlush, stands for all deferred messages with a recipient who waits
	// in this domain, or, as "@example.com", in it and those below it.
	To string `json:"to,omitempty"`
	// Later: with To, the reply comes before the messages have been looked for.
	// smtpd(8) asks so, whatever authorized_flush_users says; a domain is then
	// looked for once a minute.
	Later bool `json:"later,omitempty"`
}

// A ControlReply answers a ControlRequest in part.
type ControlReply struct {
	Entries []Entry  `json:"entries,omitempty"`
	Packed  []byte   `json:"packed,omitempty"`  // entries, for Unpack
	Done    []string `json:"done,omitempty"`    // IDs that the operation was carried out on
	Missing []string `json:"missing,omitempty"` // IDs that are not in the queue
	Error   string   `json:"error,omitempty"`   // why nothing was done, or not all
	Denied  bool     `json:"denied,omitempty"`  // Error is one of rights
	End     bool     `json:"end,omitempty"`
}

// An Entry is one message of the queue. A message with many recipients comes
// as several entries of the same ID, one after the other.
type Entry struct {
	Queue      string           `json:"queue"` // maildrop, incoming, active, deferred, hold
	ID         string           `json:"id"`
	Arrival    int64            `json:"arrival"` // microseconds since 1970
	Size       int64            `json:"size"`    // content, octets
	Sender     string           `json:"sender"`
	Next       int64            `json:"next,omitempty"`    // next attempt, microseconds since 1970
	Expires    int64            `json:"expires,omitempty"` // when it goes back to its sender, likewise
	Expired    bool             `json:"expired,omitempty"` // somebody has said that its time is over
	Recipients []EntryRecipient `json:"rcpt"`
}

// An EntryRecipient is a recipient who still waits.
type EntryRecipient struct {
	Index    int    `json:"i"` // her number in the message's envelope
	Address  string `json:"a"`
	Original string `json:"o,omitempty"`
	Reason   string `json:"reason,omitempty"` // of the last deferral
	Code     string `json:"code,omitempty"`
	Host     string `json:"host,omitempty"`  // the remote host that gave it
	Tried    int64  `json:"tried,omitempty"` // last attempt, microseconds since 1970
	Attempts int    `json:"n,omitempty"`     // so far

	// Of OpShow, and OpList with Routes: how the next attempt would be made, by the configuration of now,
	// and what chose that.
	Transport string `json:"transport,omitempty"`
	Nexthop   string `json:"nexthop,omitempty"`
	Rule      string `json:"rule,omitempty"`
}
