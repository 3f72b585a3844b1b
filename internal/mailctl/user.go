package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/account"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/passdb"
	"yubin/internal/smtp"
)

// userParams are the parameters that the subcommands read.
var userParams = slices.Concat(passdb.Params, account.QuotaParams, []*config.Def{
	config.PasswordScheme.Def, config.Mydestination.Def, config.RelayDomains.Def, config.VirtualMailboxDomains.Def,
	config.ParentDomainMatchesSubdomains.Def,
})

// userCommands is every command of `mailctl user`.
func userCommands() []subcommand {
	return []subcommand{
		{"add", "USER@DOMAIN", "make an account and its mailbox; the password is asked for, or read from standard input", userAdd},
		{"passwd", "USER@DOMAIN", "change the password, which is asked for, or read from standard input", userPasswd},
		{"list", "", "list the accounts", userList},
		{"show", "USER@DOMAIN", "show what is known of an account, but no secret", userShow},
		{"quota", quotaSynopsis, "show how much mail an account has and may have, or set the limit", userQuota},
		{"rename", "USER@DOMAIN NEW@DOMAIN", "give an account another name, and its mail with it", userRename},
		{"delete", "[--purge] USER@DOMAIN", "remove an account; with --purge its mail too", userDelete},
		{"import", "FILE", "take accounts over from a passwd-file or a file like /etc/shadow", userImport},
	}
}

// A keeper edits accounts: the configuration, and the file that they are in.
type keeper struct {
	env    *cli.Env
	file   string
	places *account.Places
	// changed is what was changed in main.cf.
	changed []config.Change
}

func newKeeper(env *cli.Env) (*keeper, error) {
	k := &keeper{env: env, file: passdb.PasswdFile(env.Config), places: account.NewPlaces(env.Config)}
	if k.file == "" {
		return nil, cli.Fail(cli.ExConfig, "auth_backends names no passwd-file: add passwd-file:%s/users", env.Config.Dir)
	}
	tables, err := account.OpenBefore(env.Config)
	if err != nil {
		return nil, &cli.Status{Code: cli.ExConfig, Err: err}
	}
	k.places.Tables = tables
	return k, nil
}

