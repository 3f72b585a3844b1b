package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/header"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// nobody stands in for an empty address.
const nobody = "MAILER-DAEMON"

// An account is a line of the password file.
type account struct{ login, name string }

func lookupUser(uid int) (account, error) {
	u, err := user.LookupId(strconv.Itoa(uid))
	var unknown user.UnknownUserIdError
	switch {
	case errors.As(err, &unknown):
		return askSystem(uid)
	case err != nil:
		return account{}, err
	}
	return newAccount(u.Username, u.Name), nil
}

// newAccount takes the first part of the GECOS field, where & stands for the
// login name.
func newAccount(login, gecos string) account {
	name, _, _ := strings.Cut(gecos, ",")
	if login != "" {
		capital := strings.ToUpper(login[:1]) + login[1:]
		name = strings.ReplaceAll(name, "&", capital)
	}
	return account{login, name}
}

// getent(1) asks the name services: this program is without the C library, and
// works while the mail system is down. Two is its status for "not found".
const (
	getent        = "/usr/bin/getent"
	getentTime    = 20 * time.Second
	getentUnknown = 2
)

// askSystem looks up a user whom /etc/passwd does not have: one of SSSD.
func askSystem(uid int) (account, error) {
	ctx, cancel := context.WithTimeout(context.Background(), getentTime)
	defer cancel()
	// With nothing of the caller's environment, nor of this program's group.
	c := exec.CommandContext(ctx, getent, "passwd", strconv.Itoa(uid))
	c.Env, c.Dir = []string{"PATH=/usr/bin:/bin"}, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
		Uid: uint32(os.Geteuid()), Gid: uint32(os.Getgid()), NoSetGroups: true,
	}}
	out, err := c.Output()
	var status *exec.ExitError
	switch {
	case errors.As(err, &status) && status.ExitCode() == getentUnknown:
		return account{}, user.UnknownUserIdError(uid)
	case err != nil:
		return account{}, fmt.Errorf("%s: %w", getent, err)
	}
	f := strings.Split(strings.TrimRight(string(out), "\n"), ":")
	if len(f) != 7 || f[2] != strconv.Itoa(uid) {
		return account{}, fmt.Errorf("%s: the answer is no line of passwd(5)", getent)
	}
	return newAccount(f[0], f[4]), nil
}

// A letter is what is written into the file, less its body.
type letter struct {
	env      queue.Envelope
	head     []byte
	look     *header.Inspector
	fullName string
	origin   string // myorigin
	hostname string
}

// compose makes envelope and header of what the command line and the header
// say. name is the caller's $NAME.
func compose(env *cli.Env, o *options, name string, in *input) (*letter, error) {
	l := &letter{
		origin: config.Myorigin.Of(env.Config), hostname: config.Myhostname.Of(env.Config),
		env: queue.Envelope{Attrs: o.attrs()},
	}
	uid := os.Getuid()
	who, whoErr := lookupUser(uid)
	if err := l.sender(env, o, who, whoErr, uid); err != nil {
		return nil, err
	}
	switch {
	case o.fullName != "":
		l.fullName = o.fullName
	case name != "":
		l.fullName = name
	default:
		l.fullName = who.name
	}
	var err error
	if l.head, l.look, err = in.header(); err != nil {
		return nil, &readError{err}
	}
	return l, l.recipients(env, o, who, uid)
}

// sender finds the envelope sender.
func (l *letter) sender(env *cli.Env, o *options, who account, whoErr error, uid int) error {
	if !o.fs.Changed("sender") {
		var unknown user.UnknownUserIdError
		switch {
		case whoErr != nil && !errors.As(whoErr, &unknown):
			return fail(cli.ExTempFail, "the login name of user ID %d is not known now: %w", uid, whoErr)
		case whoErr != nil:
			return fail(cli.ExOSErr, "no login name found for user ID %d: name a sender with -f", uid)
		}
		l.env.Sender = l.complete(who.login)
		return checkAddress("sender", l.env.Sender)
	}
	list, err := header.ParseAddressList(o.sender)
	if err != nil {
		return fail(cli.ExDataErr, "sender: %w", err)
	}
	if len(list) > 1 {
		warn(env, "-f option specified malformed sender: %.100q; taking the first address", o.sender)
	}
	if len(list) > 0 && list[0].Addr != "" {
		l.env.Sender = l.complete(list[0].Addr)
	}
	return checkAddress("sender", l.env.Sender)
}

