package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var errNoName = errors.New("no program is named")

// harmless are the characters of a command line that mean nothing to a shell.
const harmless = "1234567890!@%-_=+:,./" +
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// blanks are what separates the words of a command line.
const blanks = " \t\n"

// Line sets what p runs to a command line as users write it: shell and its
// arguments, with the line behind them, when there is a shell; otherwise the
// words of the line, and /bin/sh only where the line has what a shell has to
// see to. This is what Postfix's local(8) does; shell is local_command_shell.
func (p *Program) Line(line, shell string) {
	sh := []string{"/bin/sh", "-c", line}
	words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(blanks, r) })
	switch {
	case strings.Trim(shell, blanks) != "":
		p.Args, p.Shell = append(strings.Fields(shell), line), nil
	case len(words) == 0 || strings.Trim(line, harmless+" \t") != "":
		p.Args, p.Shell = sh, nil
	default:
		p.Args, p.Shell = words, sh
	}
	p.Name = line
}

// find returns the argument list and the file to execute.
func (p *Program) find() (argv []string, path string, err error) {
	if len(p.Args) == 0 || p.Args[0] == "" {
		return nil, "", errNoName
	}
	name := p.Args[0]
	if strings.Contains(name, "/") {
		return p.Args, name, nil
	}
	for _, dir := range filepath.SplitList(p.variable("PATH")) {
		if !filepath.IsAbs(dir) {
			continue // never what lies where the process happens to be
		}
		file := filepath.Join(dir, name)
		info, err := os.Stat(filepath.Join(p.Chroot, file))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return p.Args, file, nil
		}
	}
	if len(p.Shell) > 0 {
		return p.Shell, p.Shell[0], nil
	}
	return nil, "", fmt.Errorf("%s: %w in PATH=%s", name, fs.ErrNotExist, p.variable("PATH"))
}

// variable returns the value in Env.
func (p *Program) variable(name string) (value string) {
	for _, e := range p.Env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}
