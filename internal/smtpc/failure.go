package smtpc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// maxText is the most of a text that is put into a result, octets.
const maxText = 1000

// A failure says why a message did not go to some recipients, as an error.
type failure struct {
	permanent bool
	elsewhere bool   // another server may do better, though this one never will
	site      bool   // no recipient would have been better off: no connection, greeting, TLS
	code      string // enhanced status code
	text      string // for the sender, the queue listing and the log
	host      string // the remote host, where it said so
	relay     string // for the log, where it is not the server at hand
}

func (f *failure) Error() string { return f.text }

// fails returns a failure of this side: class 4 or 5.
func fails(class int, d smtp.Detail, format string, args ...any) *failure {
	return &failure{permanent: class == 5, code: d.Code(class), text: shorten(maillog.Clean(fmt.Sprintf(format, args...)))}
}

// orElsewhere has other servers tried first.
func (f *failure) orElsewhere() *failure {
	f.elsewhere = true
	return f
}

// The details that RFC 3463, 3 has for a client's own troubles.
var (
	noAnswer     = smtp.Detail{Subject: 4, Detail: 1}
	badLink      = smtp.BadConnection
	noServerDNS  = smtp.Detail{Subject: 4, Detail: 3}
	noRoute      = smtp.Detail{Subject: 4, Detail: 4}
	noMailHere   = smtp.Detail{Subject: 1, Detail: 10} // RFC 7505, 5.1
	badProtocol  = smtp.Detail{Subject: 5, Detail: 0}
	badConfig    = smtp.Detail{Subject: 3, Detail: 5}
	noConversion = smtp.Detail{Subject: 6, Detail: 3}
	noFeature    = smtp.Detail{Subject: 3, Detail: 3}
	timeOver     = smtp.Detail{Subject: 4, Detail: 7} // RFC 2852, 4
	noUTF8       = smtp.Detail{Subject: 6, Detail: 7} // RFC 6531, 3.2
	noAuth       = smtp.Detail{Subject: 7, Detail: 0}
	noTLS        = smtp.Detail{Subject: 7, Detail: 4}
	badTLS       = smtp.Detail{Subject: 7, Detail: 5}
)

// said is the failure for a refusal of the server's. Codes of other classes
// than 4 and 5 make no sense where they are refusals, and are taken for 4.
func said(s *session, r *reply, format string, args ...any) *failure {
	class := r.class()
	f := &failure{permanent: class == 5, host: s.peer.host}
	if class != 4 && class != 5 {
		f.code = badProtocol.Code(4)
	} else {
		f.code = r.enhanced(class)
	}
	f.text = shorten(fmt.Sprintf(format, args...))
	return f
}

// temporary makes f one that is tried again.
func (f *failure) temporary() *failure {
	t := *f
	t.permanent = false
	if rest, ok := strings.CutPrefix(t.code, "5."); ok {
		t.code = "4." + rest
	}
	return &t
}

// ofSite makes f one of the whole next hop, which qmgr takes for its concurrency.
func (f *failure) ofSite() *failure {
	t := *f
	t.site = true
	return &t
}

// shorten cuts a text between two characters.
func shorten(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText - 3
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// A lost is a connection that has ended, stalled, or become useless in a step.
type lost struct {
	name  string // host[address]
	phase string // what was being done
	err   error
}

func (l *lost) Error() string {
	switch {
	case errors.Is(l.err, errUnasked):
		return fmt.Sprintf("host %s sent a reply that nothing asks for while %s", l.name, l.phase)
	case errors.Is(l.err, errGarbled):
		return fmt.Sprintf("host %s sent a garbled reply while %s", l.name, l.phase)
	case errors.Is(l.err, errStopping):
		return fmt.Sprintf("the conversation with %s was broken off while %s: this system is stopping", l.name, l.phase)
	case errors.Is(l.err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("conversation with %s timed out while %s", l.name, l.phase)
	}
	return fmt.Sprintf("lost connection with %s while %s", l.name, l.phase)
}

func (l *lost) Unwrap() error { return l.err }

// errStopping is why a session ends when the process must.
var errStopping = errors.New("stopping")

// asFailure turns any error of an attempt into a failure. What is not known to
// be permanent is tried again.
func asFailure(err error) *failure {
	var f *failure
	var l *lost
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &l):
		if errors.Is(err, errGarbled) {
			return fails(4, badProtocol, "%v", l)
		}
		return fails(4, badLink, "%v", l)
	}
	return fails(4, smtp.LocalProcessing, "local error in processing: %v", err)
}

// result is the outcome of a recipient who was not reached.
func (f *failure) result(r *ipc.Recipient) ipc.Result {
	status := ipc.Deferred
	if f.permanent {
		status = ipc.Bounced
	}
	return ipc.Result{
		Index: r.Index, Status: status, Code: f.code, Text: f.text, Relay: f.relay, Host: f.host,
		Site: f.site && !f.permanent,
	}
}

// connectReason is the system's word for a connection that was not made, as
// the log has it.
func connectReason(err error) string {
	var errno syscall.Errno
	var dns net.Error
	switch {
	case errors.As(err, &errno):
		s := errno.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	case errors.As(err, &dns) && dns.Timeout():
		return "Connection timed out"
	}
	return maillog.Clean(err.Error())
}
