package passdb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"yubin/internal/account"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/nss"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// Why somebody is not let in. Every other error is temporary.
var (
	ErrUnknown  = errors.New("no such user")
	ErrMismatch = errors.New("the password is not right")
	ErrExpired  = errors.New("the account or its password has expired")
	ErrDisabled = errors.New("the account may not log in")
)

// ErrCannotTell is the error of a Lookup in a backend that knows only whether a
// password is right. It says nothing about whether the user exists.
var ErrCannotTell = errors.New("this backend cannot tell whether a user exists")

// A Credential is what a backend knows of a user. It never leaves the process
// whole.
type Credential struct {
	User   string            // canonical, in lower case
	Scheme string            // of Hash: "SCRAM-SHA-256"; "" when the backend only verifies
	Hash   string            // {SCHEME}data, or a hash of crypt(3)
	Fields map[string]string // extra fields, Dovecot's names: nologin, allow_nets, userdb_mail
	// Account says where the mailbox is, unless NoAccount says why that is not
	// known; then its UID is -1. Logging in to send mail does not need it.
	Account   ipc.Account
	NoAccount error
}

// A DB is one backend. Its methods are safe for concurrent use.
type DB interface {
	// Name is the backend's word in auth_backends, for log lines.
	Name() string
	// Lookup finds a user. ErrUnknown: there is none here; ErrCannotTell. Other
	// errors are temporary.
	Lookup(ctx context.Context, user string) (*Credential, error)
	// Verify checks a password. ErrUnknown, ErrMismatch, ErrExpired and
	// ErrDisabled are final, other errors temporary.
	Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*Credential, error)
}

// A decoyer is a DB that can name an account whose password is as costly to
// check as one of its own: what it is for is known by its user's name alone, so
// that an unknown user costs the same time after time.
type decoyer interface {
	decoy(user string) (hash string)
}

// A domainer is a DB that knows which domains have accounts.
type domainer interface {
	// domain tells whether there are accounts in a domain.
	domain(name string) (bool, error)
}

// Env is what backends are opened with.
type Env struct {
	Config *config.Config
	Report func(config.Problem) // takes lines of files that are left out
	Hasher *Hasher
	places *account.Places
}

// A backend is a word of auth_backends.
type backend struct {
	name string
	form string // what the word looks like
	open func(e *Env, argument string) (DB, error)
}

// backends is every word.
var backends = [...]backend{
	{"passwd-file", "passwd-file:FILE", openPasswdFile},
	{"shadow", "shadow", openShadow},
	{"static", "static:FIELDS", openStatic},
	{"checkpassword", "checkpassword:PROGRAM", openCheckpassword},
	{"pam", "pam:SERVICE", openPAM},
}

// Params are the parameters that Open reads.
var Params = slices.Concat([]*config.Def{config.AuthBackends.Def, config.PamdProcessLimit.Def}, nss.Params(), account.PlaceParams, account.VirtualParams)

// A List is the backends of auth_backends, in order.
type List []DB

// Open opens the backends of auth_backends. An error is one of configuration:
// files that cannot be read are errors of lookups.
func Open(e Env) (List, error) {
	e.places = account.NewPlaces(e.Config)
	var err error
	e.places.Tables, err = account.OpenBefore(e.Config, table.Report(e.Report))
	if err != nil {
		return nil, err
	}
	var l List
	for _, word := range config.AuthBackends.Of(e.Config) {
		db, err := open(&e, word)
		if err != nil {
			return nil, e.Config.Fault(config.AuthBackends.Def, err.Error())
		}
		l = append(l, db)
	}
	return l, nil
}

func open(e *Env, word string) (DB, error) {
	if inner, ok := strings.CutPrefix(word, "{"); ok {
		word = strings.TrimSpace(strings.TrimSuffix(inner, "}"))
	}
	name, argument, _ := strings.Cut(word, ":")
	var forms []string
	for _, b := range backends {
		if b.name == strings.TrimSpace(name) {
			return b.open(e, strings.TrimSpace(argument))
		}
		forms = append(forms, b.form)
	}
	// Not the word itself: it may hold a password.
	return nil, fmt.Errorf("an element is no backend: want one of %s", strings.Join(forms, ", "))
}

// Lookup asks each backend in turn. ErrUnknown means that all know that they do
// not have the user.
func (l List) Lookup(ctx context.Context, user string) (*Credential, error) {
	for _, db := range l {
		c, err := db.Lookup(ctx, user)
		if !errors.Is(err, ErrUnknown) {
			return c, err
		}
	}
	return nil, ErrUnknown
}

