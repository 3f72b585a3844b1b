package mailctl

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
	"yubin/internal/smtp"
	"yubin/internal/story"
)

const traceSynopsis = "[--json] ID...|--message-id MESSAGE-ID|--to ADDRESS"

// maxTraced bounds the messages that are followed.
const maxTraced = 1000

// A trace is the story of some messages.
type trace struct {
	env  *cli.Env
	out  traceWriter
	want func(*story.Line) bool // what to look for, when no IDs are given
	// roots are the messages that are followed, with all that was made of them:
	// a child's ID begins with its parent's.
	roots []string
	// met are the messages that the log has, in order, and whether the log has
	// their end.
	met     []string
	removed map[string]bool
	more    bool // than maxTraced
}

// showTrace prints what became of messages: the lines of the log, and where they
// are now. The exit status is 1 if neither log nor queue knows of one.
func showTrace(ctx context.Context, env *cli.Env, args []string) error {
	fs := pflag.NewFlagSet("mailctl trace", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	inJSON := fs.Bool("json", false, "a JSON object a line")
	messageID := fs.String("message-id", "", "the `Message-ID` of letters")
	to := fs.String("to", "", "a recipient's `address`")
	err := fs.Parse(args)
	given := 0
	for _, yes := range []bool{fs.NArg() > 0, *messageID != "", *to != ""} {
		if yes {
			given++
		}
	}
	if err == nil && given != 1 {
		err = errors.New("want queue IDs, a Message-ID or a recipient")
	}
	for _, id := range fs.Args() {
		if err == nil && !queue.ValidID(id) {
			err = errors.New("invalid queue ID \"" + smtp.Quote(id) + "\"")
		}
	}
	if err != nil {
		return cli.Fail(cli.ExUsage, "trace: %v; usage: mailctl trace %s", err, traceSynopsis)
	}
	w := bufio.NewWriter(env.Stdout)
	t := &trace{env: env, roots: slices.Compact(slices.Sorted(slices.Values(fs.Args()))), removed: map[string]bool{}, want: wanted(*messageID, *to)}
	if t.out = (&traceText{w: w, env: env}); *inJSON {
		t.out = &traceJSON{w: w}
	}
	err = t.run(ctx)
	return errors.Join(err, ioFailure(w.Flush()))
}

func ioFailure(err error) error {
	if err == nil {
		return nil
	}
	return &cli.Status{Code: cli.ExIOErr, Err: err}
}

// wanted finds messages by a line of theirs.
func wanted(messageID, to string) func(*story.Line) bool {
	if messageID != "" {
		id := "message-id=<" + bracketless(messageID) + ">"
		return func(l *story.Line) bool { return l.Process == "cleanup" && (l.Text == id || l.Text == "resent-"+id) }
	}
	to = "to=<" + strings.ToLower(bracketless(to)) + ">,"
	return func(l *story.Line) bool {
		text := strings.ToLower(l.Text)
		return strings.HasPrefix(text, to) || strings.HasPrefix(text, "to=<") && strings.Contains(text, ", orig_"+to)
	}
}

func (t *trace) run(ctx context.Context) error {
	sources, notes := story.Sources(t.env.Config, t.since())
	for _, note := range notes {
		warn(t.env, "%s", note)
	}
	for i := range sources {
		if err := t.read(ctx, &sources[i]); err != nil {
			warn(t.env, "%s: %v", sources[i].Name, err)
		}
		if len(t.met) > 0 {
			break // the others say the same
		}
	}
	ids := t.met
	for _, id := range t.roots { // the log need not have all
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	known := len(t.met) > 0
	for _, id := range ids {
		if t.removed[id] {
			continue
		}
		here, err := t.now(id, slices.Contains(t.met, id))
		if err != nil {
			return err
		}
		known = known || here
	}
	if t.more {
		warn(t.env, "there are more messages than the %d that were followed", maxTraced)
	}
	if !known {
		return cli.Fail(1, "trace: neither log nor queue has such a message")
	}
	return nil
}

// since is when the oldest of the messages came; zero: unknown.
func (t *trace) since() time.Time {
	var oldest time.Time
	for _, id := range t.roots {
		if when := queue.IDTime(id); oldest.IsZero() || when.Before(oldest) {
			oldest = when
		}
	}
	return oldest
}

// read goes through a log: to find the messages, again as long as one of them was
// handed to a content filter and came back as another, and to print the lines.
func (t *trace) read(ctx context.Context, s *story.Source) error {
	if t.want != nil && len(t.roots) == 0 {
		if err := s.Each(ctx, func(l *story.Line) error { t.find(l); return nil }); err != nil {
			return err
		}
	}
	for n := -1; n != len(t.roots) && len(t.roots) > 0; {
		n = len(t.roots)
		if err := s.Each(ctx, func(l *story.Line) error { t.refind(l); return nil }); err != nil {
			return err
		}
	}
	if len(t.roots) == 0 {
		return nil
	}
	seen := map[string]bool{}
	return s.Each(ctx, func(l *story.Line) error {
		if !t.follows(l.ID) {
			return nil
		}
		if !seen[l.ID] && len(t.met) < maxTraced {
			seen[l.ID] = true
			t.met = append(t.met, l.ID)
		}
		if l.Text == "removed" {
			t.removed[l.ID] = true
		}
		return t.out.line(l)
	})
}

func (t *trace) follows(id string) bool {
	return slices.ContainsFunc(t.roots, func(root string) bool { return strings.HasPrefix(id, root) })
}

func (t *trace) find(l *story.Line) {
	if t.want(l) {
		t.root(l.ID)
	}
}

// refind follows a message through a content filter: what this system has said to
// the filter when it came back.
func (t *trace) refind(l *story.Line) {
	if !t.follows(l.ID) {
		return
	}
	_, rest, ok := strings.Cut(l.Text, ", status=sent (")
	if !ok {
		return
	}
	if _, rest, ok = strings.Cut(rest, " queued as "); ok {
		if id := strings.TrimRight(rest, ")"); queue.ValidID(id) {
			t.root(id)
		}
	}
}

func (t *trace) root(id string) {
	switch {
	case t.follows(id):
	case len(t.roots) == maxTraced:
		t.more = true
	default:
		t.roots = append(t.roots, id)
	}
}

// now says where a message is. logged tells whether the log has it.
func (t *trace) now(id string, logged bool) (here bool, err error) {
	found, err := queuectl.Open(t.env, id)
	var status *cli.Status
	switch {
	case errors.Is(err, queuectl.ErrMissing):
		if !logged {
			return false, nil
		}
		return false, t.out.gone(id)
	case errors.As(err, &status):
		warn(t.env, "%s: %v", id, err) // the log has been shown
		return false, nil
	case err != nil:
		return false, err
	}
	defer found.File.Close()
	m, err := queue.Peek(found.File)
	if err != nil {
		warn(t.env, "%s: %v", id, err)
		return true, nil
	}
	return true, t.out.queued(found, m)
}
