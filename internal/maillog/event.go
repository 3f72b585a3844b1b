package maillog

// An Event is what a line is about, the word by which programs that read JSON
// lines or the journal tell lines apart. It never changes; a new kind of line
// gets a new word. maillog(5) has the table.
type Event string

// The events. A line for which none is named has its severity for one: info,
// warning, error, fatal.
const (
	Connect        Event = "connect"         // a client has come
	Disconnect     Event = "disconnect"      // it has gone, with the tally of its commands
	LostConnection Event = "lost-connection" // it has gone without a word, or was too slow
	TooManyErrors  Event = "too-many-errors" // it was sent away
	Pipelining     Event = "pipelining"      // it spoke before its turn
	Reject         Event = "reject"          // a refusal, or what another action of a restriction did
	AuthFailure    Event = "auth-failure"    // wrong credentials
	Limit          Event = "limit"           // a rate or concurrency limit was exceeded
	TLS            Event = "tls"             // a handshake
	Accept         Event = "accept"          // a message from the network begins
	Pickup         Event = "pickup"          // a message from sendmail
	MessageID      Event = "message-id"      // its Message-ID
	Active         Event = "active"          // an attempt begins
	Delivery       Event = "delivery"        // what became of one recipient in it
	Expired        Event = "expired"         // its time is over
	Notice         Event = "notice"          // a notice about it was made
	Removed        Event = "removed"         // nothing is left to do
	Hold           Event = "hold"            // an administrator keeps it
	Release        Event = "release"         // and no more
	Requeue        Event = "requeue"         // has it tried by the configuration of now
	ForceExpire    Event = "force-expire"    // has it sent back
	Login          Event = "login"           // POP3, IMAP: a session begins
	LoginFailure   Event = "login-failure"   // a client went without a session
	Session        Event = "session"         // a line about a session, such as its end
	Statistics     Event = "statistics"      // the greatest numbers that were counted for limits
	Start          Event = "start"           // master
	Reload         Event = "reload"          // master
	Stop           Event = "stop"            // master
	Lost           Event = "lost"            // lines that the receiver did not take
	none           Event = ""
)

// Events is every event that lines are given by name.
func Events() []Event {
	return []Event{
		Connect, Disconnect, LostConnection, TooManyErrors, Pipelining, Reject, AuthFailure, Limit, TLS, Accept, Pickup,
		MessageID, Active, Delivery, Expired, Notice, Removed, Hold, Release, Requeue, ForceExpire, Login, LoginFailure, Session, Statistics, Start, Reload, Stop, Lost,
	}
}
