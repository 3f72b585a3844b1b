package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// masterLine holds the eight fields; those from the eighth on are the command.
type masterLine []string

func masterFields(text string) (masterLine, error) {
	f, err := SplitBraces(text, blanks)
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
	if s.Command == "" || strings.Trim(s.Command, commandBytes) != "" || s.Command[0] == '.' || s.Command[0] == '-' {
		return s, false, fmt.Errorf("command: want a name in daemon_directory, have %q", s.Command)
	}
	return s, chroot, nil
}

// commandBytes are what the name of a program is made of.
const commandBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// checkServiceName refuses a name that would put a socket elsewhere.
func checkServiceName(name string) error {
	if name == "" || name == "." || strings.Contains(name, "..") || strings.ContainsAny(name, "/\x00"+blanks) {
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

// splitOperands parts the options of pipe(8) from its attributes, which begin
// with the first word that is no option.
func splitOperands(args []string) (options, operands []string) {
	i := 0
	for i < len(args) && strings.HasPrefix(args[i], "-") {
		if args[i] == "-o" {
			i++
		}
		i++
	}
	i = min(i, len(args))
	return args[:i], args[i:]
}

// masterArgs brings a daemon's options into one shape. Anything unknown is
// refused rather than dropped: a misspelt -o may be the one that keeps
// strangers out. Values may refer to $service_name, which is the service's.
func masterArgs(service string, args []string) ([]string, error) {
	var out []string
	if strings.Contains(strings.Join(args, " "), "service_name") {
		out = append(out, "-o", "service_name="+service)
	}
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