// operands reads the command line of a subcommand with n operands. Names are in
// lower case.
func operands(name string, args []string, n int, flags func(*pflag.FlagSet)) ([]string, error) {
	fs := pflag.NewFlagSet("mailctl user "+name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	if flags != nil {
		flags(fs)
	}
	err := fs.Parse(args)
	if err == nil && fs.NArg() != n {
		err = fmt.Errorf("want %d operands, have %d; a password is never one of them", n, fs.NArg())
	}
	if err != nil {
		synopsis := ""
		for _, s := range userCommands() {
			if s.name == name {
				synopsis = s.synopsis
			}
		}
		return nil, cli.Fail(cli.ExUsage, "user %s: %v; usage: mailctl user %s", name, err, strings.TrimSpace(name+" "+synopsis))
	}
	names := fs.Args()
	for i := range names {
		if name != "import" {
			names[i] = strings.ToLower(names[i])
		}
	}
	return names, nil
}

// newName checks the name of an account that is to be made.
func newName(name string) error {
	err := passdb.CheckName(name)
	if _, domain := smtp.SplitAddress(name); err == nil && domain == "" {
		err = errors.New("want a name with its domain, as people log in with it: USER@DOMAIN")
	}
	if err != nil {
		return cli.Fail(cli.ExUsage, "user: %v", err)
	}
	return nil
}

// edit has change edit the file. A *cli.Status goes through as it is.
func (k *keeper) edit(change func(f *passdb.File) error) error {
	err := passdb.Edit(k.file, change)
	var status *cli.Status
	switch {
	case err == nil || errors.As(err, &status):
		return err
	case errors.Is(err, os.ErrPermission):
		return &cli.Status{Code: cli.ExNoPerm, Err: err}
	}
	return &cli.Status{Code: cli.ExIOErr, Err: err}
}

// entryOf is the entry of a user who exists.
func entryOf(f *passdb.File, user string) (*passdb.Entry, error) {
	e, err := f.Find(user)
	switch {
	case err != nil:
		return nil, &cli.Status{Code: cli.ExDataErr, Err: err}
	case e == nil:
		return nil, cli.Fail(cli.ExNoUser, "user: there is no account %q", user)
	}
	return e, nil
}

// newPassword asks for a password, twice where it cannot be seen, and returns
// what is kept of it.
func newPassword(env *cli.Env, user string) (string, error) {
	password, err := readPassword(env, "New password of "+user+": ")
	if _, state := terminal(env); err == nil && state != nil {
		var again string
		if again, err = readPassword(env, "Once more: "); err == nil && again != password {
			err = errors.New("these were two different passwords: nothing is changed")
		}
	}
	var hash string
	if err == nil {
		hash, err = passdb.Make(config.PasswordScheme.Of(env.Config), password)
	}
	if err != nil {
		return "", cli.Fail(cli.ExUsage, "user: %v", err)
	}
	return hash, nil
}

// userAdd makes an account.
func userAdd(_ context.Context, env *cli.Env, args []string) error {
	names, err := operands("add", args, 1, nil)
	if err == nil {
		err = newName(names[0])
	}
	if err != nil {
		return err
	}
	user := names[0]
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	if err := k.absent(user); err != nil { // before anybody thinks of a password
		return err
	}
	s, err := k.setting(user)
	if err != nil {
		return err
	}
	e := &passdb.Entry{User: user}
	if e.Password, err = newPassword(env, user); err != nil {
		return err
	}
	var a *ipc.Account
	err = k.edit(func(f *passdb.File) (err error) {
		if f.Has(user) {
			return exists(user)
		}
		if err := s.apply(); err != nil {
			return err
		}
		if a, err = k.complete(e); err != nil {
			return err
		}
		f.Put(user, e)
		return nil
	})
	if err != nil {
		return err
	}
	if err := makeMailbox(a); err != nil {
		return cli.Fail(cli.ExIOErr, "user add: the account is there, its mailbox is not: %v", err)
	}
	fmt.Fprintf(env.Stdout, "%s: mailbox %s\n", user, mailboxPath(a))
	return k.announce(user)
}

func exists(user string) error {
	return cli.Fail(cli.ExDataErr, "user: there is an account %q already", user)
}

// absent fails where there is an account of that name.
func (k *keeper) absent(user string) error {
	f, err := passdb.Read(k.file)
	switch {
	case errors.Is(err, os.ErrPermission):
		return &cli.Status{Code: cli.ExNoPerm, Err: err}
	case err != nil:
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	case f.Has(user):
		return exists(user)
	}
	return nil
}

// complete writes into an entry whose the mailbox is and where, so that whoever
// reads the file knows, and returns the account.
func (k *keeper) complete(e *passdb.Entry) (*ipc.Account, error) {
	p := e.Person()
	if own := os.Geteuid(); own != 0 && p.UID == "" {
		// Everything is this user's in a private instance.
		p.UID, p.GID = fmt.Sprint(own), fmt.Sprint(os.Getegid())
	}
	a, err := k.places.Of(p)
	if err != nil {
		return nil, cli.Fail(cli.ExConfig, "user: %v", err)
	}
	e.UID, e.GID, e.Home = fmt.Sprint(a.UID), fmt.Sprint(a.GID), a.Home
	return a, nil
}

// userPasswd changes a password.
func userPasswd(_ context.Context, env *cli.Env, args []string) error {
	names, err := operands("passwd", args, 1, nil)
	if err != nil {
		return err
	}
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	f, err := passdb.Read(k.file)
	if err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	if !f.Has(names[0]) {
		return cli.Fail(cli.ExNoUser, "user: there is no account %q", names[0])
	}
	hash, err := newPassword(env, names[0])
	if err != nil {
		return err
	}
	return k.edit(func(f *passdb.File) error {
		if !f.SetPassword(names[0], hash) {
			return cli.Fail(cli.ExNoUser, "user: there is no account %q", names[0])
		}
		return nil
	})
}

// userList prints the names of the accounts in the file.
func userList(_ context.Context, env *cli.Env, args []string) error {
	if _, err := operands("list", args, 0, nil); err != nil {
		return err
	}
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	f, err := passdb.Read(k.file)
	if err != nil {
		return &cli.Status{Code: cli.ExNoPerm, Err: err}
	}
	for _, name := range f.Users() {
		fmt.Fprintln(env.Stdout, name)
	}
	return nil
}

// userShow prints what any backend knows of an account.
func userShow(ctx context.Context, env *cli.Env, args []string) error {
	names, err := operands("show", args, 1, nil)
	if err != nil {
		return err
	}
	c, backend, err := findAccount(ctx, env, names[0])
	if err != nil {
		return err
	}
	return showAccount(env, backend, c)
}

// findAccount asks the backends for an account; backend is the one that has it.
func findAccount(ctx context.Context, env *cli.Env, user string) (c *passdb.Credential, backend string, err error) {
	problem := func(p config.Problem) { fmt.Fprintf(env.Stderr, "mailctl: warning: %v\n", p) }
	backends, err := passdb.Open(passdb.Env{Config: env.Config, Hasher: passdb.NewHasher(nil, nil), Report: problem})
	if err != nil {
		return nil, "", &cli.Status{Code: cli.ExConfig, Err: err}
	}
	for _, db := range backends {
		c, err := db.Lookup(ctx, user)
		switch {
		case errors.Is(err, passdb.ErrUnknown), errors.Is(err, passdb.ErrCannotTell):
			continue
		case err != nil:
			return nil, "", cli.Fail(cli.ExUnavailable, "user: %s: %v", db.Name(), err)
		}
		return c, db.Name(), nil
	}
	return nil, "", cli.Fail(cli.ExNoUser, "user: there is no account %q", user)
}

func showAccount(env *cli.Env, backend string, c *passdb.Credential) error {
	w := env.Stdout
	fmt.Fprintf(w, "user: %s\nbackend: %s\n", c.User, backend)
	scheme := c.Scheme
	if scheme == "" {
		scheme = "none: nobody logs in with one"
	}
	fmt.Fprintf(w, "password: %s\n", scheme)
	if c.NoAccount != nil {
		fmt.Fprintf(w, "mailbox: not known: %v\n", c.NoAccount)
	} else {
		fmt.Fprintf(w, "mailbox: %s\nuid: %d\ngid: %d\n", mailboxPath(&c.Account), c.Account.UID, c.Account.GID)
	}
	if c.NoAccount == nil {
		if err := showQuota(env, w, &c.Account); err != nil {
			return err
		}
	}
	var names []string
	for name := range c.Fields {
		if !strings.HasPrefix(name, "userdb_") {
			names = append(names, name)
		}
	}
	if slices.Sort(names); len(names) > 0 {
		fmt.Fprintf(w, "fields: %s\n", strings.Join(names, " "))
	}
	return nil
}
