package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"yubin/internal/account"
	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/passdb"
	"yubin/internal/quota"
)

const quotaSynopsis = "USER@DOMAIN [LIMIT...|none]"

// userQuota shows or sets the quota of an account.
func userQuota(ctx context.Context, env *cli.Env, args []string) error {
	if len(args) < 1 || strings.HasPrefix(args[0], "-") {
		return cli.Fail(cli.ExUsage, "user quota: want a user; usage: mailctl user quota %s", quotaSynopsis)
	}
	user := strings.ToLower(args[0])
	if len(args) > 1 {
		rules, err := quotaArguments(args[1:])
		if err != nil {
			return cli.Fail(cli.ExUsage, "user quota: %v", err)
		}
		if err := setQuota(env, user, rules); err != nil {
			return err
		}
	}
	c, _, err := findAccount(ctx, env, user)
	if err != nil {
		return err
	}
	if c.NoAccount != nil {
		return cli.Fail(cli.ExConfig, "user quota: %v", c.NoAccount)
	}
	return showQuota(env, env.Stdout, &c.Account)
}

// quotaArguments are the rules that limits mean: a bare size is one of the whole.
func quotaArguments(limits []string) ([]string, error) {
	if len(limits) == 1 && limits[0] == "none" {
		return nil, nil
	}
	var rules []string
	for _, l := range limits {
		if !strings.Contains(l, ":") {
			l = "*:bytes=" + l
		}
		if strings.ContainsAny(l, " \t\r\n") {
			return nil, fmt.Errorf("%q: a rule in a file of accounts has no blanks; name such a folder with ? in their place", l)
		}
		rules = append(rules, l)
	}
	_, err := quota.Parse(rules)
	return rules, err
}

// setQuota writes rules into the account's entry.
func setQuota(env *cli.Env, user string, rules []string) error {
	k, err := newKeeper(env)
	if err != nil {
		return err
	}
	return k.edit(func(f *passdb.File) error {
		e, err := entryOf(f, user)
		if err != nil {
			return err
		}
		e.SetQuota(rules)
		f.Put(user, e)
		return nil
	})
}

// showQuota prints the rules of an account, what there is and what there may be.
func showQuota(env *cli.Env, w io.Writer, a *ipc.Account) error {
	own := "of main.cf"
	if a.Quota != "" {
		own = strings.ReplaceAll(a.Quota, "\n", " ")
	}
	site, err := account.Quota(env.Config)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	rules, err := account.QuotaOf(site, a.Quota)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	fmt.Fprintf(w, "quota: %s\n", own)
	s, err := mailboxQuota(a, rules)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(w, "used: nothing: there is no mailbox yet\n")
	case err != nil:
		fmt.Fprintf(w, "used: not known: %v\n", err)
	case !s.Kept:
		fmt.Fprintf(w, "used: not counted: there is no limit\n")
	default:
		fmt.Fprintf(w, "used: %s octets, %s messages\n", share(s.Used.Bytes, s.Limit.Bytes), share(s.Used.Count, s.Limit.Count))
	}
	return nil
}

func share(used, limit int64) string {
	if limit == 0 {
		return fmt.Sprint(used)
	}
	return fmt.Sprintf("%d of %d (%d%%)", used, limit, used*100/limit)
}

// mailboxQuota looks into the mailbox and changes nothing: root works in directories
// here that others can write in.
func mailboxQuota(a *ipc.Account, rules *quota.Rules) (s quota.Status, err error) {
	base, err := os.OpenRoot(a.Base)
	if err != nil {
		return s, err
	}
	defer base.Close()
	root, err := base.OpenRoot(path.Clean(strings.TrimLeft(a.Mailbox, "/")))
	if err != nil {
		return s, err
	}
	defer root.Close()
	return quota.Of(root, rules).Inspect()
}
