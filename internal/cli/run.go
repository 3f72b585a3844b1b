package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"yubin/internal/config"
)

// flags are those that every program has.
type flags struct {
	set           *pflag.FlagSet
	dir           *string
	overrides     []string
	help, version bool
	body          func(context.Context, *Env) error
}

func newFlags(c *Command) *flags {
	f := &flags{set: pflag.NewFlagSet(c.Name, pflag.ContinueOnError)}
	f.set.SetInterspersed(false) // an operand may look like an option
	f.set.SetOutput(io.Discard)
	f.set.Usage = func() {}
	f.dir = f.set.StringP("config", c.configLetter(), "", "read main.cf and master.cf in this `directory`")
	if !c.NoOverrides {
		f.set.StringArrayVarP(&f.overrides, "option", "o", nil, "set a parameter: `name=value`, over main.cf")
	}
	f.set.BoolVar(&f.help, "help", false, "print a summary of the options")
	f.set.BoolVar(&f.version, "version", false, "print the version")
	f.body = c.Setup(f.set)
	return f
}

// configLetter is the letter of --config.
func (c *Command) configLetter() string {
	if c.ConfigFlag == "" {
		return "c"
	}
	return c.ConfigFlag
}

// Flags returns the options of c, for its manual.
func Flags(c *Command) *pflag.FlagSet { return newFlags(c).set }

func run(c *Command, args []string) error {
	f := newFlags(c)
	if c.Args != nil {
		var err error
		if args, err = c.Args(args); err != nil {
			return &Status{ExUsage, err}
		}
	}
	err := f.set.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp) || err == nil && f.help:
		return usage(os.Stdout, c, f.set)
	case err != nil:
		return &Status{ExUsage, fmt.Errorf("%w (--help lists the options)", err)}
	case f.version:
		_, err := fmt.Printf("%s (yubin) %s\n", c.Name, config.Version())
		return err
	}
	dir, err := configDir(*f.dir)
	if err != nil {
		return err
	}
	if c.Early != nil {
		if err := c.Early(dir); err != nil {
			return err
		}
	}
	load := func() (*config.Config, error) {
		cfg, err := config.Read(dir, f.overrides)
		if err != nil || c.Tolerant {
			return cfg, err
		}
		if err := cfg.Err(); err != nil {
			return nil, err
		}
		return cfg, cfg.Check(c.Params)
	}
	cfg, err := load()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && *f.dir == "" && os.Getenv("MAIL_CONFIG") == "" {
			err = fmt.Errorf("%w; -%s names another directory", err, c.configLetter())
		}
		return &Status{cmp.Or(c.ConfigStatus, ExConfig), fmt.Errorf("configuration: %w", err)}
	}
	return f.body(context.Background(), &Env{
		Program: c.Name, Config: cfg, Args: f.set.Args(), Overrides: f.overrides, Reload: load,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

// configDir is the directory that the command line, the environment or nobody
// names. Callers of sendmail may name the file instead of its directory.
func configDir(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv("MAIL_CONFIG")
	}
	if dir == "" {
		return config.DefaultDir, nil
	}
	if filepath.Base(dir) == "main.cf" {
		dir = filepath.Dir(dir)
	}
	return filepath.Abs(dir)
}

func usage(w io.Writer, c *Command, fs *pflag.FlagSet) error {
	synopsis := c.Synopsis
	if synopsis != "" {
		synopsis = " " + synopsis
	}
	more := ""
	if c.Help != nil {
		more = "\n" + c.Help()
	}
	_, err := fmt.Fprintf(w, "usage: %s [options]%s\n\n%s%s", c.Name, synopsis, fs.FlagUsages(), more)
	return err
}
