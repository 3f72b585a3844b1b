package ipc

// DeliverVersion is the version of the delivery conversation, between qmgr
// (client) and a delivery agent's socket private/NAME. Version 3 has Member and
// Redirected.
const DeliverVersion = 3

// MaxRequestRecipients is the most recipients in one Request.
const MaxRequestRecipients = 50

// Bounds of one RequestPacket, beside what a packet holds: requests, and, when
// there are several, recipients in all.
const (
	MaxPacketRequests   = 16
	MaxPacketRecipients = MaxRequestRecipients
)

// A RequestPacket is one packet from qmgr. Beside it come as many read-only
// descriptors: the queue file of each request, in their order.
type RequestPacket struct {
	Version  int       `json:"v"`
	Requests []Request `json:"r"`
}

// A Request asks an agent to deliver one message to some of its recipients.
// Many may be outstanding; replies come in any order.
type Request struct {
	N          uint64            `json:"n"` // the request's number on this connection
	ID         string            `json:"id"`
	Transport  string            `json:"transport"` // master.cf's name: local, virtual
	Nexthop    string            `json:"nexthop,omitempty"`
	Sender     string            `json:"sender"`
	Arrival    int64             `json:"arrival"` // microseconds since 1970
	Offset     int64             `json:"offset"`  // of the content in the file
	Length     int64             `json:"length"`  // of the content, octets
	Flags      uint32            `json:"flags,omitempty"`
	Attrs      map[string]string `json:"attrs,omitempty"`    // queue.Attr names
	Unsure     bool              `json:"unsure,omitempty"`   // an earlier attempt may have delivered it: look first
	Pressing   bool              `json:"pressing,omitempty"` // others wait until this one is answered
	Recipients []Recipient       `json:"rcpt"`
}

// A Recipient is one address of a Request.
type Recipient struct {
	Index    int               `json:"i"` // its number in the message's envelope
	Address  string            `json:"a"`
	Original string            `json:"o,omitempty"` // when it differs
	Exact    bool              `json:"x,omitempty"` // do not apply aliases
	Member   string            `json:"m,omitempty"` // deliver to this member alone: see Target
	Attrs    map[string]string `json:"attrs,omitempty"`
}

// Outcomes of a recipient.
const (
	Sent     = "sent"
	Deferred = "deferred"
	Bounced  = "bounced"
	Expanded = "expanded" // replaced by other addresses; qmgr makes the forward
	// Redirected: the recipient belongs to another transport, and nothing was
	// delivered. qmgr hands it on, in the same attempt; the next one begins here
	// again.
	Redirected = "redirected"
)

// Probe is the name in Attrs that has an agent find out whether it could deliver,
// and deliver nothing (queue.AttrProbe).
const Probe = "probe"

// What a sender who has asked for it is told of a recipient that is Sent (RFC
// 3464, 2.3.3).
const (
	Delivered = "delivered" // in the mailbox
	Relayed   = "relayed"   // with a host that sends no reports
)

// A ReplyPacket is one packet from an agent.
type ReplyPacket struct {
	Replies []Reply `json:"r"`
}

// A Reply has the outcome of some recipients of a request. An agent may send
// several for one request, as outcomes become known.
type Reply struct {
	N       uint64   `json:"n"`
	Results []Result `json:"results"`
}

// A Result is the outcome of one recipient. Text is one line of clean UTF-8.
type Result struct {
	Index  int    `json:"i"`
	Status string `json:"s"`
	Code   string `json:"code"` // enhanced status code, such as 2.0.0
	Text   string `json:"text"`
	Relay  string `json:"relay"`          // for the log: local, virtual, host[address]:port
	Host   string `json:"host,omitempty"` // remote host, for the notice (RFC 3464 Remote-MTA)
	// Program is in whose name the log line is; "": the transport's.
	Program string `json:"program,omitempty"`
	// Report says what Status Sent means to a sender who wants to hear of it:
	// Delivered or Relayed; "": the host that has the message now tells him.
	Report string `json:"report,omitempty"`
	// Site is set when Status is Deferred for a reason that would have met any
	// recipient: no connection, no greeting, no TLS. Such results lower the
	// concurrency of the next hop, and may have it left alone for a while.
	Site bool `json:"site,omitempty"`
	// Session is one that the postmaster is to hear of (notify_classes); nil: none.
	Session *Session `json:"session,omitempty"`
	// Setup and Transfer are microseconds spent on the connection and on the
	// delivery: the last two of the log's delays.
	Setup    int64 `json:"setup,omitempty"`
	Transfer int64 `json:"xfer,omitempty"`

	// For Expanded: addresses to send the message on to. More is set when
	// another Result of the same recipient follows with further addresses.
	To   []Target `json:"to,omitempty"`
	More bool     `json:"more,omitempty"`
	// Sender replaces the envelope sender of the forward when not nil (owner-
	// aliases).
	Sender *string `json:"sender,omitempty"`
	// Anew says that the recipient was a member that is not in its list any more:
	// To is what the list has now.
	Anew bool `json:"anew,omitempty"`
	// Header is put before the content of the forward, lines ending in LF.
	Header string `json:"header,omitempty"`

	// For Redirected: a name in master.cf, or error, retry, discard; and the next
	// hop, "" for the one that the recipient had.
	Transport string `json:"transport,omitempty"`
	Nexthop   string `json:"nexthop,omitempty"`
}

// A Session is what was said with another host that broke the rules, or says that
// this one did. Text is a few KiB at most, of lines that the receiver cleans.
type Session struct {
	Peer   string `json:"peer"` // name[address]
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text"`
}

// A Target is what a recipient was expanded to: an address, or one of those
// members that are no addresses, which the agent that expanded it delivers to.
type Target struct {
	Address string `json:"a"`
	Exact   bool   `json:"x,omitempty"` // aliases are not applied to it again
	// Member, if it is set, is one member of what Address stands for, in that
	// agent's words (package aliases). It gives no rights: the agent expands
	// Address again, and delivers to the member that it finds there.
	Member string `json:"m,omitempty"`
}
