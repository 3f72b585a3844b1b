package mailctl

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"yubin/internal/cli"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
)

// peek finds and reads the message that args name. The caller closes its file.
func peek(env *cli.Env, args []string) (*queuectl.Found, *queue.Message, error) {
	var none *queuectl.Found
	id, err := oneID(args)
	if err != nil {
		return none, nil, err
	}
	found, err := queuectl.Open(env, id)
	if err != nil {
		return none, nil, err
	}
	m, err := queue.Peek(found.File)
	if err != nil {
		found.File.Close()
		return none, nil, fmt.Errorf("read %s: %w", id, err)
	}
	return found, m, nil
}

// queueCat prints the content as it is kept: lines end in LF.
func queueCat(_ context.Context, env *cli.Env, args []string) error {
	found, m, err := peek(env, args)
	if err != nil {
		return err
	}
	defer found.File.Close()
	content := io.NewSectionReader(found.File, m.ContentOffset(), int64(m.Content))
	if _, err := io.Copy(env.Stdout, content); err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	return nil
}

func queueShow(_ context.Context, env *cli.Env, args []string) error {
	found, m, err := peek(env, args)
	if err != nil {
		return err
	}
	defer found.File.Close()
	w := bufio.NewWriter(env.Stdout)
	showMessage(w, found, m)
	for i := range m.Env.Recipients {
		showRecipient(w, &m.Env.Recipients[i], m.Result(i))
		if way := found.Ways[i]; way != nil {
			showFields(w, []field{{"transport", way.Transport}, {"nexthop", way.Nexthop}, {"route_rule", way.Rule}})
		}
	}
	if err := w.Flush(); err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	return nil
}

// showMessage prints what is said once. The names are postcat's where it has
// one.
func showMessage(w io.Writer, found *queuectl.Found, m *queue.Message) {
	fmt.Fprintf(w, "queue_id: %s\n", m.ID)
	fmt.Fprintf(w, "queue_name: %s\n", maillog.Clean(found.Queue))
	// The kernel knows the name even of a file that was handed over.
	if path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(found.File.Fd()))); err == nil {
		fmt.Fprintf(w, "file: %s\n", maillog.Clean(path))
	}
	fmt.Fprintf(w, "message_size: %d\n", m.Content)
	fmt.Fprintf(w, "message_arrival_time: %s\n", timeText(time.UnixMicro(m.Arrival)))
	if !found.Next.IsZero() {
		fmt.Fprintf(w, "next_attempt: %s\n", timeText(found.Next))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Env.Attrs)) {
		fmt.Fprintf(w, "named_attribute: %s=%s\n", maillog.Clean(name), maillog.Clean(m.Env.Attrs[name]))
	}
	fmt.Fprintf(w, "sender: %s\n", queuectl.Address(m.Env.Sender))
}

// states are the words for a recipient's state.
var states = map[queue.State]string{
	queue.Waiting:  "waiting",
	queue.Deferred: "deferred",
	queue.Sent:     "sent",
	queue.Expanded: "expanded",
	queue.Returned: "returned to the sender",
}

func showRecipient(w io.Writer, r *queue.Recipient, res queue.Result) {
	fmt.Fprintf(w, "\nrecipient: %s\n", queuectl.Address(r.Address))
	if r.Original != "" && r.Original != r.Address {
		fmt.Fprintf(w, "original_recipient: %s\n", queuectl.Address(r.Original))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Attrs)) {
		fmt.Fprintf(w, "named_attribute: %s=%s\n", maillog.Clean(name), maillog.Clean(r.Attrs[name]))
	}
	fmt.Fprintf(w, "state: %s\n", states[res.State])
	showFields(w, []field{{"status", res.Code}, {"reason", res.Text}, {"remote_host", res.Host}, {"child", res.Child}})
	if res.Time != 0 {
		fmt.Fprintf(w, "last_attempt: %s\n", timeText(time.UnixMicro(res.Time)))
	}
}

// A field is a line of output; without a value it is left out.
type field struct{ name, value string }

func showFields(w io.Writer, fields []field) {
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(w, "%s: %s\n", f.name, maillog.Clean(f.value))
		}
	}
}

func timeText(t time.Time) string { return t.Local().Format("Mon Jan _2 15:04:05 2006") }