// Verify asks each backend in turn, the next one where a user is unknown or the
// password another: an account may be in several. by is the name of the backend
// that decided. A user whom no backend knows costs as much as one who exists.
func (l List) Verify(ctx context.Context, h *Hasher, user, password string, f *ipc.AuthFacts) (c *Credential, by string, err error) {
	last := ErrUnknown
	for _, db := range l {
		c, err := db.Verify(ctx, user, password, f)
		switch {
		case errors.Is(err, ErrUnknown):
			if last == ErrUnknown {
				by = db.Name()
			}
		case errors.Is(err, ErrMismatch):
			last, by = ErrMismatch, db.Name()
		default:
			return c, db.Name(), err
		}
	}
	if last == ErrUnknown {
		if c := l.Decoy(h, user); c != nil {
			// Its result is nobody's business, nor is a wait that has ended.
			_ = h.Check(ctx, c.Hash, password, f.Client)
		}
	}
	return nil, by, last
}

// Decoy is an account that stands in for a user who does not exist, so that
// mechanisms can go on with it; no password opens it. nil: there is nothing to
// resemble.
func (l List) Decoy(h *Hasher, user string) *Credential {
	for _, db := range l {
		if d, ok := db.(decoyer); ok {
			if hash := d.decoy(user); hash != "" {
				return h.decoy(user, hash)
			}
		}
	}
	return nil
}

// Domain tells whether a domain has accounts.
func (l List) Domain(name string) (bool, error) {
	for _, db := range l {
		if d, ok := db.(domainer); ok {
			if found, err := d.domain(name); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}

// fold brings a name into the form that accounts are kept under.
func fold(user string) string { return strings.ToLower(user) }

// Admit tells whether the account lets somebody in who has shown the password, or
// what stands for it: ErrDisabled (nologin), ErrExpired (the account, not its
// password alone), ErrMismatch (allow_nets: the address is not among them).
func (c *Credential) Admit(f *ipc.AuthFacts) error {
	if _, ok := c.Fields["nologin"]; ok {
		return ErrDisabled
	}
	if c.Fields[expired] == expiredAccount {
		return ErrExpired
	}
	for _, name := range []string{"allow_nets", "allow_real_nets"} {
		if nets, ok := c.Fields[name]; ok && !within(nets, f.Client) {
			return ErrMismatch
		}
	}
	return nil
}

// within tells whether an address is in a list of networks; "local" is no
// address at all: a connection that came over no network.
func within(nets, client string) bool {
	addr, err := netip.ParseAddr(client)
	for _, n := range strings.Split(nets, ",") {
		n = strings.TrimSpace(n)
		if err != nil {
			if n == "local" && client == "" {
				return true
			}
			continue
		}
		a := addr.Unmap().WithZone("")
		if p, err := netip.ParsePrefix(n); err == nil && p.Contains(a) {
			return true
		}
		if one, err := netip.ParseAddr(n); err == nil && one.Unmap() == a {
			return true
		}
	}
	return false
}

// verify checks a password against what Lookup found. An account without one
// costs as much as others: decoy is what it is like.
func (h *Hasher) verify(ctx context.Context, c *Credential, password string, f *ipc.AuthFacts, decoy func(user string) string) (*Credential, error) {
	if c.Hash == "" {
		// No password: nobody gets in, unless the entry says that none is asked for.
		if _, ok := c.Fields["nopassword"]; !ok {
			_ = h.Check(ctx, decoy(c.User), password, f.Client)
			return nil, ErrMismatch
		}
	} else if err := h.Check(ctx, c.Hash, password, f.Client); err != nil {
		if !errors.Is(err, ErrMismatch) && ctx.Err() == nil {
			err = fmt.Errorf("the password of %s: %w", maillog.Clean(c.User), err)
		}
		return nil, err
	}
	if err := c.Admit(f); err != nil {
		return nil, err
	}
	return c, nil
}

// place completes a Credential by the account's mailbox.
func (e *Env) place(c *Credential, p *account.Person) *Credential {
	a, err := e.places.Of(p)
	if err != nil {
		c.Account, c.NoAccount = ipc.Account{User: c.User, UID: -1, GID: -1}, err
		return c
	}
	c.Account = *a
	return c
}

// domainOf is what stands behind the @, "" without one.
func domainOf(user string) string {
	_, domain := smtp.SplitAddress(user)
	return domain
}

// absolute checks a path in auth_backends.
func absolute(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("want an absolute path")
	}
	return nil
}
