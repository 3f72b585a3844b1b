package mailctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
)

// A found message is its open file and where it stands.
type foundMessage struct {
	file  *os.File
	queue string
	next  time.Time                   // of the next attempt; zero when it is not known
	ways  map[int]*ipc.EntryRecipient // how it would be made, by the number of a recipient who waits
}

// find opens a message with qmgr's help, or without when the system is down.
func find(env *cli.Env, id string) (*foundMessage, error) {
	var found *foundMessage
	err := queuectl.New(env.Config, env.Program).Do(ipc.ControlRequest{Op: ipc.OpShow, IDs: []string{id}},
		func(reply *ipc.ControlReply, files []*os.File) error {
			if found == nil && len(files) > 0 && len(reply.Entries) > 0 {
				found = &foundMessage{file: files[0], queue: reply.Entries[0].Queue, ways: map[int]*ipc.EntryRecipient{}}
				if next := reply.Entries[0].Next; next != 0 {
					found.next = time.UnixMicro(next)
				}
				files = files[1:]
			}
			fdpass.CloseAll(files)
			for i := range reply.Entries {
				for k := range reply.Entries[i].Recipients {
					if r := &reply.Entries[i].Recipients[k]; found != nil {
						found.ways[r.Index] = r
					}
				}
			}
			return nil
		})
	path := config.QueueDirectory.Of(env.Config)
	var down *queuectl.Down
	switch {
	case errors.As(err, &down) && queuectl.MayRead(path):
		return findDirect(path, id)
	case err != nil:
		if found != nil {
			found.file.Close()
		}
		return nil, queuectl.Failure("cannot show mail", err)
	case found == nil:
		return nil, fmt.Errorf("%s: %w", id, errMissing)
	}
	return found, nil
}

func findDirect(path, id string) (*foundMessage, error) {
	f, dir, err := queuectl.Find(path, id)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", id, errMissing)
	}
	if err != nil {
		return nil, err
	}
	found := &foundMessage{file: f, queue: dir}
	if info, err := f.Stat(); err == nil && dir == queue.DirDeferred {
		found.next = info.ModTime()
	}
	return found, nil
}

// peek finds and reads the message that args name. The caller closes its file.
func peek(env *cli.Env, args []string) (*foundMessage, *queue.Message, error) {
	var none *foundMessage
	id, err := oneID(args)
	if err != nil {
		return none, nil, err
	}
	found, err := find(env, id)
	if err != nil {
		return none, nil, err
	}
	m, err := queue.Peek(found.file)
	if err != nil {
		found.file.Close()
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
	defer found.file.Close()
	content := io.NewSectionReader(found.file, m.ContentOffset(), int64(m.Content))
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
	defer found.file.Close()
	w := bufio.NewWriter(env.Stdout)
	showMessage(w, found, m)
	for i := range m.Env.Recipients {
		showRecipient(w, &m.Env.Recipients[i], m.Result(i))
		if way := found.ways[i]; way != nil {
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
func showMessage(w io.Writer, found *foundMessage, m *queue.Message) {
	fmt.Fprintf(w, "queue_id: %s\n", m.ID)
	fmt.Fprintf(w, "queue_name: %s\n", maillog.Clean(found.queue))
	// The kernel knows the name even of a file that was handed over.
	if path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(found.file.Fd()))); err == nil {
		fmt.Fprintf(w, "file: %s\n", maillog.Clean(path))
	}
	fmt.Fprintf(w, "message_size: %d\n", m.Content)
	fmt.Fprintf(w, "message_arrival_time: %s\n", timeText(time.UnixMicro(m.Arrival)))
	if !found.next.IsZero() {
		fmt.Fprintf(w, "next_attempt: %s\n", timeText(found.next))
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
