package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"yubin/internal/durable"
)

// A Change is what becomes of one parameter in main.cf.
type Change struct {
	Name  string
	Value string
	Unset bool // no line says anything of it
	// Comment has the lines that say something of it become comments.
	Comment bool
}

// Edit changes main.cf in dir: at once and whole, with its mode and owner.
// Comments and the lines of other parameters stay as they are. Those who edit at the
// same time wait for each other.
func Edit(dir string, changes []Change) error {
	file := filepath.Join(dir, "main.cf")
	unlock, err := Lock(file)
	if err != nil {
		return err
	}
	defer unlock()
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := edited(string(b), changes)
	if err != nil || text == string(b) {
		return err
	}
	return rewrite(file, text)
}

// edited returns the text of a main.cf with changes. A parameter that the text
// has gets its new value where the old one was, the last one if there are
// several, since that counted; others are written at the end.
func edited(text string, changes []Change) (string, error) {
	lines := physicalLines(text)
	for _, c := range changes {
		if strings.ContainsAny(c.Value, "\r\n\x00") || strings.Trim(c.Value, blanks) != c.Value {
			return "", fmt.Errorf("%s: a value on one line, without blanks around it, please: %q", c.Name, c.Value)
		}
		spans := spansOf(lines, c.Name)
		for i := len(spans) - 1; i >= 0; i-- {
			var instead []string
			if i == len(spans)-1 && !c.Unset {
				instead = []string{c.line()}
			}
			if c.Comment {
				lines = spans[i].comment(lines)
			} else {
				lines = spans[i].replace(lines, instead)
			}
		}
		if len(spans) == 0 && !c.Unset && !c.Comment {
			lines = append(endLine(lines), c.line())
		}
	}
	return strings.Join(lines, ""), nil
}

// physicalLines are the lines of a text with their ends.
func physicalLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// endLine gives the last line its end.
func endLine(lines []string) []string {
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
	return lines
}

func (c Change) line() string { return strings.TrimRight(c.Name+" = "+c.Value, " ") + "\n" }

// A span is the physical lines of one logical line: from first on, before end.
// Comments and empty lines stand among them.
type span struct{ first, end int }

// spansOf finds the logical lines that set name.
func spansOf(lines []string, name string) []span {
	return logicalSpans(lines, func(text string) bool {
		n, _, err := nameValue(text)
		return err == nil && n == name
	})
}

// logicalSpans finds the logical lines whose first physical one is wanted.
func logicalSpans(lines []string, wanted func(text string) bool) []span {
	var spans []span
	open := false // whether the last span goes on
	for i, l := range lines {
		trimmed := strings.Trim(l, blanks)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case strings.IndexByte(blanks, l[0]) >= 0:
			if open {
				spans[len(spans)-1].end = i + 1
			}
		default:
			if open = wanted(trimmed); open {
				spans = append(spans, span{i, i + 1})
			}
		}
	}
	return spans
}

// comment makes comments of the lines of a span.
func (s span) comment(lines []string) []string {
	for i := s.first; i < s.end; i++ {
		if t := strings.Trim(lines[i], blanks); t != "" && t[0] != '#' {
			lines[i] = "#" + lines[i]
		}
	}
	return lines
}

// replace puts other lines in the place of a span; comments in it stay, behind.
func (s span) replace(lines, instead []string) []string {
	out := append([]string(nil), lines[:s.first]...)
	out = append(out, instead...)
	for _, l := range lines[s.first:s.end] {
		if t := strings.Trim(l, blanks); t == "" || t[0] == '#' {
			out = append(out, l)
		}
	}
	return append(out, lines[s.end:]...)
}

// Replace writes a file anew, at once and whole: who reads it sees the old
// content or the new. like has its mode and owner; nil: 0600, and the caller's.
func Replace(file string, content []byte, like os.FileInfo) error {
	// A link stays one: what it names is replaced.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := os.CreateTemp(dir.Name(), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if like != nil {
		if st, ok := like.Sys().(*syscall.Stat_t); ok && (int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid()) {
			if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
		}
		if err := f.Chmod(like.Mode().Perm()); err != nil {
			return err
		}
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	flush := durable.New(durable.Options{})
	if err := flush.Flush(durable.Item{File: f}); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return flush.Flush(durable.Item{Dirs: []*os.File{dir}})
}
