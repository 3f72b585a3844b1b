package mailctl

import (
	"context"
	"fmt"
	"path"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/passdb"
	"yubin/internal/smtp"
)

// userRename gives an account another name. Its mail goes along, unless the
// entry says where that is in words of its own.
func userRename(_ context.Context, env *cli.Env, args []string) error {
	names, err := operands("rename", args, 2, nil)
	if err == nil {
		err = newName(names[1])
	}
	if err != nil {
		return err
	}
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	s, err := k.setting(names[1])
	if err != nil {
		return err
	}
	var from, to *ipc.Account
	moved := false
	err = k.edit(func(f *passdb.File) error {
		e, err := entryOf(f, names[0])
		if err != nil {
			return err
		}
		if f.Has(names[1]) {
			return exists(names[1])
		}
		if from, err = k.places.Of(e.Person()); err != nil {
			return cli.Fail(cli.ExConfig, "user rename: %v", err)
		}
		if err := s.apply(); err != nil {
			return err
		}
		e.User = names[1]
		if e.Home == k.ownHome(names[0]) {
			e.Home = ""
		}
		if to, err = k.complete(e); err != nil {
			return err
		}
		// Mail first: what arrives before the entry is written makes another
		// mailbox under the old name, and nothing is lost.
		if moved, err = moveMail(from, to); err != nil {
			return cli.Fail(cli.ExIOErr, "user rename: %v", err)
		}
		f.Put(names[0], e)
		return nil
	})
	if err != nil {
		if moved { // the entry could not be written: all is as it was
			_, _ = moveMail(to, from)
		}
		return err
	}
	fmt.Fprintf(env.Stdout, "%s: mailbox %s\n", names[1], mailboxPath(to))
	return k.announce(names[1])
}

// ownHome is the home of an account whose entry does not name one.
func (k *keeper) ownHome(user string) string {
	local, domain := smtp.SplitAddress(user)
	return path.Join(k.places.VirtualBase, domain, local)
}

// userDelete removes an account.
func userDelete(_ context.Context, env *cli.Env, args []string) error {
	purge := false
	names, err := operands("delete", args, 1, func(fs *pflag.FlagSet) { fs.BoolVar(&purge, "purge", false, "") })
	if err != nil {
		return err
	}
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	var a *ipc.Account
	err = k.edit(func(f *passdb.File) error {
		e, err := f.Find(names[0])
		if err == nil && e != nil {
			a, err = k.places.Of(e.Person())
		}
		switch {
		case !f.Has(names[0]):
			_, err = entryOf(f, names[0])
			return err
		case err != nil && purge:
			return cli.Fail(cli.ExDataErr, "user delete: where the mail is cannot be told: %v", err)
		}
		if purge {
			if _, ok := place(a); !ok {
				return cli.Fail(cli.ExUsage, "user delete: this is the mail of a user of the system, which is not removed here: %s", mailboxPath(a))
			}
		}
		f.Remove(names[0])
		return nil
	})
	switch {
	case err != nil:
		return err
	case a == nil:
		return nil
	case !purge:
		fmt.Fprintf(env.Stdout, "%s: the mail is still in %s\n", names[0], mailboxPath(a))
		return nil
	}
	if err := purgeMail(a); err != nil {
		return cli.Fail(cli.ExIOErr, "user delete: the account is gone, its mail is not: %v", err)
	}
	return nil
}
