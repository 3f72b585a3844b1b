package story

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"yubin/internal/config"
)

// Params are the parameters that Sources reads.
var Params = []*config.Def{
	config.MaillogFile.Def, config.MaillogJSONFile.Def, config.SyslogName.Def, config.SyslogFacility.Def,
}

// A Source is one log: a file and what it was renamed to, or the journal.
type Source struct {
	Name  string
	files []string // the oldest first
	json  bool
	tags  []string
	argv  []string // of a program that prints the log; nil: files
}

// syslogFiles are where syslog daemons write what comes from the mail system.
var syslogFiles = []string{"/var/log/maillog", "/var/log/mail.log", "/var/log/syslog", "/var/log/messages"}

// Sources are the logs that there are, the best first. What was written before
// since is left out as far as that can be told by file. notes are what an
// administrator should know of logs that are not read.
func Sources(c *config.Config, since time.Time) (sources []Source, notes []string) {
	tags := names(c)
	add := func(name string, json bool) {
		files, left := generations(name, since)
		notes = append(notes, left...)
		if len(files) > 0 {
			sources = append(sources, Source{Name: name, files: files, json: json, tags: tags})
		}
	}
	if name := config.MaillogJSONFile.Of(c); name != "" {
		add(name, true)
	}
	if name := config.MaillogFile.Of(c); name != "" {
		add(name, false)
		return sources, notes
	}
	for _, name := range syslogFiles {
		add(name, false)
	}
	if path, err := exec.LookPath("journalctl"); err == nil {
		argv := []string{path, "--quiet", "--no-pager", "--output=short-iso-precise", "--facility=" + config.SyslogFacility.Of(c)}
		if !since.IsZero() {
			argv = append(argv, "--since=@"+fmt.Sprint(since.Unix()))
		}
		sources = append(sources, Source{Name: "journal", argv: argv, tags: tags})
	}
	return sources, notes
}

// names are what tags begin with: syslog_name, also as services have it.
func names(c *config.Config) []string {
	all := []string{config.SyslogName.Of(c)}
	services, _ := config.Services(c) // without master.cf nothing is overridden
	for _, s := range services {
		over, set := c.In(s)
		if slices.Contains(set, config.SyslogName.Name) && over.Check([]*config.Def{config.SyslogName.Def}) == nil {
			all = append(all, config.SyslogName.Of(over))
		}
	}
	// The longest first: postfix/submission comes before postfix.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// renamed is what logrotate and postfix logrotate add to a name.
var renamed = regexp.MustCompile(`^[.-][0-9][0-9-]*(\.gz|\.xz|\.zst|\.bz2)?$`)

// generations are a file and what it was renamed to, the oldest first, without
// those that were written last before since.
func generations(name string, since time.Time) (files, notes []string) {
	type file struct {
		name string
		when time.Time
	}
	var all []file
	paths, _ := filepath.Glob(globbed(name) + "*")
	for _, path := range paths {
		rest := strings.TrimPrefix(path, name)
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || rest != "" && !renamed.MatchString(rest) || info.ModTime().Before(since.Truncate(time.Second)) {
			continue
		}
		switch filepath.Ext(path) {
		case ".xz", ".zst", ".bz2":
			notes = append(notes, path+" is not read: unpack it, or have logrotate use gzip")
			continue
		}
		all = append(all, file{path, info.ModTime()})
	}
	slices.SortStableFunc(all, func(a, b file) int {
		if a.name == name || b.name == name { // the one that is written is the newest
			return strings.Compare(b.name, a.name)
		}
		return a.when.Compare(b.when)
	})
	for _, f := range all {
		files = append(files, f.name)
	}
	return files, notes
}

// globbed quotes what means something in a pattern.
func globbed(name string) string {
	return regexp.MustCompile(`[\[\]*?\\]`).ReplaceAllString(name, `\$0`)
}

// maxLine is the longest line that is looked at, octets.
const maxLine = 64 << 10

// Each calls visit for each line about a message, the oldest first.
func (s *Source) Each(ctx context.Context, visit func(*Line) error) error {
	if s.argv != nil {
		return s.run(ctx, visit)
	}
	for _, name := range s.files {
		if err := s.file(ctx, name, visit); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) file(ctx context.Context, name string, visit func(*Line) error) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was rotated away meanwhile
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bufio.NewReader(f))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer z.Close()
		r = z
	}
	if err := s.lines(ctx, r, visit); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (s *Source) run(ctx context.Context, visit func(*Line) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := exec.CommandContext(ctx, s.argv[0], s.argv[1:]...)
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	err = s.lines(ctx, out, visit)
	cancel()
	_ = c.Wait() // the lines that have come count
	return err
}

// lines reads line by line. What is longer than maxLine is cut.
func (s *Source) lines(ctx context.Context, r io.Reader, visit func(*Line) error) error {
	in := bufio.NewReaderSize(r, maxLine)
	for ctx.Err() == nil {
		b, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if l, ok := s.parse(b); ok {
			if err := visit(&l); err != nil {
				return err
			}
		}
		for long { // pass over the rest
			_, err = in.ReadSlice('\n')
			long = errors.Is(err, bufio.ErrBufferFull)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Source) parse(b []byte) (Line, bool) {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	if s.json {
		return parseJSON(b, s.tags)
	}
	return parse(string(b), s.tags)
}
