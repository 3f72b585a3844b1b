package aliases

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"yubin/internal/account"
	"yubin/internal/config"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// Values are what $name stands for in forward_path, luser_relay and
// command_execution_directory. u may be nil.
func (x *Expander) Values(addr string, u *account.Person) func(name string) (string, bool) {
	local, domain := smtp.SplitAddress(addr)
	base, extension := route.SplitExtension(local, x.Delimiters)
	all := map[string]string{"recipient": addr, "mailbox": addr, "local": local, "domain": domain, "user": base}
	if base != local {
		all["extension"] = extension
		all["recipient_delimiter"] = local[len(base) : len(local)-len(extension)]
	}
	if u != nil {
		all["user"], all["home"], all["shell"] = u.Name, u.Home, u.Shell
	}
	return func(name string) (string, bool) { v := all[name]; return v, v != "" }
}

// Filtered replaces by _ what filter does not have of the values.
func Filtered(values func(string) (string, bool), filter string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values(name)
		return Filter(v, filter), ok
	}
}

// Filter replaces by _ each octet of s that is not in filter.
func Filter(s, filter string) string {
	b := []byte(s)
	for i, c := range b {
		if strings.IndexByte(filter, c) < 0 {
			b[i] = '_'
		}
	}
	return string(b)
}

// Forward returns what a user's .forward file makes of mail for addr; nil: there
// is none, or none that counts.
func (x *Expander) Forward(u *account.Person, addr string) (*Expansion, error) {
	r := x.newRun()
	local, domain := smtp.SplitAddress(addr)
	in := source{kind: InForward, name: u.Name, domain: domain, user: u, as: u}
	if u.UID == "0" {
		in.as = nil // what root's file names has the rights of default_privs
	}
	for _, text := range x.ForwardPath {
		path, unknown, err := config.Template(text, Filtered(x.Values(addr, u), x.ForwardFilter))
		if err != nil {
			return nil, misconfigured(err, "forward_path cannot be expanded")
		}
		if unknown || !strings.HasPrefix(path, "/") {
			continue
		}
		c, err := x.Open(path, u, true)
		if absent(err) {
			r.note(path, "does not exist")
			continue
		}
		if why := refused(c, u, err); why != nil {
			if !settled(err) {
				return nil, &Error{4, smtp.LocalProcessing, "the user's .forward file cannot be read", why}
			}
			r.note(path, "does not count: %v", why)
			x.Warn(fmt.Sprintf("file %s does not count: %v", path, why))
			return nil, nil
		}
		if base, _ := route.SplitExtension(local, x.Delimiters); !strings.Contains(text, "extension") {
			in.rest = local[len(base):]
		}
		return r.forward(&in, path, c)
	}
	return nil, nil
}

// absent tells whether a file is not there. One in a place that its own user may
// not look into is not there for him.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// settled tells whether an error is of the file as it is, and not of the moment.
func settled(err error) bool {
	return err == nil || errors.Is(err, syscall.ELOOP) || errors.Is(err, fs.ErrPermission) || errors.Is(err, errTooLong)
}

// refused says why a .forward file does not count.
func refused(c *Content, u *account.Person, err error) error {
	switch {
	case errors.Is(err, syscall.ELOOP):
		return errors.New("it is a link, want a regular file")
	case err != nil:
		return err
	case !c.Mode.IsRegular():
		return errors.New("not a regular file")
	case c.UID != 0 && fmt.Sprint(c.UID) != u.UID:
		return fmt.Errorf("it belongs to uid %d, want %s or root", c.UID, u.UID)
	case c.Mode.Perm()&0o002 != 0:
		return errors.New("anybody may write to it (mode o+w)")
	}
	return nil
}

// forward takes the lines of a .forward file. One without members does not count.
func (r *run) forward(in *source, path string, c *Content) (*Expansion, error) {
	for _, l := range parseLines(path, c.Data) {
		in.from = l.from
		r.note(l.from, "has %d members", len(l.elements))
		if err := r.takeAll(in, l.elements); err != nil {
			return nil, err
		}
	}
	if len(r.members) == 0 && !r.circle {
		r.note(path, "is empty")
		return nil, nil
	}
	return r.end(in.name)
}

// Relay is the address that luser_relay is for mail to addr.
func (x *Expander) Relay(relay, addr string) (Member, error) {
	text, _, err := config.Template(relay, x.Values(addr, nil))
	if err != nil {
		return Member{}, err
	}
	return x.One(text)
}
