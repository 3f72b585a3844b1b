package pipe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yubin/internal/smtp"
)

// The flags that Postfix has, with its letters.
const allFlags = "BDFORXhqu.>"

// attributes are what master.cf says of a service behind the name of the
// program.
type attributes struct {
	flags       string
	user, group string // group "": the user's own
	chroot      string
	dir         string // "": queue_directory
	eol         string
	size        int64  // the largest message, octets; 0: no limit
	null        string // what stands for the null sender
	argv        []template
}

func (a *attributes) has(flag byte) bool { return strings.IndexByte(a.flags, flag) >= 0 }

// alone tells that the message names the recipient: each gets a program of its
// own.
func (a *attributes) alone() bool { return a.has('D') || a.has('O') }

// nullSender is what stands for the null sender where master.cf does not say.
const nullSender = "MAILER-DAEMON"

// parseAttributes reads the operands of the program: NAME=VALUE each, the last
// one argv=, with which the argument list begins.
func parseAttributes(operands []string) (*attributes, error) {
	a := &attributes{eol: "\n", null: nullSender}
	for i, o := range operands {
		name, value, ok := strings.Cut(o, "=")
		name = strings.ToLower(name)
		if ok && name == "argv" {
			return a, a.finish(append([]string{value}, operands[i+1:]...))
		}
		set := setters[name]
		if !ok || set == nil {
			return nil, fmt.Errorf("want flags=, user=, chroot=, directory=, eol=, size=, null_sender= or argv=, have %q", o)
		}
		if err := set(a, value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil, errors.New("argv= is missing: the program to deliver to, at the end")
}

// finish takes the argument list, and looks at the whole.
func (a *attributes) finish(argv []string) error {
	if a.user == "" {
		return errors.New("user= is missing: whom the program runs as")
	}
	if argv[0] == "" {
		return errors.New("argv=: want the program right behind the =")
	}
	for _, arg := range argv {
		t, err := parseTemplate(arg)
		if err != nil {
			return fmt.Errorf("argv: %w in %q", err, arg)
		}
		a.argv = append(a.argv, t)
	}
	if len(a.argv[0].parts) != 1 || a.argv[0].parts[0].macro != nil {
		return fmt.Errorf("argv=: want the name of a program, have %q", argv[0])
	}
	return nil
}

// setters take a value each.
var setters = map[string]func(*attributes, string) error{
	"flags": func(a *attributes, v string) error {
		if i := strings.IndexFunc(v, func(r rune) bool { return !strings.ContainsRune(allFlags, r) }); i >= 0 {
			return fmt.Errorf("want letters of %q, have %q", allFlags, v)
		}
		a.flags = v
		return nil
	},
	"user": func(a *attributes, v string) error {
		a.user, a.group, _ = strings.Cut(v, ":")
		if a.user == "" {
			return fmt.Errorf("want user or user:group, have %q", v)
		}
		return nil
	},
	"chroot":    func(a *attributes, v string) error { return path(&a.chroot, v) },
	"directory": func(a *attributes, v string) error { return path(&a.dir, v) },
	"eol": func(a *attributes, v string) (err error) {
		a.eol, err = unescape(v)
		return err
	},
	"size": func(a *attributes, v string) (err error) {
		if a.size, err = strconv.ParseInt(v, 10, 64); err != nil || a.size < 0 {
			return fmt.Errorf("want a number of octets, 0 for no limit, have %q", v)
		}
		return nil
	},
	"null_sender": func(a *attributes, v string) error { a.null = v; return nil },
}

func path(to *string, v string) error {
	if !strings.HasPrefix(v, "/") {
		return fmt.Errorf("want an absolute path, have %q", v)
	}
	*to = v
	return nil
}

// escapes are those of the C language that eol= may have, beside octal ones.
var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\'}

func unescape(v string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' {
			b.WriteByte(v[i])
			continue
		}
		rest := v[i+1:]
		digits := 0
		for digits < min(3, len(rest)) && rest[digits] >= '0' && rest[digits] <= '7' {
			digits++
		}
		switch {
		case digits > 0:
			n, err := strconv.ParseUint(rest[:digits], 8, 8)
			if err != nil {
				return "", fmt.Errorf("want \\ and an octal number up to 377, have %q", v)
			}
			b.WriteByte(byte(n))
			i += digits
		case rest != "" && escapes[rest[0]] != 0:
			b.WriteByte(escapes[rest[0]])
			i++
		default:
			return "", fmt.Errorf("want \\n, \\r, \\t, \\\\ or the like, have %q", v)
		}
	}
	if b.Len() == 0 {
		return "", errors.New("want what ends a line, such as \\r\\n")
	}
	return b.String(), nil
}

// sender is whom the program is told that the message comes from.
func (a *attributes) sender(s string) string {
	if s == "" {
		s = a.null
	}
	return s
}

// quoted is addr in the form that RFC 5321 has for it, where flag q asks so.
func (a *attributes) quoted(addr string) string {
	if a.has('q') {
		return smtp.Quote(addr)
	}
	return addr
}
