package mailctl

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"yubin/internal/cli"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
	"yubin/internal/story"
)

// A traceWriter prints a story.
type traceWriter interface {
	line(*story.Line) error
	queued(*queuectl.Found, *queue.Message) error
	gone(id string) error // it is not in the queue, and the log does not have its end
}

// traceText prints for people.
type traceText struct {
	w   *bufio.Writer
	env *cli.Env
}

func (t *traceText) line(l *story.Line) error {
	_, err := fmt.Fprintf(t.w, "%s %-8s %s: %s\n", maillog.Clean(l.Time), maillog.Clean(l.Process), l.ID, maillog.Clean(l.Text))
	return ioFailure(err)
}

func (t *traceText) gone(id string) error {
	_, err := fmt.Fprintf(t.w, "now: %s is not in the queue, and the log does not have its end\n", id)
	return ioFailure(err)
}

func (t *traceText) queued(found *queuectl.Found, m *queue.Message) error {
	fmt.Fprintf(t.w, "now: %s is in the queue (%s), from %s", m.ID, maillog.Clean(found.Queue), queuectl.Address(m.Env.Sender))
	if !found.Next.IsZero() {
		fmt.Fprintf(t.w, ", next attempt %s", timeText(found.Next))
	}
	fmt.Fprintln(t.w)
	for i := range m.Env.Recipients {
		r, res := &m.Env.Recipients[i], m.Result(i)
		fmt.Fprintf(t.w, "     %s: %s", queuectl.Address(r.Address), states[res.State])
		if res.Text != "" {
			fmt.Fprintf(t.w, ": %s", maillog.Clean(res.Text))
		}
		if res.Time != 0 {
			fmt.Fprintf(t.w, ", last tried %s", timeText(time.UnixMicro(res.Time)))
		}
		if way := found.Ways[i]; way != nil {
			fmt.Fprintf(t.w, "; next by %s to %s (%s)", maillog.Clean(way.Transport), maillog.Clean(way.Nexthop), maillog.Clean(way.Rule))
		}
		fmt.Fprintln(t.w)
	}
	return nil // Flush has the error
}

// traceJSON prints an object a line: events as in maillog(5), and "queue" and
// "gone" at the end.
type traceJSON struct{ w *bufio.Writer }

func (t *traceJSON) line(l *story.Line) error {
	if l.JSON != nil {
		_, err := t.w.Write(append(l.JSON, '\n'))
		return ioFailure(err)
	}
	return t.write(struct {
		Time    string `json:"time"`
		Process string `json:"process"`
		PID     int    `json:"pid,omitempty"`
		ID      string `json:"queue_id"`
		Message string `json:"message"`
	}{maillog.Clean(l.Time), maillog.Clean(l.Process), l.PID, l.ID, l.ID + ": " + maillog.Clean(l.Text)})
}

func (t *traceJSON) write(v any) error {
	e := json.NewEncoder(t.w)
	e.SetEscapeHTML(false)
	return ioFailure(e.Encode(v))
}

func (t *traceJSON) gone(id string) error {
	return t.write(map[string]string{"event": "gone", "queue_id": id})
}

// A tracedRecipient is what the queue has of a recipient.
type tracedRecipient struct {
	Address   string `json:"to"`
	Original  string `json:"orig_to,omitempty"`
	State     string `json:"state"`
	Code      string `json:"dsn,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Host      string `json:"remote_host,omitempty"`
	Child     string `json:"child,omitempty"`
	Tried     string `json:"last_attempt,omitempty"`
	Transport string `json:"transport,omitempty"`
	Nexthop   string `json:"nexthop,omitempty"`
	Rule      string `json:"route_rule,omitempty"`
}

func (t *traceJSON) queued(found *queuectl.Found, m *queue.Message) error {
	o := struct {
		Event      string            `json:"event"`
		ID         string            `json:"queue_id"`
		Queue      string            `json:"queue"`
		From       string            `json:"from"`
		Size       json.Number       `json:"size"`
		Arrival    string            `json:"arrival"`
		Next       string            `json:"next_attempt,omitempty"`
		Recipients []tracedRecipient `json:"recipients"`
	}{
		Event: "queue", ID: m.ID, Queue: found.Queue, From: m.Env.Sender,
		Size: json.Number(strconv.FormatUint(uint64(m.Content), 10)), Arrival: micros(m.Arrival),
	}
	if !found.Next.IsZero() {
		o.Next = micros(found.Next.UnixMicro())
	}
	for i := range m.Env.Recipients {
		r, res := &m.Env.Recipients[i], m.Result(i)
		one := tracedRecipient{Address: r.Address, State: states[res.State], Code: res.Code, Reason: res.Text, Host: res.Host, Child: res.Child}
		if r.Original != r.Address {
			one.Original = r.Original
		}
		if res.Time != 0 {
			one.Tried = micros(res.Time)
		}
		if way := found.Ways[i]; way != nil {
			one.Transport, one.Nexthop, one.Rule = way.Transport, way.Nexthop, way.Rule
		}
		o.Recipients = append(o.Recipients, one)
	}
	return t.write(o)
}

// micros is RFC 3339 with microseconds, as in maillog_json_file.
func micros(us int64) string { return time.UnixMicro(us).Format("2006-01-02T15:04:05.000000Z07:00") }
