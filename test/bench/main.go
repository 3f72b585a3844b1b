package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	time    time.Duration
	rounds  int
	rows    string
	systems string
	bin     string
	deb     string
	parent  string
	write   string
	keep    bool
	list    bool
	talk    bool
	onward  string
}

func main() {
	var o options
	flag.DurationVar(&o.time, "time", 10*time.Second, "how long the load of one turn lasts")
	flag.IntVar(&o.rounds, "rounds", 2, "turns of each system per row; the table has medians")
	flag.StringVar(&o.rows, "rows", "", "comma-separated prefixes of the rows to run; empty: all")
	flag.StringVar(&o.systems, "systems", "postfix,dovecot,yubin,talk", "which systems run")
	flag.StringVar(&o.bin, "bin", "bin", "yubin's programs")
	flag.StringVar(&o.deb, "deb", "out", "where Debian's postfix package is kept once it is downloaded")
	flag.StringVar(&o.parent, "dir", "/var/tmp", "directory to make the instances in; not a tmpfs")
	flag.StringVar(&o.write, "write", "", "put the rows that run into this file's table, between its bench marks")
	flag.BoolVar(&o.keep, "keep", false, "keep the instances' directory")
	flag.BoolVar(&o.list, "list", false, "list the rows and end")
	flag.BoolVar(&o.talk, "talk", false, "be the server that only talks, on descriptors from 3 (used by bench itself)")
	flag.StringVar(&o.onward, "onward", "", "with -talk: the server to pass every message to")
	flag.Parse()

	if o.talk {
		fail(talkAll(o.onward))
		return
	}
	if o.list {
		for _, r := range rows {
			fmt.Println(r.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fail(bench(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// bench runs the rows and prints the table.
func bench(ctx context.Context, o options) (err error) {
	selected := selectRows(o.rows)
	if len(selected) == 0 {
		return fmt.Errorf("no row begins with %q; -list shows them", o.rows)
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can run Postfix and a fair yubin; run it as root")
	}
	raiseFileLimit()
	dir, err := workDir(o.parent)
	if err != nil {
		return err
	}
	if o.keep {
		fmt.Fprintf(os.Stderr, "instances are kept in %s\n", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	logFile := filepath.Join(dir, "log")
	log, err := serveLog(logFile)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, log.close())
		if err != nil {
			showTail(logFile)
		}
	}()
	systems, err := makeSystems(o, dir, selected)
	if err != nil {
		return err
	}
	run := newRun(o, dir)
	for _, r := range selected {
		for round := range o.rounds {
			for _, s := range systems {
				if !r.wants(s.name()) || s.name() == "talk" && round > 0 {
					continue
				}
				if err := run.turn(ctx, s, r); err != nil {
					return fmt.Errorf("%s with %s: %w", r.name, s.name(), err)
				}
			}
		}
	}
	report := run.report(systems)
	fmt.Print(report)
	if o.write == "" {
		return nil
	}
	return report.mergeInto(o.write)
}

// makeSystems prepares the systems that -systems names, in its order, as far
// as the rows want them.
func makeSystems(o options, dir string, rows []row) ([]system, error) {
	var systems []system
	for name := range strings.SplitSeq(o.systems, ",") {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.wants(name) }) {
			continue
		}
		s, err := makeSystem(name, filepath.Join(dir, name), o, rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		systems = append(systems, s)
	}
	return systems, nil
}

func makeSystem(name, dir string, o options, rows []row) (system, error) {
	switch name {
	case "postfix":
		var judge *dovecot
		if slices.ContainsFunc(rows, func(r row) bool { return r.wants(name) && r.setup.scheme != "" }) {
			var err error
			if judge, err = newDovecot(dir+"-auth", o.deb); err != nil {
				return nil, err
			}
		}
		return newPostfix(dir, o.deb, judge)
	case "dovecot":
		return newDovecot(dir, o.deb)
	case "yubin":
		return newYubin(dir, o.bin)
	case "talk":
		return newTalker()
	}
	return nil, errors.New("no such system; there are postfix, dovecot, yubin and talk")
}

// workDir makes the directory of this run. Its users are several accounts, so
// it is readable; a tmpfs would measure no disk.
func workDir(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "yubin-bench-")
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	if fs := fileSystem(dir); fs == "tmpfs" {
		os.RemoveAll(dir)
		return "", fmt.Errorf("%s is a tmpfs; name another directory with -dir", parent)
	}
	return dir, nil
}

// showTail prints the end of the systems' log, where a failure's reason is.
func showTail(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return // a syslog daemon has it
	}
	os.Stderr.Write(b[max(0, len(b)-4096):])
}

// raiseFileLimit makes room for 1,000 idle sessions.
func raiseFileLimit() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
