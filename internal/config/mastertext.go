package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A MasterEntry is one entry of master.cf as it is written: the eight fields,
// then the arguments of the program, braces taken off.
type MasterEntry []string

// MasterFieldNames are postconf's names of the eight fields.
var MasterFieldNames = [...]string{"service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command"}

// columns are where the fields begin, as in the files that people know.
var columns = [...]int{0, 11, 17, 25, 33, 41, 49, 57}

// ParseMasterEntry reads an entry.
func ParseMasterEntry(text string) (MasterEntry, error) {
	f, err := masterFields(text)
	if err != nil {
		return nil, err
	}
	if _, _, err := f.service(0); err != nil {
		return nil, err
	}
	return MasterEntry(f), nil
}

// Matches tells whether the entry is the one of a name and a type.
func (e MasterEntry) Matches(name, kind string) bool { return e[0] == name && e[1] == kind }

// String is the entry on one line.
func (e MasterEntry) String() string { return e.text(" ", " ") }

// Folded is the entry with each option on a line of its own.
func (e MasterEntry) Folded() string { return e.text("\n    ", "\n    ") }

// text writes the entry, options behind option and what follows them behind rest.
func (e MasterEntry) text(option, rest string) string {
	var b strings.Builder
	b.WriteString(e[:len(columns)].head())
	args := e[len(columns):]
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-o" && i+1 < len(args):
			b.WriteString(option + "-o " + braced(args[i+1]))
			i++
		case strings.HasPrefix(args[i], "-"):
			b.WriteString(option + braced(args[i]))
		default:
			b.WriteString(rest)
			words := make([]string, 0, len(args)-i)
			for _, w := range args[i:] {
				words = append(words, braced(w))
			}
			b.WriteString(strings.Join(words, " "))
			return b.String()
		}
	}
	return b.String()
}

// braced protects what would not be read as this one word.
func braced(word string) string {
	if same, err := SplitBraces(word, blanks); err == nil && len(same) == 1 && same[0] == word {
		return word
	}
	return "{ " + word + " }"
}

// Options are the parameters that the entry sets, in its order: name and value.
func (e MasterEntry) Options() [][2]string {
	var all [][2]string
	e.options(func(_ int, name, value string) { all = append(all, [2]string{name, value}) })
	return all
}

// options calls f for each -o, with the index of its value.
func (e MasterEntry) options(f func(i int, name, value string)) {
	for i := len(columns); i < len(e) && strings.HasPrefix(e[i], "-"); i++ {
		at, text := i, strings.TrimPrefix(e[i], "-o")
		if e[i] == "-o" && i+1 < len(e) {
			i++
			at, text = i, e[i]
		} else if text == e[i] {
			continue
		}
		if name, value, ok := strings.Cut(text, "="); ok {
			f(at, strings.Trim(name, blanks), strings.Trim(value, blanks))
		}
	}
}

// SetOption returns the entry with a parameter set, in its place or behind the
// other options.
func (e MasterEntry) SetOption(name, value string) MasterEntry {
	word := name + "=" + value
	if strings.ContainsAny(value, blanks) {
		word = name + " = " + value
	}
	e = slices.Clone(e)
	set := -1
	e.options(func(i int, n, _ string) {
		if n == name {
			set = i
		}
	})
	if set >= 0 && e[set-1] == "-o" {
		e[set] = word
		return e
	}
	if set >= 0 {
		e[set] = "-o" + word
		return e
	}
	end := len(columns)
	for end < len(e) && strings.HasPrefix(e[end], "-") {
		if e[end] == "-o" {
			end++
		}
		end++
	}
	return slices.Insert(e, min(end, len(e)), "-o", word)
}

// UnsetOption returns the entry without a parameter.
func (e MasterEntry) UnsetOption(name string) MasterEntry {
	e = slices.Clone(e)
	var gone []int
	e.options(func(i int, n, _ string) {
		if n == name {
			gone = append(gone, i)
		}
	})
	for _, i := range slices.Backward(gone) {
		first := i
		if e[i-1] == "-o" {
			first--
		}
		e = slices.Delete(e, first, i+1)
	}
	return e
}

// ReadMasterEntries returns the entries of dir/master.cf. An entry that makes no
// sense is an error.
func ReadMasterEntries(dir string) ([]MasterEntry, error) {
	_, entries, _, err := readMasterText(filepath.Join(dir, "master.cf"))
	return entries, err
}

func readMasterText(file string) (lines []string, entries []MasterEntry, spans []span, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, nil, err
	}
	lines = physicalLines(string(b))
	spans = logicalSpans(lines, func(string) bool { return true })
	for _, s := range spans {
		var text []string
		for _, l := range lines[s.first:s.end] {
			if t := strings.Trim(l, blanks); t != "" && t[0] != '#' {
				text = append(text, t)
			}
		}
		e, err := ParseMasterEntry(strings.Join(text, " "))
		if err != nil {
			return nil, nil, nil, Problem{File: file, Line: s.first + 1, What: err.Error(), Mend: "correct the line"}
		}
		entries = append(entries, e)
	}
	return lines, entries, spans, nil
}

// A MasterChange is what becomes of an entry of master.cf.
type MasterChange struct {
	Name, Type string
	// Entry replaces it; nil: it goes, or becomes a comment.
	Entry   MasterEntry
	Comment bool
}

// EditMaster changes dir/master.cf, each change at once and whole, with its mode and
// owner. Comments and other entries stay as they are; a new entry comes at the end.
// Those who edit at the same time wait for each other.
func EditMaster(dir string, changes []MasterChange) error {
	file := filepath.Join(dir, "master.cf")
	unlock, err := Lock(file)
	if err != nil {
		return err
	}
	defer unlock()
	for _, c := range changes {
		lines, entries, spans, err := readMasterText(file)
		if err != nil {
			return err
		}
		var instead []string
		if c.Entry != nil {
			instead = []string{c.Entry.Folded() + "\n"}
		}
		found := false
		for i := len(entries) - 1; i >= 0; i-- { // from the end, so that earlier spans stay right
			if !entries[i].Matches(c.Name, c.Type) {
				continue
			}
			if c.Comment {
				lines = spans[i].comment(lines)
			} else {
				lines = spans[i].replace(lines, instead)
			}
			found, instead = true, nil
		}
		switch {
		case !found && c.Entry == nil:
			return fmt.Errorf("no entry %s/%s in %s", c.Name, c.Type, file)
		case !found:
			lines = append(endLine(lines), instead...)
		}
		if err := rewrite(file, strings.Join(lines, "")); err != nil {
			return err
		}
	}
	return nil
}

// rewrite replaces a file by another text, with its mode and owner.
func rewrite(file, text string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New(file + " is no file")
	}
	return Replace(file, []byte(text), info)
}

// Command is the program with its arguments, on one line.
func (e MasterEntry) Command() string {
	return strings.TrimLeft(strings.TrimPrefix(e.String(), e[:len(columns)-1].head()), blanks)
}

// head is the text of fields without a program.
func (e MasterEntry) head() string {
	var b strings.Builder
	for i, f := range e {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", max(columns[i]-b.Len(), 1)))
		}
		b.WriteString(braced(f))
	}
	return b.String()
}

// SetField returns the entry with another value in a field; the last one is the
// program with its arguments.
func (e MasterEntry) SetField(i int, value string) (MasterEntry, error) {
	e = slices.Clone(e)
	if i < len(columns)-1 {
		e[i] = value
		return ParseMasterEntry(e.String())
	}
	return ParseMasterEntry(e[:i].head() + " " + value)
}
