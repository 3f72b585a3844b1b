package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	{Name: "authd", Type: "unix", Command: "authd"},
	{Name: "pamd", Type: "unix", Command: "pamd"},
	{Name: "local", Type: "unix", Private: true, Command: "local"},
	{Name: "virtual", Type: "unix", Private: true, Command: "local"},
	{Name: "smtp", Type: "unix", Private: true, Unpriv: true, Command: "smtp"},
	{Name: "relay", Type: "unix", Private: true, Unpriv: true, Command: "smtp"},
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
	{"lmtp", "smtp", ""}, // with ourArgs
	{"anvil", "", "smtpd(8) counts its clients itself"},
	{"bounce", "", "qmgr(8) makes notices itself"},
	{"cleanup", "", "smtpd(8), pickup(8) and qmgr(8) do its work"},
	{"dnsblog", "", "there is no postscreen yet"},
	{"flush", "", "qmgr(8) flushes by destination itself"},
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

// ourArgs are arguments of our program, by the command that master.cf has.
var ourArgs = map[string][]string{"lmtp": {"--lmtp"}}

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

// Services is LoadMaster for one who only wants the services.
func Services(c *Config) ([]MasterService, error) {
	services, _, err := LoadMaster(c.Dir, c)
	var wrong Problem // a value, which `mailctl check` reports
	if errors.As(err, &wrong) {
		err = nil
	}
	return services, err
}

// usualLimit is the default of default_process_limit.
const usualLimit = 100

// unsetLimit is what "-" means as the maxproc of a command. Postfix's number is
// one of processes. One smtp process waits for very many hosts; were it bound
// by that number, the dead among them would keep out the living. pamd's clients
// keep connections for the next question, and would keep out each other. A login
// process carries the TLS of everybody who reads mail, and has limits of its own.
func unsetLimit(command string, limit int) int {
	if (command == "smtp" || command == "pamd") && limit == usualLimit {
		return 0
	}
	if command == "pop3d" || command == "imapd" {
		return 0
	}
	return limit
}

func parseMaster(file, text string, limit int) ([]MasterService, []Problem) {
	lines, problems := logicalLines(file, text)
	var services []MasterService
	for _, l := range lines {
		s, met, ok := readService(file, l, limit)
		problems = append(problems, met...)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(services, s.same); i >= 0 {
			problems = append(problems, Problem{File: file, Line: l.number, Mend: "remove one of the two",
				What: fmt.Sprintf("%s %s replaces the entry of line %d", s.Name, s.Type, services[i].Line)})
			services[i] = s
			continue
		}
		services = append(services, s)
	}
	for _, s := range builtin {
		if !slices.ContainsFunc(services, s.same) {
			if s.Private { // a delivery agent: maxproc is "-"
				s.MaxProc = unsetLimit(s.Command, limit)
			}
			services = append(services, s)
		}
	}
	return services, problems
}

// readService translates one line. It is not ok when there is no service to
// start for it; then, and otherwise, problems say what the reader should know.
func readService(file string, l line, limit int) (s MasterService, problems []Problem, ok bool) {
	note := func(format string, args ...any) {
		problems = append(problems, Problem{File: file, Line: l.number, Notice: true, What: fmt.Sprintf(format, args...)})
	}
	leftOut := func(err error) (MasterService, []Problem, bool) {
		if s.Name == "" {
			s.Name, _, _ = strings.Cut(l.text, " ")
		}
		return s, append(problems, Problem{File: file, Line: l.number, Mend: "correct the line",
			What: fmt.Sprintf("service %s left out: %v", s.Name, err)}), false
	}
	f, err := masterFields(l.text)
	if err != nil {
		return leftOut(err)
	}
	s, chroot, err := f.service(limit)
	if err != nil {
		return leftOut(err)
	}
	s.File, s.Line = file, l.number
	if chroot {
		note("%s %s is not chrooted: the accounts of services own nothing", s.Name, s.Type)
	}
	args := ourArgs[s.Command]
	if t := translate(s.Command); t != nil {
		if t.note != "" {
			note("%s %s is not started: %s", s.Name, s.Type, t.note)
		}
		if s.Command = t.ours; s.Command == "" {
			return s, problems, false
		}
	}
	if f[6] == "-" {
		s.MaxProc = unsetLimit(s.Command, limit)
	}
	// Their 1 means one process, which ours always are; taken for a number
	// of connections it would let one client shut out the others.
	if s.Command == "qmgr" || s.Command == "pickup" {
		s.MaxProc = 0
	}
	if s.Type != "inet" && s.Type != "unix" {
		note("%s %s is not started: there are no services of this type", s.Name, s.Type)
		return s, problems, false
	}
	options, operands := s.Args, []string(nil)
	if s.Command == "pipe" {
		options, operands = splitOperands(s.Args)
	}
	if options, err = masterArgs(s.Name, options); err != nil {
		return leftOut(err)
	}
	s.Args = slices.Concat(args, options, operands)
	return s, problems, true
}

// Optional tells services that an installation may do without: their program
// needs a C compiler, and not everybody builds it.
func (s *MasterService) Optional() bool { return s.Command == "pamd" }

func (s MasterService) same(t MasterService) bool { return s.Name == t.Name && s.Type == t.Type }

func translate(command string) *translation {
	for i := range translations {
		if translations[i].theirs == command {
			return &translations[i]
		}
	}
	return nil
}
