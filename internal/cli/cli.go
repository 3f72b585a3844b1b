// Package cli is the one way into every program: flags, configuration, log,
// exit status. Only Main ends the process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"yubin/internal/config"
)

// Exit statuses (sysexits.h).
const (
	ExUsage       = 64
	ExDataErr     = 65
	ExNoUser      = 67
	ExUnavailable = 69
	ExSoftware    = 70
	ExOSErr       = 71
	ExIOErr       = 74
	ExTempFail    = 75
	ExNoPerm      = 77
	ExConfig      = 78
)

// A Command is a program as a value: the manual and the parser see the same
// flags and parameters.
type Command struct {
	Name    string
	Section int // of the manual: 1, 8
	// Synopsis is what may follow the options, as in a manual: "[NAME...]".
	Synopsis string
	// Help returns what --help prints after the options; nil: nothing.
	Help func() string
	// Params are the parameters that the program reads. Main checks them.
	Params []*config.Def
	// ConfigFlag is the letter of the flag that names the configuration
	// directory; "" is c.
	ConfigFlag string
	// NoOverrides leaves out -o NAME=VALUE: the letter means something else, or
	// the caller has no say in the parameters (sendmail).
	NoOverrides bool
	// Tolerant runs the program with a main.cf that has faults too: it asks
	// Config.Err, and checks Params, when it needs to.
	Tolerant bool
	// ConfigStatus is the exit status when the configuration cannot be used; 0 is
	// ExConfig.
	ConfigStatus int
	// Early is called with the configuration directory before anything in it is
	// read: a setgid program gives up there what it must not use with it.
	Early func(dir string) error
	// Args rewrites the command line before flags are parsed; nil leaves it.
	Args func(args []string) ([]string, error)
	// Setup defines the flags and returns what runs when they are parsed.
	Setup func(fs *pflag.FlagSet) func(ctx context.Context, env *Env) error
}

// An Env is what a program gets from its caller.
type Env struct {
	Program        string // the command's name
	Config         *config.Config
	Args           []string // operands
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Overrides      []string // -o name=value, over main.cf
	// Reload reads the configuration again, with the same overrides and the
	// same check; Config stays as it is.
	Reload func() (*config.Config, error)
}

// A Status is an error with the exit status it leads to.
type Status struct {
	Code int
	Err  error // nil: nothing to print
}

func (s *Status) Error() string {
	if s.Err == nil {
		return fmt.Sprintf("exit status %d", s.Code)
	}
	return s.Err.Error()
}

func (s *Status) Unwrap() error { return s.Err }

// Fail returns a Status with a message.
func Fail(code int, format string, args ...any) error {
	return &Status{code, fmt.Errorf(format, args...)}
}

// Main runs c and exits.
func Main(c *Command) { os.Exit(Run(c, os.Args[1:])) }

// Run runs c with args and returns its exit status.
func Run(c *Command, args []string) int {
	err := run(c, args)
	if err == nil {
		return 0
	}
	code := 1
	var s *Status
	if errors.As(err, &s) {
		code, err = s.Code, s.Err
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
	}
	return code
}
