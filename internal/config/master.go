package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A MasterService is one service of master.cf, translated: Command is a
// program of ours.
type MasterService struct {
	Name       string // inet: [host:]port; unix: the name below public/ or private/
	Type       string // inet or unix
	Private    bool   // unix: the socket is in private/, else in public/
	Unpriv     bool   // runs as an account without rights, else as root
	Wakeup     time.Duration
	WakeIfUsed bool // wake up only once the service has been used
	MaxProc    int  // connections at once; 0 is no limit
	Command    string
	Args       []string // an argument each, options apart from their values: "-o", "name=value", "-v"
	File       string   // "" for a service that master.cf does not have
	Line       int
}

// builtin are the services that nothing works without.
var builtin = [...]MasterService{
	{Name: "pickup", Type: "unix", Unpriv: true, Wakeup: time.Minute, Command: "pickup"},
	{Name: "qmgr", Type: "unix", Unpriv: true, Wakeup: 5 * time.Minute, Command: "qmgr"},
	{Name: "local", Type: "unix", Private: true, Command: "local"},
	{Name: "virtual", Type: "unix", Private: true, Command: "local"},
}

// translation says what becomes of a command of Postfix's.
type translation struct {
	theirs string
	ours   string // "": no service
	note   string // why there is no service; "": nothing to say
}

var translations = [...]translation{
	{"local", "local", ""},
	{"virtual", "local", ""},
	{"nqmgr", "qmgr", ""},
	{"oqmgr", "qmgr", ""},
	{"error", "", ""}, // qmgr(8) does these itself
	{"discard", "", ""},
	{"smtp", "", "mail for other hosts is kept and deferred: there is no SMTP client yet"},
	{"lmtp", "", "mail for LMTP servers is kept and deferred: there is no LMTP client yet"},
	{"anvil", "", "smtpd(8) counts its clients itself"},
	{"bounce", "", "qmgr(8) makes notices itself"},
	{"cleanup", "", "smtpd(8), pickup(8) and qmgr(8) do its work"},
	{"dnsblog", "", "there is no postscreen yet"},
	{"flush", "", "qmgr(8) flushes by destination itself"},
	{"pipe", "", "there is no pipe transport yet"},
	{"postlogd", "", "each daemon writes its log itself"},
	{"postscreen", "", "there is no postscreen yet"},
	{"proxymap", "", "each program reads its tables itself"},
	{"qmqpd", "", "there is no QMQP server"},
	{"scache", "", "the SMTP client keeps its connections itself"},
	{"showq", "", "qmgr(8) lists the queue itself"},
	{"spawn", "", "there is no spawn service yet"},
	{"tlsmgr", "", "TLS needs no manager"},
	{"tlsproxy", "", "there is no postscreen yet"},
	{"trivial-rewrite", "", "each program resolves addresses itself"},
	{"verify", "", "there is no address verification yet"},
}

// LoadMaster reads dir/master.cf. A line that cannot be used is left out and
// reported; the error is for a file that cannot be read and for a wrong
// default_process_limit in c.
func LoadMaster(dir string, c *Config) ([]MasterService, []Problem, error) {
	limit, err := c.parse(DefaultProcessLimit.Def)
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "master.cf")
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	services, problems := parseMaster(file, string(b), limit.(int))
	return services, problems, nil
}

func parseMaster(file, text string, limit int) ([]MasterService, []Problem) {
	lines, problems := logicalLines(file, text)
	var services []MasterService
	for _, l := range lines {
		report := func(notice bool, mend, format string, args ...any) {
			problems = append(problems, Problem{File: file, Line: l.number, Notice: notice,
				What: fmt.Sprintf(format, args...), Mend: mend})
		}
		f, err := masterFields(l.text)
		if err != nil {
			report(false, "correct the line", "service left out: %v", err)
			continue
		}
		s, chroot, err := f.service(limit)
		if err != nil {
			report(false, "correct the line", "service %s left out: %v", f[0], err)
			continue
		}
		s.File, s.Line = file, l.number
		if chroot {
			report(true, "", "chroot is ignored: daemons run under accounts that own nothing")
		}
		if t := translate(s.Command); t != nil {
			if t.note != "" {
				report(true, "", "%s %s has no %s here: %s", s.Name, s.Type, t.theirs, t.note)
			}
			if s.Command = t.ours; s.Command == "" {
				continue
			}
		}
		if s.Type != "inet" && s.Type != "unix" {
			report(true, "", "%s %s left out: there are no services of type %s", s.Name, s.Type, s.Type)
			continue
		}
		if s.Args, err = masterArgs(s.Args); err != nil {
			report(false, "correct the line", "service %s left out: %v", s.Name, err)
			continue
		}
		if i := slices.IndexFunc(services, s.same); i >= 0 {
			report(false, "remove one of the two", "%s %s replaces the entry of line %d", s.Name, s.Type, services[i].Line)
			services[i] = s
			continue
		}
		services = append(services, s)
	}
	for _, s := range builtin {
		if !slices.ContainsFunc(services, s.same) {
			services = append(services, s)
		}
	}
	return services, problems
}

