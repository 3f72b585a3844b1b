package queuectl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A JSONListing writes entries as lines of JSON, one a message: the keys of
// Postfix's postqueue -j in their order, and behind them what else is known.
// It keeps nothing of a message but its ID.
type JSONListing struct {
	w    *bufio.Writer
	id   string // of the line at hand
	rcpt int    // recipients in it
	next int64
	ends int64 // when the message goes back
}

// NewJSONListing starts a listing on w.
func NewJSONListing(w io.Writer) *JSONListing {
	return &JSONListing{w: bufio.NewWriterSize(w, 64<<10)}
}

// Entry writes a message, or the next recipients of the one before.
func (l *JSONListing) Entry(e *ipc.Entry) error {
	if l.id != e.ID {
		l.finish()
		l.id, l.next, l.ends = e.ID, e.Next, e.Expires
		fmt.Fprintf(l.w, `{"queue_name": %s, "queue_id": %s, "arrival_time": %d, "message_size": %d, "forced_expire": %t, "sender": %s, "recipients": [`,
			quoted(e.Queue), quoted(e.ID), e.Arrival/1e6, e.Size, e.Expired, quoted(Address(e.Sender)))
	}
	for i := range e.Recipients {
		l.recipient(&e.Recipients[i])
	}
	_, err := l.w.Write(nil)
	return written(err)
}

func (l *JSONListing) recipient(r *ipc.EntryRecipient) {
	if l.rcpt++; l.rcpt > 1 {
		l.w.WriteString(", ")
	}
	original := ""
	if r.Original != "" {
		original = Address(r.Original)
	}
	fmt.Fprintf(l.w, `{"orig_address": %s, "address": %s`, quoted(original), quoted(Address(r.Address)))
	for _, f := range []struct{ key, value string }{
		{"delay_reason", r.Reason}, {"status", r.Code}, {"remote_host", r.Host},
		{"transport", r.Transport}, {"nexthop", r.Nexthop}, {"route_rule", r.Rule},
	} {
		if f.value != "" {
			fmt.Fprintf(l.w, `, "%s": %s`, f.key, quoted(f.value))
		}
	}
	if r.Attempts > 0 {
		l.w.WriteString(`, "attempts": ` + strconv.Itoa(r.Attempts))
	}
	l.seconds("last_attempt", r.Tried)
	l.w.WriteByte('}')
}

// seconds writes a time in microseconds as one in seconds, if it is known.
func (l *JSONListing) seconds(key string, us int64) {
	if us != 0 {
		l.w.WriteString(`, "` + key + `": ` + strconv.FormatInt(us/1e6, 10))
	}
}

// finish ends the line at hand.
func (l *JSONListing) finish() {
	if l.id != "" {
		l.w.WriteByte(']')
		l.seconds("next_attempt", l.next)
		l.seconds("expires", l.ends)
		l.w.WriteString("}\n")
	}
	l.id, l.rcpt = "", 0
}

// Close ends the last line and passes on what is buffered.
func (l *JSONListing) Close() error {
	l.finish()
	return written(l.w.Flush())
}

// quoted is text as a JSON string, in Postfix's manner: characters that cannot be
// shown are question marks, < and > are themselves.
func quoted(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(maillog.Clean(text)); err != nil {
		panic("a string that JSON cannot hold: " + err.Error())
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
