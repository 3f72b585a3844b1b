// Package manifest reads packaging/manifest, the one list of what an
// installation consists of. make install and the RPM make an installation by
// it, mailctl check compares one with it.
//
// A line is an entry of six fields; what follows # is a comment:
//
//	type    path                      owner group    mode source
//	file    /usr/sbin/sendmail.yubin  root  maildrop 2755 bin/sendmail
//	link    /usr/lib/sendmail.yubin   root  root     -    ../sbin/sendmail.yubin
//	dir     /etc/yubin                root  root     0755 -
//
// The package only reads: it changes no file, and knows nothing of rpm.
package manifest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Installed is where an installation has its manifest.
const Installed = "/usr/share/yubin/manifest"

// A Type says what an entry is.
type Type string

// The types of entries.
const (
	File    Type = "file"
	Option  Type = "option" // a file that not every build has
	Config  Type = "config" // an update keeps what the administrator changed
	Dir     Type = "dir"
	Link    Type = "link"
	Ghost   Type = "ghost" // a name that alternatives gives, to us or to others
	Doc     Type = "doc"
	License Type = "license"
	Postfix Type = "postfix" // a file of the package yubin-postfix-commands
)

// regular says which types are files that we install, from a source.
var regular = map[Type]bool{File: true, Option: true, Config: true, Doc: true, License: true, Postfix: true, Dir: false, Link: false, Ghost: false}

// An Entry is one file, directory or link.
type Entry struct {
	Type         Type
	Path         string // absolute
	Owner, Group string
	Mode         uint32 // permissions, setuid, setgid and sticky as chmod(2) has them; 0 for links
	Source       string // below the source tree; of a link: its target; else ""
}

// Regular says whether e is a file that is installed from a source.
func (e *Entry) Regular() bool { return regular[e.Type] }

// String is the entry's line.
func (e *Entry) String() string {
	mode, source := fmt.Sprintf("%04o", e.Mode), e.Source
	if e.Type == Link {
		mode = "-"
	}
	if source == "" {
		source = "-"
	}
	return strings.Join([]string{string(e.Type), e.Path, e.Owner, e.Group, mode, source}, " ")
}

// Read reads the manifest in a file.
func Read(name string) ([]Entry, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	return entries, nil
}

// Parse reads a manifest. Its error begins with the number of the line.
func Parse(r io.Reader) ([]Entry, error) {
	var entries []Entry
	seen := map[string]bool{}
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		e, err := parse(fields)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", n, err)
		}
		if seen[e.Path] {
			return nil, fmt.Errorf("%d: %s is there twice", n, e.Path)
		}
		seen[e.Path] = true
		entries = append(entries, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%d: %w", n+1, err)
	}
	return entries, nil
}

// account is what useradd and rpm agree to be a name.
var account = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// plain keeps out what rpm, make or a shell would take for syntax.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./+-]+$`)

func parse(f []string) (Entry, error) {
	if len(f) != 6 {
		return Entry{}, fmt.Errorf("want six fields, have %d", len(f))
	}
	e := Entry{Type: Type(f[0]), Path: f[1], Owner: f[2], Group: f[3]}
	if _, known := regular[e.Type]; !known {
		return e, fmt.Errorf("%q is no type", f[0])
	}
	if !plain.MatchString(e.Path) || !path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || e.Path == "/" {
		return e, fmt.Errorf("want an absolute path, have %q", e.Path)
	}
	for _, name := range f[2:4] {
		if !account.MatchString(name) {
			return e, fmt.Errorf("%q is no name of a user or group", name)
		}
	}
	if err := e.setMode(f[4]); err != nil {
		return e, err
	}
	return e, e.setSource(f[5])
}

func (e *Entry) setMode(text string) error {
	if e.Type == Link {
		if text != "-" {
			return fmt.Errorf("a link has no mode; want -, have %q", text)
		}
		return nil
	}
	mode, err := strconv.ParseUint(text, 8, 12)
	if err != nil || len(text) != 4 {
		return fmt.Errorf("want a mode of four octal digits, have %q", text)
	}
	e.Mode = uint32(mode)
	return nil
}

func (e *Entry) setSource(text string) error {
	if !e.Regular() && e.Type != Link {
		if text != "-" {
			return fmt.Errorf("a %s has no source; want -, have %q", e.Type, text)
		}
		return nil
	}
	clean := text != "-" && plain.MatchString(text) && path.Clean(text) == text
	local := !path.IsAbs(text) && text != ".." && !strings.HasPrefix(text, "../")
	if !clean || e.Regular() && !local {
		return fmt.Errorf("want the source of %s, have %q", e.Path, text)
	}
	e.Source = text
	return nil
}
