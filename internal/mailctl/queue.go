package mailctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
)

// batch is how many IDs go into one request: a packet holds that many of the
// longest.
const batch = 1000

// queueCommands is every command of `mailctl queue`.
func queueCommands() []subcommand {
	return []subcommand{
		{"list", "[-j]", "list the messages in the queue, as mailq does, or with all details in JSON", queueList},
		{"show", "ID", "show envelope and recipients of a message", queueShow},
		{"cat", "ID", "print the content of a message", queueCat},
		{"flush", "[ID...|--to DOMAIN]", "try to deliver messages now, those for a domain (@DOMAIN: and below it), or all", queueFlush},
		{"hold", "ID...|ALL|-", "keep messages from being delivered", change(ipc.OpHold, "placed on hold", "Placed on hold")},
		{"release", "ID...|ALL|-", "end the hold", change(ipc.OpRelease, "released from hold", "Released from hold")},
		{"delete", "ID...|ALL|-", "remove messages for good, without a notice", change(ipc.OpDelete, "removed", "Deleted")},
	}
}

func queueList(_ context.Context, env *cli.Env, args []string) error {
	if len(args) == 1 && args[0] == "-j" {
		return queuectl.ListJSON(env)
	}
	if err := noOperands(args); err != nil {
		return err
	}
	return queuectl.List(env)
}

// queueFlush is postqueue -f, -i and -s.
func queueFlush(_ context.Context, env *cli.Env, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return flushTo(env, args)
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "ALL" {
		_, err := ask(env, ipc.ControlRequest{Op: ipc.OpFlush, All: true}, "")
		return err
	}
	if err := wantIDs(args); err != nil {
		return err
	}
	_, err := askIDs(env, ipc.OpFlush, slices.Values(args), "")
	return err
}

// flushTo has the mail for one domain tried.
func flushTo(env *cli.Env, args []string) error {
	flag, domain, given := strings.Cut(args[0], "=")
	if !given && len(args) == 2 {
		domain = args[1]
	}
	if flag != "--to" || given != (len(args) == 1) {
		return cli.Fail(cli.ExUsage, "want queue IDs, or --to and a domain")
	}
	if !queuectl.ValidSite(domain) {
		return cli.Fail(cli.ExUsage, "--to: %q is no domain", domain)
	}
	n, err := ask(env, ipc.ControlRequest{Op: ipc.OpFlush, To: domain}, "")
	if err == nil {
		fmt.Fprintf(env.Stderr, "%s: %d message%s for %s tried now\n", env.Program, n, plural(n), domain)
	}
	return err
}

// change returns the command that carries out op on messages and says so in
// postsuper's words.
func change(op, each, sum string) func(context.Context, *cli.Env, []string) error {
	return func(_ context.Context, env *cli.Env, args []string) error {
		var n int
		var err error
		switch {
		case len(args) == 0:
			return cli.Fail(cli.ExUsage, "want queue IDs, ALL, or - to read IDs from standard input")
		case len(args) == 1 && args[0] == "ALL":
			n, err = ask(env, ipc.ControlRequest{Op: op, All: true}, each)
		case len(args) == 1 && args[0] == "-":
			n, err = changeInput(env, op, each)
		default:
			if err := wantIDs(args); err != nil {
				return err
			}
			n, err = askIDs(env, op, slices.Values(args), each)
		}
		if n > 0 {
			fmt.Fprintf(env.Stderr, "%s: %s: %d message%s\n", env.Program, sum, n, plural(n))
		}
		return err
	}
}

// changeInput takes IDs from standard input. Like postsuper it goes on when one
// of them is none: a long list should not stop half way.
func changeInput(env *cli.Env, op, each string) (int, error) {
	lines := bufio.NewScanner(env.Stdin)
	ids := func(yield func(string) bool) {
		for lines.Scan() {
			id := strings.TrimSpace(lines.Text())
			switch {
			case id == "":
			case !queue.ValidID(id):
				fmt.Fprintf(env.Stderr, "%s: warning: invalid queue ID %q\n", env.Program, id)
			case !yield(id):
				return
			}
		}
	}
	n, err := askIDs(env, op, ids, each)
	if err == nil && lines.Err() != nil {
		err = &cli.Status{Code: cli.ExIOErr, Err: fmt.Errorf("read queue IDs: %w", lines.Err())}
	}
	return n, err
}

// askIDs asks for op on the IDs, some at a time, and returns on how many it was
// carried out.
func askIDs(env *cli.Env, op string, ids func(func(string) bool), each string) (int, error) {
	total := 0
	var some []string
	send := func() error {
		n, err := ask(env, ipc.ControlRequest{Op: op, IDs: some}, each)
		total += n
		some = some[:0]
		return err
	}
	for id := range ids {
		if some = append(some, id); len(some) == batch {
			if err := send(); err != nil {
				return total, err
			}
		}
	}
	if len(some) == 0 {
		return total, nil
	}
	err := send()
	return total, err
}

// ask makes one request, prints a line for each message that it was carried out
// on (unless each is ""), and returns their number.
func ask(env *cli.Env, req ipc.ControlRequest, each string) (int, error) {
	n := 0
	err := queuectl.New(env.Config, env.Program).Do(req, func(reply *ipc.ControlReply, files []*os.File) error {
		fdpass.CloseAll(files)
		n += len(reply.Done)
		for _, id := range reply.Done {
			if each != "" {
				fmt.Fprintf(env.Stderr, "%s: %s: %s\n", env.Program, id, each)
			}
		}
		for _, id := range reply.Missing {
			fmt.Fprintf(env.Stderr, "%s: warning: %s: not in the queue\n", env.Program, id)
		}
		return nil
	})
	if err != nil {
		return n, queuectl.Failure("cannot "+req.Op+" mail", err)
	}
	return n, nil
}

// wantIDs refuses a command line before anything of it is carried out.
func wantIDs(args []string) error {
	for _, a := range args {
		if !queue.ValidID(a) {
			return cli.Fail(cli.ExUsage, "invalid queue ID %q", a)
		}
	}
	return nil
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// oneID returns the operand of a command that takes one message.
func oneID(args []string) (string, error) {
	if len(args) != 1 {
		return "", cli.Fail(cli.ExUsage, "want one queue ID")
	}
	return args[0], wantIDs(args)
}

var errMissing = errors.New("not in the queue")
