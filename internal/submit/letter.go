package submit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/queue"
)

// errHeader says that the header is larger than maxHeader.
var errHeader = errors.New("message header is too large")

// A readError is a failure of standard input.
type readError struct{ err error }

func (e *readError) Error() string { return "read message: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// submit takes one letter from standard input.
func submit(ctx context.Context, env *cli.Env, o *options, name string) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	d := new(draft)
	done := make(chan error, 1)
	go func() { done <- take(env, o, name, d) }()
	select {
	case err := <-done:
		return status(err)
	case <-ctx.Done():
	}
	if d.abandon() {
		return nil // it was completed in the meantime: then it counts
	}
	select {
	case err := <-done:
		return status(err)
	default:
		return status(errInterrupted)
	}
}

// untilSignal ends the context at a signal that would end the process, unless
// the caller has it ignored (nohup).
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	var signals []os.Signal
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	if len(signals) == 0 {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, signals...)
}

// take reads a letter and leaves it in maildrop/, as d.
func take(env *cli.Env, o *options, name string, d *draft) error {
	c := env.Config
	queueDir := config.QueueDirectory.Of(c)
	dir := filepath.Join(queueDir, queue.DirMaildrop)
	source := env.Stdin
	if o.probe {
		source = strings.NewReader("Subject: probe\n\n") // standard input is not read
	}
	in := newInput(source, o.ignoreDots)
	l, err := compose(env, o, name, in)
	if err != nil {
		return err
	}
	limit := config.MessageSizeLimit.Of(c)
	if err := checkRoom(dir, config.MinFree(c)); err != nil {
		return err
	}
	if err := checkQuota(dir, os.Getuid(), config.MaildropUIDLimit.Of(c)); err != nil {
		return err
	}
	if err := d.create(dir); err != nil {
		return err
	}
	defer d.f.Close()
	defer d.abandon()
	if err := d.write(l, limit, in); err != nil {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	poke(filepath.Join(queueDir, queue.DirPublic, "pickup"))
	if o.probe || o.verbose == 1 {
		sender := l.env.Sender
		if sender == "" {
			sender = nobody
		}
		// The letter is safe, whoever reads this.
		fmt.Fprintf(env.Stdout, "Mail Delivery Status Report will be mailed to <%s>.\n", sender)
	}
	return nil
}

// status gives err the exit status that callers of sendmail expect.
func status(err error) error {
	var s *cli.Status
	var read *readError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &s):
		return err
	case errors.As(err, &read):
		return fail(cli.ExDataErr, "%w", err)
	case errors.Is(err, errTooBig):
		return fail(cli.ExUnavailable, "%w", err)
	case errors.Is(err, fs.ErrPermission):
		return fail(cli.ExUnavailable, "cannot leave the letter in the queue: %w (is sendmail set-gid, and a configuration directory other than the default in alternate_config_directories?)", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fail(cli.ExUnavailable, "cannot leave the letter in the queue: %w", err)
	}
	// Unknown means temporary: the caller keeps the letter.
	return fail(cli.ExTempFail, "cannot leave the letter in the queue: %w", err)
}
