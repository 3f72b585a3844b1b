package mailbox

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const subsFile = "subscriptions"

// maxSubs bounds what is read of a subscriptions file, octets.
const maxSubs = 4 << 20

const subsHeader = "V\t2\n\n"

// tabEscapes are Dovecot's: what a line between tabs cannot hold.
var tabEscaper = strings.NewReplacer("\x01", "\x011", "\t", "\x01t", "\r", "\x01r", "\n", "\x01n", "\x00", "\x010")
var tabUnescaper = strings.NewReplacer("\x011", "\x01", "\x01t", "\t", "\x01r", "\r", "\x01n", "\n", "\x010", "\x00")

// A subs is a subscriptions file: lines, as they are.
type subs struct {
	v2    bool
	lines []string
}

func parseSubs(data []byte) *subs {
	s := &subs{}
	rest, v2 := bytes.CutPrefix(data, []byte(subsHeader))
	s.v2 = v2 || len(data) == 0
	for line := range strings.Lines(string(rest)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			s.lines = append(s.lines, line)
		}
	}
	return s
}

func (s *subs) format() []byte {
	var b bytes.Buffer
	if s.v2 {
		b.WriteString(subsHeader)
	}
	for _, line := range s.lines {
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

// line writes the name of a folder as a line: levels in modified UTF-7 with
// a tab between them or, in the plain format, a dot.
func (s *subs) line(disk string) string {
	if disk == "." {
		return Inbox
	}
	levels := strings.Split(disk[1:], ".")
	if !s.v2 {
		return strings.Join(levels, ".")
	}
	for i := range levels {
		levels[i] = tabEscaper.Replace(levels[i])
	}
	return strings.Join(levels, "\t")
}

// name reads a line; one that names no folder of ours is kept in the file, and
// not shown.
func (s *subs) name(line string) (string, bool) {
	if strings.EqualFold(line, Inbox) {
		return Inbox, true
	}
	levels := []string{line}
	if s.v2 {
		levels = strings.Split(line, "\t")
		for i := range levels {
			levels[i] = tabUnescaper.Replace(levels[i])
		}
	}
	return folderName("." + strings.Join(levels, "."))
}

// Subscriptions returns the subscribed names, sorted. They need not exist.
func (t *Tree) Subscriptions() ([]string, error) {
	s, err := t.readSubs()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, line := range s.lines {
		if name, ok := s.name(line); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (t *Tree) readSubs() (*subs, error) {
	data, err := t.readSmall(subsFile, maxSubs)
	if err != nil {
		return nil, err
	}
	return parseSubs(data), nil
}

// readSmall reads a file in the root; one that is not there is empty.
func (t *Tree) readSmall(name string, most int64) ([]byte, error) {
	f, err := t.dir.open(name, unix.O_RDONLY)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: want at most %d octets", f.Name(), most)
	}
	return data, err
}

// Subscribe enters a name into the subscriptions, or takes it out.
func (t *Tree) Subscribe(name string, on bool) error {
	disk, err := diskName(name)
	if err != nil {
		return err
	}
	return t.edit(subsFile, func(data []byte) []byte {
		s := parseSubs(data)
		line := s.line(disk)
		i := slices.Index(s.lines, line)
		switch {
		case on == (i >= 0):
			return nil
		case on:
			s.lines = append(s.lines, line)
		default:
			s.lines = slices.DeleteFunc(s.lines, func(l string) bool { return l == line })
		}
		return s.format()
	})
}

// edit replaces a file in the root under its lock by what change makes of it;
// nil leaves it as it is.
func (t *Tree) edit(name string, change func([]byte) []byte) error {
	l, err := t.dir.lock(name, subsTimes)
	if err != nil {
		return err
	}
	data, err := t.readSmall(name, maxSubs)
	var now []byte
	if err == nil {
		now = change(data)
	}
	if err != nil || now == nil {
		l.unlock()
		return err
	}
	err = l.write(now)
	if err == nil {
		err = t.store.o.Flush.Flush(flushFile(l.file))
	}
	if err != nil {
		l.unlock()
		return full(err)
	}
	if err := l.replace(); err != nil {
		return err
	}
	return t.flush()
}

const usesFile = "yubin-uses"

// Uses returns RFC 6154's uses that clients gave to folders when they made
// them: attribute (\Sent) by folder.
func (t *Tree) Uses() (map[string][]string, error) {
	data, err := t.readSmall(usesFile, maxSubs)
	if err != nil {
		return nil, err
	}
	uses := map[string][]string{}
	for _, u := range parseUses(data) {
		if name, ok := folderName(u.disk); ok {
			uses[name] = append(uses[name], u.attribute)
		}
	}
	return uses, nil
}

type use struct{ attribute, disk string }

// parseUses reads lines of an attribute, a space and a directory.
func parseUses(data []byte) []use {
	var list []use
	for line := range strings.Lines(string(data)) {
		attribute, disk, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok && strings.HasPrefix(attribute, `\`) {
			list = append(list, use{attribute, disk})
		}
	}
	return list
}

// SetUses says what a folder is used for; none takes its uses away.
func (t *Tree) SetUses(name string, attributes ...string) error {
	disk, err := diskName(name)
	if err != nil {
		return err
	}
	return t.editUses(func(list []use) []use {
		list = slices.DeleteFunc(list, func(u use) bool { return u.disk == disk })
		for _, a := range attributes {
			list = append(list, use{a, disk})
		}
		return list
	})
}

// editUses changes the file of uses, which most mailboxes do not have.
func (t *Tree) editUses(change func([]use) []use) error {
	return t.edit(usesFile, func(data []byte) []byte {
		b := []byte{}
		for _, u := range change(parseUses(data)) {
			b = fmt.Appendf(b, "%s %s\n", u.attribute, u.disk)
		}
		if bytes.Equal(b, data) {
			return nil
		}
		return b
	})
}

// dropUses and renameUses follow what happens to folders.
func (t *Tree) dropUses(disk string) error {
	return t.followUses(func(u use) (use, bool) { return u, u.disk != disk })
}

func (t *Tree) renameUses(old, now string) error {
	return t.followUses(func(u use) (use, bool) {
		if u.disk == old || strings.HasPrefix(u.disk, old+".") {
			u.disk = now + u.disk[len(old):]
		}
		return u, true
	})
}

func (t *Tree) followUses(change func(use) (use, bool)) error {
	if _, err := t.dir.stat(usesFile); err != nil {
		return ignoreGone(err)
	}
	return t.editUses(func(list []use) []use {
		var kept []use
		for _, u := range list {
			if u, keep := change(u); keep {
				kept = append(kept, u)
			}
		}
		return kept
	})
}
