package resolve

import (
	"context"
	"errors"
	"fmt"
)

// A Kind is what the failure of a question means.
type Kind int

const (
	// Temporary says nothing about the name: a server failed, refused, lied or
	// was silent. Mail waits.
	Temporary Kind = iota
	// NotFound: there is no such name (NXDOMAIN).
	NotFound
	// NoData: the name is there, and has no record of the type.
	NoData
	// NullMX: the domain says that it takes no mail (RFC 7505).
	NullMX
	// Invalid: what was asked is not a domain name, or all that its records
	// name is not one, which must not be taken for no record (RFC 5321, 5.1).
	Invalid
)

var kinds = [...]string{"temporary", "not found", "no data", "null MX", "invalid"}

func (k Kind) String() string { return kinds[k] }

// An Error is a question without the answer that was hoped for. Every error of
// this package is one.
type Error struct {
	Kind   Kind
	Name   string // what was asked for, without a final dot
	Type   string // of records: "MX"
	Server string // address:port of the name server that said it; "" for none
	// Secure tells that the server vouches for the absence: see Answer.
	Secure bool
	Text   string // what is wrong, in a sentence for people
	Reason string // the part of Text that says why, of a temporary error: "name server 192.0.2.53:53 says SERVFAIL"
	Err    error  // the cause, where there is one
}

func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf tells what err means. Errors that are not of this package are
// temporary.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Temporary
}

// failed is a temporary error.
func (q question) failed(server string, err error, format string, args ...any) *Error {
	reason := fmt.Sprintf(format, args...)
	return &Error{
		Kind: Temporary, Name: q.name, Type: q.kind(), Server: server, Err: err, Reason: reason,
		Text: fmt.Sprintf("cannot look up the %s record of %s: %s", q.kind(), q.name, reason),
	}
}

// absent is a negative answer. name is where a chain of aliases ended.
func (q question) absent(kind Kind, name, server string, secure bool) *Error {
	e := &Error{Kind: kind, Name: q.name, Type: q.kind(), Server: server, Secure: secure}
	subject := q.name
	if name != q.name {
		subject = fmt.Sprintf("%s stands for %s, which", q.name, name)
	}
	if kind == NotFound {
		e.Text = fmt.Sprintf("%s does not exist: name server %s knows no such domain", subject, server)
	} else {
		e.Text = fmt.Sprintf("%s has no %s record, says name server %s", subject, q.kind(), server)
	}
	return e
}

// left is the error of a caller who does not wait for the answer.
func (q question) left(ctx context.Context) *Error {
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return q.failed("", err, "no answer in time")
	}
	return q.failed("", err, "%v", err)
}
