package queuectl

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// NullSender is how the null sender is shown.
const NullSender = "MAILER-DAEMON"

// Columns of the listing, as in Postfix. Sizes and IDs may exceed theirs.
const (
	headFormat      = "%-11s %7s %-20s %s\n"
	messageFormat   = "%-11s %7d %20.20s %s\n"
	timeFormat      = "Mon Jan _2 15:04:05 " // the first 20 characters of asctime
	recipientIndent = 41
	reasonColumn    = 76 // where the text of a reason ends, counted from its parenthesis
)

// flags are glued to the ID.
var flags = map[string]string{"active": "*", "hold": "!"}

// A Listing writes entries as they come. Nothing is kept of a message once its
// last entry is written.
type Listing struct {
	w        *bufio.Writer
	zone     *time.Location
	messages int
	size     int64
	id       string // of the last entry
	reason   string // the last recipient's
}

// NewListing starts a listing on w, with times in zone.
func NewListing(w io.Writer, zone *time.Location) *Listing {
	return &Listing{w: bufio.NewWriterSize(w, 64<<10), zone: zone}
}

// Entry writes a message, or the next recipients of the one before. The error
// is that of the writer, with its exit status.
func (l *Listing) Entry(e *ipc.Entry) error {
	if l.messages == 0 || e.ID != l.id {
		l.start(e)
	}
	for i := range e.Recipients {
		if err := l.recipient(&e.Recipients[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Listing) start(e *ipc.Entry) {
	if l.messages == 0 {
		fmt.Fprintf(l.w, headFormat, "-Queue ID-", "--Size--", "----Arrival Time----", "-Sender/Recipient-------")
	} else {
		l.w.WriteByte('\n')
	}
	l.messages++
	l.size += e.Size
	l.id, l.reason = e.ID, ""
	forced := ""
	if e.Expired {
		forced = "#"
	}
	arrival := time.UnixMicro(e.Arrival).In(l.zone).Format(timeFormat)
	fmt.Fprintf(l.w, messageFormat, maillog.Clean(e.ID)+flags[e.Queue]+forced, e.Size, arrival, Address(e.Sender))
}

func (l *Listing) recipient(r *ipc.EntryRecipient) error {
	if reason := maillog.Clean(r.Reason); reason != l.reason {
		shown := reason
		if shown == "" {
			shown = "reason unavailable"
		}
		fmt.Fprintf(l.w, "%*s(%s)\n", max(reasonColumn-len(shown), 0), "", shown)
		l.reason = reason
	}
	_, err := fmt.Fprintf(l.w, "%*s%s\n", recipientIndent, "", Address(r.Address))
	return written(err)
}

// written gives an error of the writer its exit status.
func written(err error) error {
	if err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	return nil
}

// Close writes the last line and passes on what is buffered.
func (l *Listing) Close() error {
	switch l.messages {
	case 0:
		fmt.Fprintln(l.w, "Mail queue is empty")
	case 1:
		fmt.Fprintf(l.w, "\n-- %d Kbytes in 1 Request.\n", l.size/1024)
	default:
		fmt.Fprintf(l.w, "\n-- %d Kbytes in %d Requests.\n", l.size/1024, l.messages)
	}
	return written(l.w.Flush())
}

// Address returns an address as it is shown: in external form, in one line.
func Address(addr string) string {
	if addr == "" {
		return NullSender
	}
	return maillog.Clean(smtp.Quote(addr))
}
