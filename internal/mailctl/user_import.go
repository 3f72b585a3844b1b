package mailctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/passdb"
)

// userImport takes accounts over. What cannot be taken over is said, line by
// line, and fails the command; the rest is done.
func userImport(_ context.Context, env *cli.Env, args []string) error {
	names, err := operands("import", args, 1, nil)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	im := &importer{k: k, file: names[0], domains: map[string]bool{}}
	if err := k.edit(func(f *passdb.File) error { return im.take(f, string(b)) }); err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%d accounts taken over\n", im.taken)
	if im.taken > 0 {
		if err := k.announce(im.last); err != nil {
			return err
		}
	}
	if im.refused > 0 {
		return cli.Fail(cli.ExDataErr, "user import: %d lines were not taken over", im.refused)
	}
	return nil
}

// An importer takes the lines of a file over.
type importer struct {
	k              *keeper
	file           string
	domains        map[string]bool // that main.cf is set up for
	taken, refused int
	last           string
}

func (im *importer) take(f *passdb.File, text string) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		e, err := im.entry(line)
		if err == nil {
			err = im.put(f, e)
		}
		var status *cli.Status
		if errors.As(err, &status) && status.Code != cli.ExConfig {
			return err
		}
		if err != nil {
			im.refused++
			fmt.Fprintf(im.k.env.Stderr, "%s:%d: %v\n", im.file, number, err)
		}
	}
	return nil
}

// entry reads a line of a passwd-file, or of a file like /etc/shadow. The error
// has nothing of it.
func (im *importer) entry(line string) (*passdb.Entry, error) {
	e := &passdb.Entry{}
	if f := strings.Split(line, ":"); likeShadow(f) {
		e.User, e.Password = f[0], f[1]
		u, err := user.Lookup(f[0])
		if err != nil {
			return nil, errors.New("this user has no account in /etc/passwd that would say where the mail is")
		}
		e.UID, e.GID, e.Home = u.Uid, u.Gid, u.HomeDir
		line = e.String() // for its checks
	}
	e, err := passdb.ParseEntry(line)
	switch {
	case err != nil:
		return nil, err
	case e.Password == "" || e.Locked():
		if _, open := extraField(e, "nopassword"); !open {
			return nil, errors.New("this user has no password, or one that is locked")
		}
	}
	e.User = strings.ToLower(e.User)
	return e, nil
}

func extraField(e *passdb.Entry, name string) (string, bool) {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// likeShadow tells a line of shadow(5) from one of a passwd-file: nine fields,
// and only numbers behind the password.
func likeShadow(f []string) bool {
	if len(f) != 9 {
		return false
	}
	for _, n := range f[2:] {
		if _, err := strconv.Atoi(n); n != "" && err != nil {
			return false
		}
	}
	return f[2] != "" || f[4] != ""
}

// put adds an account.
func (im *importer) put(f *passdb.File, e *passdb.Entry) error {
	if f.Has(e.User) {
		return fmt.Errorf("there is an account of that name already, which is left as it is")
	}
	if _, domain, ok := strings.Cut(e.User, "@"); ok && !im.domains[domain] {
		s, err := im.k.setting(e.User)
		if err != nil {
			return err
		}
		if err := s.apply(); err != nil {
			return err
		}
		im.domains[domain] = true
	}
	if _, err := im.k.places.Of(e.Person()); err != nil {
		return err
	}
	f.Put(e.User, e)
	im.taken++
	im.last = e.User
	return nil
}
