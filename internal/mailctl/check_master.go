package mailctl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"yubin/internal/config"
)

// inspectMaster finds entries of master.cf that are right each for itself, and
// do not what they seem to.
func inspectMaster(c *config.Config, services []config.MasterService) []config.Problem {
	var problems []config.Problem
	note := func(warning bool, s config.MasterService, mend, format string, args ...any) {
		problems = append(problems, config.Problem{File: s.File, Line: s.Line, What: fmt.Sprintf(format, args...), Mend: mend, Warning: warning})
	}
	for i, s := range services {
		if s.File == "" {
			continue
		}
		if s.Type == "inet" {
			host, port, err := listens(s)
			if err != nil {
				note(false, s, "write a port of /etc/services, or its number", "%s inet: %v", s.Name, err)
			}
			for _, earlier := range services[:i] {
				if earlier.Type != "inet" || err != nil {
					continue
				}
				if h, p, e := listens(earlier); e == nil && p == port && sameHost(c, h, host) {
					note(false, s, "remove one of the two", "%s inet and %s inet (line %d) both listen on port %d", s.Name, earlier.Name, earlier.Line, port)
				}
			}
		}
		switch s.Command {
		case "pickup", "qmgr":
			if s.Wakeup == 0 {
				note(true, s, "write 60 for pickup, 300 for qmgr", "%s has no wakeup: what a crash has left behind waits for the next letter", s.Name)
			} else if s.Wakeup < 10*time.Second {
				note(true, s, "write 60 for pickup, 300 for qmgr", "%s is woken every %v, although it is told of new mail", s.Name, s.Wakeup)
			}
		case "smtpd", "imapd", "pop3d":
			if s.MaxProc == 1 {
				note(true, s, "write - for the usual limit", "maxproc 1: %s serves one client at a time", s.Name)
			}
			if s.Wakeup != 0 {
				note(true, s, "write - for wakeup", "%s waits for clients: waking it up does nothing", s.Name)
			}
		case "local", "smtp", "pipe":
			if s.Wakeup != 0 {
				note(true, s, "write - for wakeup", "%s waits for the queue manager: waking it up does nothing", s.Name)
			}
		}
	}
	return problems
}

// listens is where an inet service listens; no host means inet_interfaces.
func listens(s config.MasterService) (host string, port uint16, err error) {
	where := s.Name
	if i := strings.LastIndexByte(where, ':'); i >= 0 {
		host, where = strings.Trim(where[:i], "[]"), where[i+1:]
	}
	port, err = config.Port(context.Background(), where)
	return host, port, err
}

// sameHost tells whether two services, each on a host of its own or on those of
// inet_interfaces, are on one.
func sameHost(c *config.Config, a, b string) bool {
	if a == b {
		return true
	}
	if a != "" && b != "" || c.Check([]*config.Def{config.InetInterfaces.Def}) != nil {
		return false
	}
	for _, name := range config.InetInterfaces.Of(c) {
		if name == "all" || name == a+b {
			return true
		}
	}
	return false
}
