package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"yubin/internal/config"
)

// A service is an entry of master.cf that runs here.
type service struct {
	def     config.MasterService
	path    string      // of the daemon
	as      *credential // nil: as master
	want    []endpoint
	sockets []*socket
	token   int32 // poller's; 0: not there yet

	current *process // accepts, or is starting to; nil: the sockets are watched
	used    bool     // it was started once

	delay     time.Duration // of the back-off; 0: it is well
	notBefore time.Time     // it may be started again
	wakeAt    time.Time     // NEXT-WAKE, or a start that is due; zero: none
	periodic  time.Time     // the next wake-up of master.cf; zero: none
}

// selfStarting services have work that no connection announces: what is left
// in the queue from an earlier run.
func (s *service) selfStarting() bool {
	return s.def.Wakeup > 0 || s.oneProcess()
}

// oneProcess tells services whose maxproc in Postfix's master.cf says that
// there is one process, which is so here in any case; it is no limit of
// connections.
func (s *service) oneProcess() bool {
	return s.def.Command == "qmgr" || s.def.Command == "pickup"
}

func (s *service) limit() int {
	if s.oneProcess() {
		return 0
	}
	return s.def.MaxProc
}

// key names a service over reloads.
func (s *service) key() string { return s.def.Type + " " + s.def.Name }

// sameProgram is true when a process of s can go on under t.
func (s *service) sameProgram(t *service) bool {
	a, b := s.def, t.def
	a.File, a.Line, a.Wakeup, a.WakeIfUsed = "", 0, 0, false
	b.File, b.Line, b.Wakeup, b.WakeIfUsed = "", 0, 0, false
	return reflect.DeepEqual(a, b) && s.path == t.path && reflect.DeepEqual(s.as, t.as)
}

// A plan is master.cf, understood: the services and where each listens.
type plan struct {
	config   *config.Config
	accounts accounts
	services []*service
	warnings []string
	leftOut  map[string]error // services whose program is not there, by their key
}

// resolveTime bounds the look-ups of host names, which hold up a start or a
// reload, and with it the signs of life that a service manager waits for.
const resolveTime = 10 * time.Second

// makePlan reads master.cf. Its error says that nothing can be run from it.
func makePlan(ctx context.Context, c *config.Config) (*plan, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	defs, problems, err := config.LoadMaster(c.Dir, c)
	if err != nil {
		return nil, err
	}
	p := &plan{config: c, leftOut: map[string]error{}}
	for _, problem := range problems {
		if !problem.Notice {
			p.warnings = append(p.warnings, problem.String())
		}
	}
	if p.accounts, err = readAccounts(c); err != nil {
		return nil, err
	}
	taken := map[string]*service{}
	for _, def := range defs {
		s := &service{def: def, as: p.accounts.of(&def), path: filepath.Join(config.DaemonDirectory.Of(c), def.Command)}
		if err := checkProgram(s.path); err != nil {
			p.leftOut[s.key()] = err
			if def.Optional() && errors.As(err, new(noProgram)) {
				continue
			}
			p.warnings = append(p.warnings, fmt.Sprintf("service %s is left out and nothing listens for it: %v", def.Name, err))
			continue
		}
		if s.want, err = endpoints(ctx, c, &def); err != nil {
			return nil, fmt.Errorf("%s: service %s: %w", place(&def), def.Name, err)
		}
		for _, e := range s.want {
			if other := taken[e.String()]; other != nil {
				return nil, fmt.Errorf("%s: service %s: %s is where service %s listens", place(&def), def.Name, e, other.def.Name)
			}
			taken[e.String()] = s
		}
		p.services = append(p.services, s)
	}
	return p, nil
}

func endpoints(ctx context.Context, c *config.Config, s *config.MasterService) ([]endpoint, error) {
	if s.Type == "inet" {
		return inetEndpoints(ctx, c, s.Name)
	}
	e, err := unixEndpoint(c, s)
	all := []endpoint{e}
	if err == nil && s.Command == "authd" {
		more, ok, err := dovecotEndpoint(c)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, more)
		}
	}
	return all, err
}

// place is where a service is defined, for messages.
func place(s *config.MasterService) string {
	if s.File == "" {
		return "built in"
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// noProgram is the path of a program that is not there.
type noProgram string

func (path noProgram) Error() string { return "there is no program " + string(path) }

func checkProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return noProgram(path)
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not a program", path)
	}
	return nil
}

// open makes the sockets of s, or takes over those of st that listen at the
// same place.
func (s *service) open(st *stock, owner *credential) error {
	var errs []error
	for _, e := range s.want {
		if s.listens(e.String()) {
			continue
		}
		if have := st.at(e, s.want); have != nil {
			s.sockets = append(s.sockets, have)
			continue
		}
		made, err := e.open(owner)
		switch {
		case errors.Is(err, errNoFamily) && e.everywhere():
		case err != nil:
			errs = append(errs, fmt.Errorf("service %s: %w", s.def.Name, err))
		default:
			s.sockets = append(s.sockets, made)
		}
	}
	if len(s.sockets) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("service %s: %w", s.def.Name, errNoFamily))
	}
	return errors.Join(errs...)
}

func (s *service) listens(where string) bool {
	return slices.ContainsFunc(s.sockets, func(socket *socket) bool { return socket.where == where })
}

func (e endpoint) open(owner *credential) (*socket, error) {
	if e.unix != "" {
		return listenUnix(e, owner)
	}
	return listen(e)
}