// checkAddress sees to it that nothing which is not an address gets into a
// queue file, whoever it came from.
func checkAddress(what, addr string) error {
	if err := smtp.Check(addr); err != nil {
		return fail(cli.ExDataErr, "%s %.100q: %w", what, addr, err)
	}
	return nil
}

// complete adds myorigin to an address without a domain.
func (l *letter) complete(addr string) string {
	if strings.Contains(addr, "@") {
		return addr
	}
	return addr + "@" + l.origin
}

// recipients collects those of the command line and with -t those of the
// header, each once.
func (l *letter) recipients(env *cli.Env, o *options, who account, uid int) error {
	var attrs map[string]string
	if n, err := smtp.ParseNotify(o.notify); err == nil {
		attrs = map[string]string{queue.AttrNotify: n.String()}
	}
	seen := map[string]bool{}
	add := func(addr string) error {
		addr = l.complete(addr)
		if key := smtp.FoldDomain(addr); !seen[key] {
			seen[key] = true
			l.env.Recipients = append(l.env.Recipients, queue.Recipient{Address: addr, Attrs: attrs})
		}
		return checkAddress("recipient", addr)
	}
	for _, arg := range env.Args {
		list, err := header.ParseAddressList(arg)
		if err != nil {
			return fail(cli.ExDataErr, "recipient: %w", err)
		}
		if len(list) == 0 {
			list = []header.Address{{}}
		}
		for _, a := range list {
			if a.Addr == "" {
				a.Addr = nobody
			}
			if err := add(a.Addr); err != nil {
				return err
			}
		}
	}
	if o.extract {
		if err := l.extract(add); err != nil {
			return err
		}
	}
	if len(l.env.Recipients) > 0 {
		return nil
	}
	if o.extract {
		return usage("%s(%d): No recipient addresses found in message header", who.login, uid)
	}
	return usage("%s(%d): Recipient addresses must be specified on the command line or via the -t option", who.login, uid)
}

// extract adds the recipients that the header names: those of the Resent-
// fields when there are any (RFC 5322, 3.6.6).
func (l *letter) extract(add func(string) error) error {
	prefix := ""
	if l.look.Count("resent-to")+l.look.Count("resent-cc")+l.look.Count("resent-bcc") > 0 {
		prefix = "resent-"
	}
	var failed error
	header.Each(l.head, func(name string, value []byte) {
		field, ok := strings.CutPrefix(name, prefix)
		if !ok || field != "to" && field != "cc" && field != "bcc" || failed != nil {
			return
		}
		list, err := header.ParseAddressList(string(value))
		if err != nil {
			failed = fail(cli.ExDataErr, "%s field: %w", name, err)
			return
		}
		for _, a := range list {
			if a.Addr != "" && failed == nil {
				failed = add(a.Addr)
			}
		}
	})
	return failed
}

// write writes header and body to w; id is the queue ID.
func (l *letter) write(w io.Writer, id string, now time.Time, in *input) error {
	c := header.Completion{Sender: l.env.Sender, FullName: l.fullName, Origin: l.origin, ID: id, Host: l.hostname, Now: now}
	f := header.NewFilter(w, header.Dropped, func(w io.Writer) error { return c.Missing(w, l.look) })
	if _, err := f.Write(l.head); err != nil {
		return err
	}
	if err := in.rest(f); err != nil {
		return err
	}
	return f.Close()
}
