package auth

import (
	"context"
	"errors"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// Facts are what is known of a client before it says who it is.
type Facts = ipc.AuthFacts

// A Server lets clients log in. It is safe for concurrent use.
type Server interface {
	// Mechanisms are those that this client may use on its channel now, the
	// strongest first. Which of them may be offered in the clear is the caller's
	// to decide. The list is not to be changed, and may be a second old. An error is temporary.
	Mechanisms(ctx context.Context, f *Facts) ([]string, error)
	// Begin starts an exchange in a mechanism (upper case); initial is the
	// client's initial response, nil where it sent none. The Step may be final,
	// in which case the Exchange is good for HandOver alone. seat is the
	// connection, for a session to begin at once where no more is to be said
	// before it; nil: the caller hands it over later, or has none to give.
	Begin(ctx context.Context, mechanism string, initial []byte, f *Facts, seat *Seat) (Exchange, Step)
}

// An Exchange is one client's login. Its methods are called one at a time.
type Exchange interface {
	// Next passes on the client's response to the last challenge.
	Next(ctx context.Context, response []byte) Step
	// Cancel ends an exchange that has no final Step yet: the client sent "*",
	// or has gone. Otherwise it does nothing.
	Cancel()
	// HandOver gives the connection of a login that succeeded to a session
	// process, through authd and master, within some seconds of the success. It is
	// not needed after a Step that was Seated.
	HandOver(ctx context.Context, seat *Seat) error
}

// A Seat is a connection for a session process. Both handles stay the caller's,
// who closes them.
type Seat struct {
	Start ipc.AuthSessionStart
	Conn  fdpass.Handle // the client's connection, or the inner end of what carries its TLS
	Ack   fdpass.Handle // what the session process answers on (ipc.SessionAck)
	// Await is called when the handles have been sent to authd, where Start is
	// Heard. It may close them, waits for what is said on Ack, and is false when
	// that has ended without a word: then authd's answer says more.
	Await func() bool
}

func (s *Seat) handles() []fdpass.Handle {
	if s == nil {
		return nil
	}
	return []fdpass.Handle{s.Conn, s.Ack}
}

// A Step is what the server says. A State of AuthGoOn wants Challenge, which may
// be empty, sent to the client; all others are final.
type Step struct {
	State     string // ipc.AuthOK, AuthGoOn, AuthFailed, AuthTempFail
	Challenge []byte
	User      string // canonical, with AuthOK; what was tried, for the log, with AuthFailed
	Code      string // one of ipc's codes, "" where none is known
	Text      string // may be shown to the client
	// Seated tells that the Seat has been passed on, or, with AuthTempFail, may
	// have been: what comes on its Ack says more.
	Seated bool
}

// Final tells whether the exchange is over.
func (s *Step) Final() bool { return s.State != ipc.AuthGoOn }

// ErrUnsupported is HandOver's answer where the server is not authd.
var ErrUnsupported = errors.New("this authentication service hands no connections over")

// Unavailable is the Step of an exchange that nobody answers.
func Unavailable() Step {
	return Step{State: ipc.AuthTempFail, Code: ipc.AuthCodeUnavailable, Text: "Temporary authentication failure"}
}
