package passdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"yubin/internal/account"
	"yubin/internal/config"
)

// heading is the beginning of a new file.
const heading = "# Accounts, as users(5) describes them: mailctl user writes this file, authd(8)\n# alone reads it.\n"

// A File is a passwd-file that is being edited.
type File struct {
	path  string
	lines []string       // with their ends
	at    map[string]int // number of each user's first line; nil: to be made
}

// Edit has change edit a passwd-file: nobody else does meanwhile (config.Lock), and who reads
// it sees the old content or the new. Mode, owner, comments and the lines of
// other users stay as they are; a new file is for its owner alone.
func Edit(path string, change func(*File) error) error {
	unlock, err := config.Lock(path)
	if err != nil {
		return err
	}
	defer unlock()
	f, info, err := readFile(path)
	if err != nil {
		return err
	}
	before := f.String()
	if err := change(f); err != nil {
		return err
	}
	if f.String() == before && info != nil {
		return nil
	}
	return config.Replace(path, []byte(f.String()), info)
}

// Read reads a passwd-file; one that is not there is empty.
func Read(path string) (*File, error) {
	f, _, err := readFile(path)
	return f, err
}

func readFile(path string) (*File, os.FileInfo, error) {
	f := &File{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		f.lines = strings.SplitAfter(heading, "\n")
		f.trim()
		return f, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	f.lines = strings.SplitAfter(string(b), "\n")
	f.trim()
	return f, info, nil
}

// trim has every line end in one line end.
func (f *File) trim() {
	last := len(f.lines) - 1
	if f.lines[last] == "" {
		f.lines = f.lines[:last]
	} else {
		f.lines[last] += "\n"
	}
}

func (f *File) String() string { return strings.Join(f.lines, "") }

// line is the number of a user's line, from 0; -1: there is none.
func (f *File) line(user string) int {
	if f.at == nil {
		f.at = map[string]int{}
		for i, l := range f.lines {
			name := nameOf(l)
			if _, twice := f.at[name]; name != "" && !twice {
				f.at[name] = i
			}
		}
	}
	if i, ok := f.at[fold(user)]; ok {
		return i
	}
	return -1
}

// nameOf is the user of a line, in lower case, "" for one that is nobody's.
func nameOf(line string) string {
	name, _, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
	if !ok || blankLine(line) {
		return ""
	}
	return fold(name)
}

// Find returns the entry of a user; nil: there is none.
func (f *File) Find(user string) (*Entry, error) {
	i := f.line(user)
	if i < 0 {
		return nil, nil
	}
	e, err := ParseEntry(strings.TrimRight(f.lines[i], "\r\n"))
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", f.path, i+1, err)
	}
	return e, nil
}

// Put writes an entry in the place of the user's, or at the end.
func (f *File) Put(user string, e *Entry) {
	line := e.String() + "\n"
	if i := f.line(user); i >= 0 {
		f.lines[i] = line
		f.at = nil
		return
	}
	f.at[fold(e.User)] = len(f.lines)
	f.lines = append(f.lines, line)
}

// Remove removes the line of a user.
func (f *File) Remove(user string) {
	if i := f.line(user); i >= 0 {
		f.lines = slices.Delete(f.lines, i, i+1)
		f.at = nil
	}
}

// Users returns the names of all entries, in their order, those included that
// cannot be used.
func (f *File) Users() []string {
	var names []string
	for i, l := range f.lines {
		if name := nameOf(l); name != "" && f.line(name) == i {
			names = append(names, name)
		}
	}
	return names
}

// Inspect tells what is wrong with the passwd-files of auth_backends: lines that
// cannot be used, files that others than their owner can read, and files that main.cf
// names and that are not there. One that is not the caller's to read is none of this.
func Inspect(c *config.Config) []config.Problem {
	var problems []config.Problem
	for _, path := range passwdFiles(c) {
		b, err := os.ReadFile(path)
		if _, set := c.Raw(config.AuthBackends.Name); set && errors.Is(err, fs.ErrNotExist) {
			p := c.Problem(config.AuthBackends.Name, path+" is not there: nobody can log in by it")
			p.Mend, p.Warning = "correct the path, or make an account with mailctl user add", true
			problems = append(problems, p)
		}
		if err != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			p := c.Problem(config.AuthBackends.Name, fmt.Sprintf("others than its owner can read %s (mode %#o)", path, info.Mode().Perm()))
			p.Mend = "chmod 600 " + path
			problems = append(problems, p)
		}
		// It has no error but for lines.
		_, _ = parseEntries(b, func(line int, what string) {
			problems = append(problems, config.Problem{File: path, Line: line, What: what, Mend: "correct the line, or remove it"})
		})
	}
	return problems
}

// PasswdFile is the first passwd-file of auth_backends, "" without one: the file
// that mailctl user edits.
func PasswdFile(c *config.Config) string {
	for _, path := range passwdFiles(c) {
		return path
	}
	return ""
}

func passwdFiles(c *config.Config) []string {
	var files []string
	for _, word := range config.AuthBackends.Of(c) {
		if path, ok := strings.CutPrefix(strings.Trim(word, "{} \t"), "passwd-file:"); ok {
			files = append(files, strings.TrimSpace(path))
		}
	}
	return files
}

// Has tells whether there is a line for a user, be it one that cannot be used.
func (f *File) Has(user string) bool { return f.line(user) >= 0 }

// SetPassword changes the password in a user's line and leaves the rest of it as
// it is; false: there is none.
func (f *File) SetPassword(user, hash string) bool {
	i := f.line(user)
	if i < 0 {
		return false
	}
	columns := strings.SplitN(f.lines[i], ":", 3)
	end := "\n"
	if len(columns) == 3 {
		end = ":" + columns[2]
	}
	f.lines[i] = columns[0] + ":" + hash + end
	return true
}

// Listed calls yield for each account in the passwd-files of auth_backends whose
// line can be used, until it returns false.
func Listed(c *config.Config, yield func(file string, line int, p *account.Person) bool) {
	for _, path := range passwdFiles(c) {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		n := 0
		for text := range strings.Lines(string(b)) {
			n++
			text = strings.TrimRight(text, "\r\n")
			if nameOf(text) == "" {
				continue
			}
			if e, err := ParseEntry(text); err == nil && !yield(path, n, e.Person()) {
				return
			}
		}
	}
}
