package local

import (
	"io"
	"strings"
	"time"

	"yubin/internal/account"
	"yubin/internal/aliases"
	"yubin/internal/command"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/mbox"
	"yubin/internal/queue"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// commands are the parameters of commands. Its fields do not change.
type commands struct {
	noOriginal         bool // enable_original_recipient = no
	guard              *command.Guard
	env                func(vars ...string) []string
	shell, filter      string
	directory, dirChar string // command_execution_directory and its filter
	time               time.Duration
}

// A program is a command that gets a message.
type program struct {
	*commands
	line string
	as   identity
	dir  string
	vars []string // NAME=VALUE
}

// program is a delivery to a command with the rights of as; nil: default_privs.
// user is whose .forward file names it.
func (t *users) program(_ *letter, r *ipc.Recipient, line string, as, user *account.Person) (*action, error) {
	id, err := t.rights(as)
	if err != nil {
		return nil, err
	}
	local, domain := smtp.SplitAddress(r.Address)
	name, extension := route.SplitExtension(local, t.x.Delimiters)
	if user != nil {
		name = user.Name
	}
	p := &program{commands: t.commands, line: line, as: id}
	if as != nil {
		p.add("HOME", as.Home)
		p.add("SHELL", as.Shell)
	}
	p.add("LOGNAME", strings.ToLower(name))
	p.add("USER", strings.ToLower(name))
	p.add("RECIPIENT", r.Address)
	p.add("LOCAL", local)
	p.add("DOMAIN", domain)
	p.add("EXTENSION", extension)
	if !t.commands.noOriginal {
		p.add("ORIGINAL_RECIPIENT", original(r))
	}
	dir, _, err := config.Template(t.commands.directory, aliases.Filtered(t.x.Values(r.Address, as), t.commands.dirChar))
	if err != nil {
		return nil, misconfigured(err, "command_execution_directory cannot be expanded")
	}
	p.dir = dir
	return &action{to: p}, nil
}

// add adds a variable that has a value, without the characters that a shell might
// see something in.
func (p *program) add(name, value string) {
	if value != "" {
		p.vars = append(p.vars, name+"="+aliases.Filter(value, p.filter))
	}
}

// exported are the attributes of a message that commands get.
var exported = [...]struct{ variable, attr string }{
	{"CLIENT_HOSTNAME", queue.AttrClientName}, {"CLIENT_ADDRESS", queue.AttrClientAddress}, {"CLIENT_HELO", queue.AttrHelo},
	{"CLIENT_PROTOCOL", queue.AttrProtocol}, {"SASL_METHOD", queue.AttrSASLMethod}, {"SASL_SENDER", queue.AttrSASLSender},
	{"SASL_USERNAME", queue.AttrSASLUser}, {"ENVID", queue.AttrEnvID},
}

func (p *program) deliver(a *deliverer, l *letter, k *task) error {
	id := command.Identity{UID: p.as.uid, GID: p.as.gid}
	if err := p.guard.Check(id); err != nil {
		return misconfigured(err, "a command has no user whose rights it could have")
	}
	p.add("SENDER", smtp.Quote(k.sender))
	for _, e := range exported {
		p.add(e.variable, l.req.Attrs[e.attr])
	}
	fields, err := a.header(l, k, "command")
	if err != nil {
		return err
	}
	header := append([]byte(mbox.From(smtp.Quote(k.sender), time.UnixMicro(l.req.Arrival))), fields...)
	prog := &command.Program{
		As: id, Env: p.env(p.vars...), Dir: p.dir, Time: p.time,
		Stdin: func(w io.Writer) error {
			if _, err := w.Write(header); err != nil {
				return err
			}
			content, offset := l.source()
			_, err := io.Copy(w, io.NewSectionReader(content, offset, l.req.Length))
			return err
		},
	}
	prog.Line(p.line, p.shell)
	out := prog.Run(a.ending)
	if out.Status != ipc.Sent {
		return &outcome{out.Status, out.Code, out.Text, out.Err}
	}
	k.text = "delivered to command: " + p.line
	return nil
}

// environment makes the environment of commands.
func environment(c *config.Config) func(vars ...string) []string {
	return func(vars ...string) []string { return command.Environment(c, vars...) }
}
