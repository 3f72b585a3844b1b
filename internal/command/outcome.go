package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// An Outcome is what becomes of the delivery.
type Outcome struct {
	Status string // ipc.Sent, ipc.Deferred, ipc.Bounced
	Code   string // enhanced status code
	// Text is one clean line: why, for the sender, the log and the queue. When
	// Status is ipc.Sent it is what the program has said, often nothing.
	Text string
	// Err is the cause where it is ours to mend, for the log; else nil.
	Err error
}

// errTime is the cause of a program that took longer than it may.
var errTime = errors.New("time limit exceeded")

// exits are the exit statuses of sysexits.h, from 64 on, with Postfix's codes
// and words, which people search logs for.
var exits = [...]struct{ code, text string }{
	{"5.3.0", "command line usage error"},
	{"5.6.0", "data format error"},
	{"5.3.0", "cannot open input"},
	{"5.1.1", "user unknown"},
	{"5.1.2", "host name unknown"},
	{"5.3.0", "service unavailable"},
	{"5.3.0", "internal software error"},
	{"4.3.0", "system resource problem"},
	{"5.3.0", "critical OS file missing"},
	{"5.2.0", "can't create user output file"},
	{"5.3.0", "input/output error"},
	{"4.3.0", "temporary failure"},
	{"5.5.0", "remote error in protocol"},
	{"5.7.0", "permission denied"},
	{"5.3.5", "local configuration error"},
}

const firstExit = 64

// unable is the outcome of a program that could not be run: that is ours to
// mend, and mail waits for it.
func (p *Program) unable(err error) *Outcome {
	return &Outcome{ipc.Deferred, "4.3.5", maillog.Clean(fmt.Sprintf("cannot run %q: %s", p.Name, p.cause(err))), err}
}

// cause is the innermost reason, without paths that are not the program's.
func (p *Program) cause(err error) string {
	var call *os.SyscallError
	var no syscall.Errno
	switch {
	case errors.Is(err, errNotRoot) || errors.Is(err, errNoName):
		return err.Error()
	case errors.As(err, &no):
		// The kernel does not say which of the two it did not find.
		if _, err := os.Stat(filepath.Join("/", p.Chroot, p.Dir)); p.Dir != "" && err != nil {
			return "cannot enter its directory: " + no.Error()
		}
		return no.Error()
	case errors.As(err, &call):
		return call.Err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "no such program"
	}
	return "it has no fitting identity"
}

// judge says what the end of the program means.
func (p *Program) judge(state *os.ProcessState, stopped, failed error, output string) *Outcome {
	said := clean(output)
	behind := ""
	if said != "" {
		behind = ". Command output: " + said
	}
	ws, _ := state.Sys().(syscall.WaitStatus)
	deferred := func(err error, format string, args ...any) *Outcome {
		return &Outcome{ipc.Deferred, "4.3.0", maillog.Clean(fmt.Sprintf(format, args...)) + behind, err}
	}
	switch {
	case failed != nil:
		behind = ""
		return deferred(failed, "the message could not be read from the queue")
	case ws.Exited() && ws.ExitStatus() == 0:
		return &Outcome{Status: ipc.Sent, Code: "2.0.0", Text: said}
	case errors.Is(stopped, errTime):
		return deferred(nil, "Command time limit exceeded: %q", p.Name)
	case stopped != nil:
		return deferred(nil, "Command stopped, the mail system is shutting down: %q", p.Name)
	case ws.Signaled():
		return deferred(nil, "Command died with signal %d: %q", int(ws.Signal()), p.Name)
	}
	if class, d, text, ok := Coded(said); ok && class != 2 {
		if text == "" {
			text = maillog.Clean(fmt.Sprintf("refused by %q", p.Name))
		}
		return &Outcome{Status: status(class), Code: d.Code(class), Text: text}
	}
	n := ws.ExitStatus()
	if i := n - firstExit; i >= 0 && i < len(exits) {
		e := exits[i]
		return &Outcome{Status: status(int(e.code[0] - '0')), Code: e.code, Text: e.text + behind}
	}
	return &Outcome{Status: ipc.Bounced, Code: "5.3.0", Text: maillog.Clean(fmt.Sprintf("Command died with status %d: %q", n, p.Name)) + behind}
}

func status(class int) string {
	if class == 4 {
		return ipc.Deferred
	}
	return ipc.Bounced
}

// Coded takes an enhanced status code off the front of a text (RFC 3463, 2): the
// code ends the text, or blanks follow.
func Coded(text string) (class int, d smtp.Detail, rest string, ok bool) {
	word, rest, _ := strings.Cut(text, " ")
	class, d, ok = smtp.ParseCode(word)
	return class, d, strings.Trim(rest, " "), ok
}

// clean makes one line of what a program has written.
func clean(output string) string {
	lines := strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return maillog.Clean(strings.TrimSpace(strings.Join(lines, " ")))
}
