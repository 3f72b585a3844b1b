package queuectl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// ErrDenied is wrapped by errors of Do: qmgr does not do this for the caller.
var ErrDenied = errors.New("not allowed")

// Down is the error of Do when nobody answers at qmgr's socket, or no longer.
type Down struct{ Cause error }

func (d *Down) Error() string { return fmt.Sprintf("mail system is down (%v)", d.Cause) }

func (d *Down) Unwrap() error { return d.Cause }

// Params are the parameters that this package reads.
func Params() []*config.Def {
	return []*config.Def{config.QueueDirectory.Def, config.IpcTimeout.Def}
}

// ValidSite tells whether mail can be asked for by this name: a domain, or "@"
// and the domain above all those that are meant.
func ValidSite(name string) bool {
	domain := strings.TrimPrefix(name, "@")
	_, literal := smtp.ParseLiteral(domain)
	return literal || smtp.ValidDomain(strings.TrimSuffix(domain, "."))
}

// A Client asks qmgr.
type Client struct {
	path    string
	program string
	timeout time.Duration
}

// New returns a client for the system that c configures. program is the name
// of the command, for qmgr's log.
func New(c *config.Config, program string) *Client {
	return &Client{
		path:    filepath.Join(config.QueueDirectory.Of(c), queue.DirPublic, "qmgr"),
		program: program,
		timeout: config.IpcTimeout.Of(c),
	}
}

// Do has one request carried out and gives visit each reply to it, as they
// come, with the files beside it, which visit owns. An error of visit ends the
// conversation and is returned; the first that qmgr tells of is returned at
// its end.
func (c *Client) Do(req ipc.ControlRequest, visit func(*ipc.ControlReply, []*os.File) error) error {
	conn, err := fdpass.Dial(c.path)
	if err != nil {
		return &Down{err}
	}
	defer conn.Close()
	if err := conn.Unix().SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	// A peer that hangs up early has often said why before: read that first.
	sent := conn.Send(ipc.Hello{Version: ipc.ControlVersion, Role: ipc.RoleControl, Program: c.program})
	if sent == nil {
		sent = conn.Send(req)
	}
	var refused error
	for {
		var reply ipc.ControlReply
		files, err := conn.Recv(&reply)
		switch {
		case err != nil && refused != nil:
			return refused
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
			fallthrough
		case err != nil:
			return &Down{fmt.Errorf("ask qmgr: %w", errors.Join(sent, err))}
		}
		if err := conn.Unix().SetDeadline(time.Now().Add(c.timeout)); err != nil {
			fdpass.CloseAll(files)
			return err
		}
		// One message of many may fail: what was done is told all the same.
		if err := visit(&reply, files); err != nil {
			return err
		}
		if reply.Error != "" && refused == nil {
			refused = refusal(&reply)
		}
		if reply.End {
			return refused
		}
	}
}

// Ignore is a visit of Do for who wants to know no more than whether it was done.
func Ignore(_ *ipc.ControlReply, files []*os.File) error {
	fdpass.CloseAll(files)
	return nil
}

func refusal(reply *ipc.ControlReply) error {
	if reply.Denied {
		return fmt.Errorf("%w: %s", ErrDenied, reply.Error)
	}
	return errors.New(reply.Error)
}
