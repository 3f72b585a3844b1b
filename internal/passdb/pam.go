package passdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"yubin/internal/account"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/nss"
)

// pam is the backend pam:SERVICE: the users of the system as its name services
// know them, with the passwords of a PAM service. pamd(8) asks both.
type pam struct {
	env     *Env
	service string // "": the protocol's name
	socket  string
	program string // pamd's
	users   *nss.Client
	pool    *pool
	limit   time.Duration
}

// pamService is the name of a file in /etc/pam.d.
var pamService = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$`)

func openPAM(e *Env, service string) (DB, error) {
	switch service {
	case "":
		service = "yubin"
	case "*", "%s", "%{service}": // as in Dovecot: smtp, pop3, imap
		service = ""
	default:
		if !pamService.MatchString(service) {
			return nil, errors.New("pam: want the name of a file in /etc/pam.d, or * for one that is called as the protocol")
		}
	}
	socket := config.NSSServiceName.Of(e.Config)
	if socket == "" {
		socket = nss.Program
	}
	p := &pam{
		env: e, service: service, users: nss.New(e.Config), pool: newPool(config.PamdProcessLimit.Of(e.Config)), limit: nss.AskTime(e.Config),
		socket:  filepath.Join(config.QueueDirectory.Of(e.Config), "public", socket),
		program: filepath.Join(config.DaemonDirectory.Of(e.Config), nss.Program),
	}
	if err := p.installed(); err != nil {
		e.Report(e.Config.Problem(config.AuthBackends.Name, err.Error()))
	}
	return p, nil
}

// installed tells why there is nobody to ask.
func (p *pam) installed() error {
	_, err := os.Stat(p.program)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pam: %s is not installed, and nobody can log in by PAM: build it where gcc and the headers of PAM are", p.program)
	}
	return err
}

func (p *pam) Name() string { return "pam" }

// Lookup finds a user of the system. Passwords are PAM's business.
func (p *pam) Lookup(_ context.Context, user string) (*Credential, error) {
	if CheckName(user) != nil {
		return nil, ErrUnknown
	}
	u, err := p.users.User(fold(user))
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, ErrUnknown
	}
	c := &Credential{User: u.Name, Fields: map[string]string{}}
	a, err := p.env.places.System(&account.Person{
		Name: u.Name, UID: strconv.FormatUint(uint64(u.UID), 10), GID: strconv.FormatUint(uint64(u.GID), 10), Home: u.Home,
	})
	if err != nil {
		c.Account, c.NoAccount = ipc.Account{User: u.Name, UID: -1, GID: -1}, err
		return c, nil
	}
	for _, g := range u.Groups {
		a.Groups = append(a.Groups, int(g))
	}
	c.Account = *a
	return c, nil
}

func (p *pam) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*Credential, error) {
	if CheckName(user) != nil {
		return nil, ErrUnknown
	}
	if password == "" || len(password) > maxSecret {
		return nil, ErrMismatch
	}
	if err := p.installed(); err != nil {
		return nil, err
	}
	if err := p.pool.enter(ctx, f.Client); err != nil {
		return nil, err
	}
	defer p.pool.leave()
	service := p.service
	if service == "" {
		service = f.Service
	}
	q := ipc.PAMRequest{Service: service, User: fold(user), Password: []byte(password), Client: f.Client}
	defer clear(q.Password)
	a, err := p.ask(ctx, &q)
	if err != nil {
		return nil, err
	}
	switch a.Result {
	case ipc.PAMOK:
		c, err := p.Lookup(ctx, a.User)
		if errors.Is(err, ErrUnknown) {
			// PAM may know people who have no account here.
			name := fold(a.User)
			return &Credential{User: name, Fields: map[string]string{}, Account: ipc.Account{User: name, UID: -1, GID: -1},
				NoAccount: errors.New("PAM knows the user, but no name service does")}, nil
		}
		return c, err
	case ipc.PAMMismatch:
		return nil, ErrMismatch
	case ipc.PAMUnknown:
		return nil, ErrUnknown
	case ipc.PAMExpired:
		return nil, ErrExpired
	case ipc.PAMDisabled:
		return nil, ErrDisabled
	}
	return nil, fmt.Errorf("pam: %s", a.Error)
}

// ask has pamd check one password.
func (p *pam) ask(ctx context.Context, q *ipc.PAMRequest) (a ipc.PAMReply, err error) {
	c, err := fdpass.Dial(p.socket)
	if err != nil {
		return a, fmt.Errorf("pamd cannot be asked: %w", err)
	}
	defer c.Close()
	c.Unix().SetDeadline(time.Now().Add(p.limit))
	stop := context.AfterFunc(ctx, func() { c.Unix().SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err = c.Send(ipc.Hello{Version: ipc.PAMVersion, Role: ipc.RolePAM, Program: "authd"}); err == nil {
		err = c.Send(q)
	}
	if err == nil {
		var files []*os.File
		files, err = c.Recv(&a)
		fdpass.CloseAll(files)
	}
	if err != nil {
		return a, fmt.Errorf("pamd does not answer: %w", err)
	}
	return a, nil
}