func (s MasterService) same(t MasterService) bool { return s.Name == t.Name && s.Type == t.Type }

func translate(command string) *translation {
	for i := range translations {
		if translations[i].theirs == command {
			return &translations[i]
		}
	}
	return nil
}

// masterLine holds the eight fields; those from the eighth on are the command.
type masterLine []string

func masterFields(text string) (masterLine, error) {
	f, err := splitBraces(text, blanks)
	if err != nil {
		return nil, err
	}
	if len(f) < 8 {
		return nil, fmt.Errorf("want eight fields (service type private unpriv chroot wakeup maxproc command), have %d", len(f))
	}
	return f, nil
}

// service checks the fields and fills in what "-" stands for.
func (f masterLine) service(limit int) (s MasterService, chroot bool, err error) {
	s = MasterService{Name: f[0], Type: f[1], Command: f[7], Args: f[8:], MaxProc: limit}
	if err := checkServiceName(s.Name); err != nil {
		return s, false, err
	}
	switch s.Type {
	case "inet", "unix", "pass", "unix-dgram":
	case "fifo": // how Postfix 2 spelt pickup and qmgr
		s.Type = "unix"
	default:
		return s, false, fmt.Errorf("type: want inet or unix, have %q", s.Type)
	}
	if s.Private, err = yesNo("private", f[2], true); err != nil {
		return s, false, err
	}
	if s.Type == "inet" && s.Private {
		return s, false, errors.New("private: want n for an inet service")
	}
	if s.Unpriv, err = yesNo("unpriv", f[3], true); err != nil {
		return s, false, err
	}
	if chroot, err = yesNo("chroot", f[4], false); err != nil {
		return s, false, err
	}
	if s.Wakeup, s.WakeIfUsed, err = parseWakeup(f[5]); err != nil {
		return s, false, err
	}
	if f[6] != "-" {
		if s.MaxProc, err = strconv.Atoi(f[6]); err != nil || s.MaxProc < 0 || s.MaxProc > 1_000_000 {
			return s, false, fmt.Errorf("maxproc: want a number of connections, 0 for no limit, have %q", f[6])
		}
	}
	if strings.ContainsRune(s.Command, '/') {
		return s, false, fmt.Errorf("command: want a name in daemon_directory, have %q", s.Command)
	}
	// Their 1 means one process, which ours always are; taken for a number
	// of connections it would let one client shut out the others.
	if s.Command == "qmgr" || s.Command == "pickup" {
		s.MaxProc = 0
	}
	return s, chroot, nil
}

// checkServiceName refuses a name that would put a socket elsewhere.
func checkServiceName(name string) error {
	if name == "" || name == "." || strings.Contains(name, "..") || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("service: want a port or a plain name, have %q", name)
	}
	return nil
}

func yesNo(field, v string, def bool) (bool, error) {
	switch v {
	case "-":
		return def, nil
	case "y":
		return true, nil
	case "n":
		return false, nil
	}
	return false, fmt.Errorf("%s: want y, n or -, have %q", field, v)
}

func parseWakeup(v string) (d time.Duration, ifUsed bool, err error) {
	if v == "-" {
		return 0, false, nil
	}
	digits, ifUsed := strings.CutSuffix(v, "?")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > 1<<30 {
		return 0, false, fmt.Errorf("wakeup: want seconds, with ? for only after first use, have %q", v)
	}
	return time.Duration(n) * time.Second, ifUsed, nil
}

// masterArgs brings a daemon's options into one shape. Anything unknown is
// refused rather than dropped: a misspelt -o may be the one that keeps
// strangers out.
func masterArgs(args []string) ([]string, error) {
	var out []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-D": // starts a debugger in Postfix
		case strings.HasPrefix(a, "-v") && strings.Trim(a[1:], "v") == "":
			out = append(out, slices.Repeat([]string{"-v"}, len(a)-1)...)
		case strings.HasPrefix(a, "-o"):
			value := a[2:]
			if value == "" {
				if i++; i == len(args) {
					return nil, errors.New("-o: want name=value after it")
				}
				value = args[i]
			}
			name, v, ok := strings.Cut(value, "=")
			name = strings.Trim(name, blanks)
			if !ok || !isName(name) {
				return nil, fmt.Errorf("-o: want name=value, have %q", value)
			}
			out = append(out, "-o", name+"="+strings.Trim(v, blanks))
		default:
			return nil, fmt.Errorf("want only -o name=value and -v after the command, have %q", a)
		}
	}
	return out, nil
}
