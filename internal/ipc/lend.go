package ipc

// LendVersion is the version of the lending conversation.
//
// The writer says Hello, then WriterPackets; qmgr answers with LendPackets, in
// any order. A writer asks for blanks ahead of need, so that it seldom waits.
// It fills a blank, closes its descriptor, commits, and answers its client
// when the ID is in Done: envelope, content and name are then on stable
// storage. When the writer's connection ends, qmgr blanks again what it held;
// commits that it had already sent are carried out.
const LendVersion = 1

// A WriterPacket goes from a writer to qmgr.
type WriterPacket struct {
	Want   int      `json:"want,omitempty"` // how many blanks more the writer would like to hold
	Commit []Commit `json:"commit,omitempty"`
	Return []string `json:"return,omitempty"` // blanks given back; their descriptors are closed
}

// A Commit asks that the message on a blank be made safe.
type Commit struct {
	Blank string `json:"blank"`
	// As is the ID in the file's header when it is not the blank's: pickup
	// keeps the ID that sendmail gave, and qmgr removes maildrop/As once the
	// message is safe. A message of that ID that is in the queue already is the
	// same one, taken before a crash: it is then not taken twice.
	As string `json:"as,omitempty"`
}

// A LendPacket goes from qmgr to a writer.
type LendPacket struct {
	Lend []Blank `json:"lend,omitempty"` // write-only descriptors come beside it, in this order
	Done []Done  `json:"done,omitempty"`
	// Full, when not nil, is news of the queue's state: why nothing can be
	// taken for now, or "" when mail can be taken again.
	Full *string `json:"full,omitempty"`
	// Retire says that another generation takes over: nothing is lent here any
	// more. The writer commits what it has begun, asks the next generation for
	// the rest, and ends the connection when nothing of its own is left on it.
	// After a while the connection is shut for it.
	Retire bool `json:"retire,omitempty"`
}

// A Blank is a file to write a message on.
type Blank struct {
	ID   string `json:"id"`
	Size int64  `json:"size"` // octets that it has now
}

// A Done is the outcome of a Commit.
type Done struct {
	Blank string `json:"blank"`
	ID    string `json:"id,omitempty"`    // the message's queue ID; "" when it was refused
	Error string `json:"error,omitempty"` // why it was refused, for the log; try again later
}

// ErrorIDInUse is the Error of a Commit whose As is the ID of another message
// in the queue. The letter stays in maildrop/ until that one has gone: written
// again without As it would be there twice after a crash, since nothing ties the
// two together.
const ErrorIDInUse = "id-in-use"
