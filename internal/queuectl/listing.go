package queuectl

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
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
	idColumn        = 11
	sizeColumn      = 7
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
	line     []byte // room for one
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
	b := append(l.line[:0], maillog.Clean(e.ID)...)
	b = append(b, flags[e.Queue]...)
	if e.Expired {
		b = append(b, '#')
	}
	b = append(pad(b, idColumn), ' ')
	size := strconv.AppendInt(nil, e.Size, 10)
	b = append(append(pad(b, len(b)+sizeColumn-len(size)), size...), ' ')
	b = time.UnixMicro(e.Arrival).In(l.zone).AppendFormat(b, timeFormat)
	l.put(append(append(append(b, ' '), Address(e.Sender)...), '\n'))
}

func (l *Listing) recipient(r *ipc.EntryRecipient) error {
	b := l.line[:0]
	if reason := maillog.Clean(r.Reason); reason != l.reason {
		shown := reason
		if shown == "" {
			shown = "reason unavailable"
		}
		b = append(append(append(pad(b, reasonColumn-len(shown)), '('), shown...), ")\n"...)
		l.reason = reason
	}
	b = append(pad(b, len(b)+recipientIndent), Address(r.Address)...)
	return written(l.put(append(b, '\n')))
}

// put writes b, whose room the next line gets.
func (l *Listing) put(b []byte) error {
	l.line = b
	_, err := l.w.Write(b)
	return err
}

// pad appends blanks to b until it has n octets.
func pad(b []byte, n int) []byte {
	for len(b) < n {
		b = append(b, ' ')
	}
	return b
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
