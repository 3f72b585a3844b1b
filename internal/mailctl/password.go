package mailctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"yubin/internal/cli"
)

// maxPassword is the longest password that is read, octets.
const maxPassword = 4096

// readPassword asks for a password where standard input is a terminal, which
// does not show it; else it is the first line of standard input.
func readPassword(env *cli.Env, prompt string) (string, error) {
	if fd, state := terminal(env); state != nil {
		fmt.Fprint(env.Stderr, prompt)
		defer fmt.Fprintln(env.Stderr)
		defer silence(fd, state)()
	}
	line, err := bufio.NewReader(io.LimitReader(env.Stdin, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	switch {
	case password == "":
		return "", errors.New("want a password on standard input")
	case len(password) > maxPassword:
		return "", fmt.Errorf("the password is longer than %d octets", maxPassword)
	case strings.ContainsAny(password, "\r\n\x00"), strings.TrimSpace(password) != password:
		return "", errors.New("a password in a table has no control characters, and no blank at its ends")
	}
	return password, nil
}

// terminal is standard input, where that is one; nil where it is not.
func terminal(env *cli.Env) (fd int, state *unix.Termios) {
	f, ok := env.Stdin.(*os.File)
	if !ok {
		return 0, nil
	}
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return 0, nil
	}
	return int(f.Fd()), state
}

// silence has a terminal show nothing that is typed, until the function that it
// returns is called, or a signal ends the program.
func silence(fd int, state *unix.Termios) func() {
	quiet := *state
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	unix.IoctlSetTermios(fd, unix.TCSETS, &quiet)
	restore := func() { unix.IoctlSetTermios(fd, unix.TCSETS, state) }
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			restore()
			os.Exit(cli.ExTempFail)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		restore()
	}
}
