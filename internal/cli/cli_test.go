package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"yubin/internal/config"
)

// command is a program that keeps its environment.
func command(got **Env) *Command {
	return &Command{
		Name: "prog", Section: 8, Synopsis: "[NAME...]",
		Params: []*config.Def{config.MaxIdle.Def},
		Help:   func() string { return "more\n" },
		Setup: func(fs *pflag.FlagSet) func(context.Context, *Env) error {
			fail := fs.BoolP("fail", "f", false, "end with a `status`")
			return func(_ context.Context, env *Env) error {
				*got = env
				if *fail {
					return Fail(ExTempFail, "open it: %w", os.ErrNotExist)
				}
				return nil
			}
		},
	}
}

func etc(t *testing.T, main string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRun(t *testing.T) {
	t.Parallel()
	good, bad, broken := etc(t, "max_idle = 5s"), etc(t, "\nmax_idle = 0"), etc(t, "max_idle 5s")
	tests := []struct {
		name string
		args []string
		code int
		err  string
	}{
		{"operands", []string{"-c", good, "a", "-f"}, 0, ""},
		{"the file for its directory", []string{"-c", good + "/main.cf"}, 0, ""},
		{"status", []string{"-c", good, "-f"}, ExTempFail, "open it: file does not exist"},
		{"unknown option", []string{"-c", good, "-x"}, ExUsage, "unknown shorthand flag: 'x' in -x (--help lists the options)"},
		{"wrong value", []string{"-c", bad}, ExConfig, "configuration: " + bad + `/main.cf:2: max_idle: want a time such as 30s, 5m, 2h, 1d or 1w, at least 1s, have "0"`},
		{"override of a wrong value", []string{"-c", bad, "-o", "max_idle=3"}, 0, ""},
		{"wrong override", []string{"-c", good, "-o", "max_idle=x"}, ExConfig, "configuration: -o max_idle: want a time such as 30s, 5m, 2h, 1d or 1w, at least 1s, have \"x\""},
		{"syntax", []string{"-c", broken}, ExConfig, "configuration: " + broken + `/main.cf:1: missing '=' after attribute name: "max_idle"; write name = value`},
		{"no file", []string{"-c", filepath.Join(good, "x")}, ExConfig, "configuration: open " + good + "/x/main.cf: no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var env *Env
			err := run(command(&env), tt.args)
			code, text := 0, ""
			var s *Status
			if errors.As(err, &s) {
				code, text = s.Code, s.Err.Error()
			}
			if code != tt.code || text != tt.err {
				t.Errorf("got %d %s\nwant %d %s", code, text, tt.code, tt.err)
			}
			if tt.name == "operands" && !slices.Equal(env.Args, []string{"a", "-f"}) {
				t.Errorf("operands %q", env.Args)
			}
		})
	}
}

func TestTolerant(t *testing.T) {
	t.Parallel()
	var env *Env
	c := command(&env)
	c.Tolerant = true
	if err := run(c, []string{"-c", etc(t, "x\nmax_idle = 0")}); err != nil || env.Config.Err() == nil {
		t.Errorf("run: %v; configuration: %v", err, env)
	}
}

func TestNoOverrides(t *testing.T) {
	t.Parallel()
	var env *Env
	c := command(&env)
	c.NoOverrides = true
	var s *Status
	if err := run(c, []string{"-c", etc(t, ""), "-o", "max_idle=1"}); !errors.As(err, &s) || s.Code != ExUsage {
		t.Errorf("run: %v", err)
	}
}

// A program can have a status of its own for a wrong configuration.
func TestConfigStatus(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"wrong value": etc(t, "max_idle = 0"), "syntax": etc(t, "x"), "no file": filepath.Join(t.TempDir(), "x")} {
		var env *Env
		c := command(&env)
		c.ConfigStatus = ExTempFail
		var s *Status
		if err := run(c, []string{"-c", dir}); !errors.As(err, &s) || s.Code != ExTempFail {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Early comes before anything in the directory is read.
func TestEarly(t *testing.T) {
	t.Parallel()
	var env *Env
	c := command(&env)
	stop := errors.New("stop")
	dir := filepath.Join(t.TempDir(), "missing")
	c.Early = func(d string) error {
		if d != dir {
			t.Errorf("directory %s, want %s", d, dir)
		}
		return stop
	}
	if err := run(c, []string{"-c", dir}); err != stop {
		t.Errorf("run: %v", err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	var env *Env
	var b strings.Builder
	c := command(&env)
	if err := usage(&b, c, Flags(c)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"usage: prog [options] [NAME...]\n", "-c, --config directory", "-f, --fail", "--version", "\nmore\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", Fail(ExNoUser, "who: %w", os.ErrNotExist))
	var s *Status
	if !errors.As(err, &s) || s.Code != ExNoUser || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("status of %v: %+v", err, s)
	}
}
