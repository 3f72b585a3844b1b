package postqueue

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
)

// Cat is postcat(1).
var Cat = &cli.Command{
	Name: "postcat", Section: 1, Synopsis: "[FILE...]", Params: queuectl.Params(), NoOverrides: true,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := new(catOptions)
		fs.BoolVarP(&o.body, "body", "b", false, "show the body")
		fs.BoolVarP(&o.header, "header", "h", false, "show the header")
		fs.BoolVarP(&o.envelope, "envelope", "e", false, "show the envelope")
		fs.BoolVarP(&o.queue, "queue", "q", false, "the operands are queue IDs, and not files")
		fs.BoolP("all", "d", false, "show deleted records too: there are none")
		fs.BoolP("offset", "o", false, "show where records are: accepted, does nothing")
		fs.BoolP("raw", "r", false, "show records as they are: accepted, does nothing")
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error {
			if !o.body && !o.header && !o.envelope {
				o.body, o.header, o.envelope = true, true, true
			}
			return o.run(env)
		}
	},
}

type catOptions struct{ body, header, envelope, queue bool }

func (o *catOptions) run(env *cli.Env) error {
	if len(env.Args) == 0 {
		if o.queue {
			return cli.Fail(1, "fatal: usage: postcat [-behq] [-c config_dir] [file...]")
		}
		return o.show(env, os.Stdin, "stdin")
	}
	for _, name := range env.Args {
		if err := o.one(env, name); err != nil {
			return err
		}
	}
	return nil
}

// one shows what an operand names.
func (o *catOptions) one(env *cli.Env, name string) error {
	if !o.queue {
		f, err := os.Open(name)
		if err != nil {
			return cli.Fail(1, "fatal: %v", err)
		}
		defer f.Close()
		return o.show(env, f, name)
	}
	if !queue.ValidID(name) {
		return cli.Fail(1, "fatal: bad mail queue ID: %.100s", name)
	}
	found, err := queuectl.Open(env, name)
	if err != nil {
		return err
	}
	defer found.File.Close()
	return o.show(env, found.File, path.Join(found.Queue, name))
}

// show writes one message with Postfix's marks. Without its envelope there are
// none: that is how people get at the text.
func (o *catOptions) show(env *cli.Env, f *os.File, name string) error {
	m, err := queue.Peek(f)
	if err != nil {
		return cli.Fail(1, "fatal: read %s: %v", name, err)
	}
	w := bufio.NewWriter(env.Stdout)
	mark := func(what string) {
		if o.envelope {
			fmt.Fprintf(w, "*** %s %s ***\n", what, name)
		}
	}
	mark("ENVELOPE RECORDS")
	if o.envelope {
		showEnvelope(w, m)
	}
	mark("MESSAGE CONTENTS")
	if err := o.content(w, f, m); err != nil {
		return cli.Fail(1, "fatal: read %s: %v", name, err)
	}
	mark("HEADER EXTRACTED")
	mark("MESSAGE FILE END")
	if err := w.Flush(); err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	return nil
}

// content writes header, body or both.
func (o *catOptions) content(w io.Writer, f *os.File, m *queue.Message) error {
	if !o.header && !o.body {
		return nil
	}
	in := bufio.NewReader(io.NewSectionReader(f, m.ContentOffset(), int64(m.Content)))
	for {
		line, err := in.ReadSlice('\n')
		end := len(bytes.TrimRight(line, "\n")) == 0
		if o.header && !end || o.body && o.header {
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && err != bufio.ErrBufferFull:
			return err
		case end && !o.body:
			return nil
		case end:
			_, err := io.Copy(w, in)
			return err
		}
	}
}

// showEnvelope writes the records in postcat's names.
func showEnvelope(w io.Writer, m *queue.Message) {
	fmt.Fprintf(w, "message_size: %15d%16d%16d%16d%16d\n", m.Content, 0, len(m.Env.Recipients), 0, m.Content)
	fmt.Fprintf(w, "message_arrival_time: %s\n", time.UnixMicro(m.Arrival).Local().Format(time.ANSIC))
	fmt.Fprintf(w, "named_attribute: queue_id=%s\n", m.ID)
	for _, k := range slices.Sorted(maps.Keys(m.Env.Attrs)) {
		fmt.Fprintf(w, "named_attribute: %s=%s\n", maillog.Clean(k), maillog.Clean(m.Env.Attrs[k]))
	}
	fmt.Fprintf(w, "sender: %s\n", maillog.Clean(m.Env.Sender))
	for i, r := range m.Env.Recipients {
		for _, k := range slices.Sorted(maps.Keys(r.Attrs)) {
			fmt.Fprintf(w, "named_attribute: %s=%s\n", maillog.Clean(k), maillog.Clean(r.Attrs[k]))
		}
		original := r.Original
		if original == "" {
			original = r.Address
		}
		fmt.Fprintf(w, "original_recipient: %s\n", maillog.Clean(original))
		kind := "recipient"
		if res := m.Result(i); res.Done() {
			kind = "done_recipient"
		}
		fmt.Fprintf(w, "%s: %s\n", kind, maillog.Clean(r.Address))
	}
}
