// Package maillog writes the mail log: one line an event, in the shape that
// pflogsumm, fail2ban and logwatch look for, to syslog's socket, to
// maillog_file, or to standard error; as a JSON object to maillog_json_file
// beside it; and with its fields to systemd's journal in syslog's place.
// Whoever writes a line says what in it is a field (text.go); the three forms
// are made from one entry (entry.go).
//
// A line in a file is
//
//	Jan _2 15:04:05 HOST TAG[PID]: TEXT
//
// and the datagram to /dev/log is the same behind its priority and without
// HOST, the form that local syslog daemons expect (RFC 3164, 4.1). TAG is
// syslog_name, a slash and the program: postfix/smtpd.
//
// A line never holds a control character, whatever a peer said, and is cut at
// maxText octets. Logging never stops mail: a line that the receiver does not
// take within a moment is dropped and counted.
package maillog

import (
	"fmt"
	"os"
	"strings"
)

// Severities (RFC 3164, 4.1.1).
const (
	critical = 2
	failure  = 3
	warning  = 4
	info     = 6
)

// Options say where lines go and how they are tagged.
type Options struct {
	Tag      string   // such as postfix/smtpd
	Facility string   // syslog_facility; "" is mail
	File     *os.File // maillog_file, open for appending; nil: Journal or syslog. Open takes it over.
	Journal  string   // the socket of systemd's journal; "": syslog
	JSON     *os.File // maillog_json_file, open for appending; nil: none. Open takes it over.
}

// A Logger writes lines with one tag. Its methods may be called by several
// goroutines at once.
type Logger struct {
	out  *output
	tag  string
	bare bool // no process ID
}

// Open returns a Logger to o.File, else to the journal or syslog, else to
// standard error; and beside it to o.JSON. Its error is an unknown facility.
func Open(o Options) (*Logger, error) {
	facility, err := facilityOf(o.Facility)
	if err != nil {
		return nil, err
	}
	out := &output{facility: facility, host: shortHost(), pid: os.Getpid(), socket: devLog, json: o.JSON}
	if o.Journal != "" && o.File == nil {
		out.socket, out.journal = o.Journal, true
		if out.dial() != nil {
			out.socket, out.journal = devLog, false
		}
	}
	switch {
	case o.File != nil:
		out.file = o.File
	case out.conn == nil && out.dial() != nil:
		out.file, out.keep = os.Stderr, true
	}
	out.structured.Store(out.journal || out.json != nil)
	return &Logger{out: out, tag: Clean(o.Tag)}, nil
}

// As returns a Logger to the same place whose tag has name for its last part:
// postfix/smtpd becomes postfix/cleanup.
func (l *Logger) As(name string) *Logger {
	head := ""
	if i := strings.LastIndexByte(l.tag, '/'); i >= 0 {
		head = l.tag[:i+1]
	}
	return &Logger{out: l.out, tag: head + Clean(name)}
}

// Tagged returns a Logger to the same place with another tag.
func (l *Logger) Tagged(tag string) *Logger { return &Logger{out: l.out, tag: Clean(tag)} }

// Bare returns a Logger to the same place with another tag, whose lines have no
// process ID behind it, as Dovecot's have not:
//
//	Jan _2 15:04:05 HOST TAG: TEXT
func (l *Logger) Bare(tag string) *Logger { return &Logger{out: l.out, tag: Clean(tag), bare: true} }

// On returns what writes a line about an event.
func (l *Logger) On(event Event) Entry { return Entry{l, event} }

// Info writes a line.
func (l *Logger) Info(format string, args ...any) { l.say(info, none, format, args...) }

// Warn writes a line that begins with "warning: ".
func (l *Logger) Warn(format string, args ...any) { l.say(warning, none, format, args...) }

// Error writes a line that begins with "error: ".
func (l *Logger) Error(format string, args ...any) { l.say(failure, none, format, args...) }

// Fatal writes a line that begins with "fatal: ". It does not end the process.
func (l *Logger) Fatal(format string, args ...any) { l.say(critical, none, format, args...) }

func (l *Logger) say(severity int, event Event, format string, args ...any) {
	if !l.out.structured.Load() {
		l.out.write(severity, l, event, prefixes[severity]+fmt.Sprintf(format, args...), nil)
		return
	}
	t := Text{b: []byte(prefixes[severity]), marked: true}
	t.Printf(format, args...)
	l.out.write(severity, l, event, string(t.b), t.marks)
}

// An Entry is a line to be written, whose event is known.
type Entry struct {
	log   *Logger
	event Event
}

// Info writes a line.
func (e Entry) Info(format string, args ...any) { e.log.say(info, e.event, format, args...) }

// Warn writes a line that begins with "warning: ".
func (e Entry) Warn(format string, args ...any) { e.log.say(warning, e.event, format, args...) }

// Write writes a line that was built.
func (e Entry) Write(t *Text) { e.log.out.write(info, e.log, e.event, string(t.b), t.marks) }

// WarnText writes a line that was built behind "warning: ".
func (e Entry) WarnText(t *Text) {
	w := Text{b: []byte(prefixes[warning]), marked: t.marked}
	w.append(t)
	e.log.out.write(warning, e.log, e.event, string(w.b), w.marks)
}

// Redirect sends the lines of l, and of all Loggers made from it, to file from
// now on: the log file was rotated. The earlier file is closed. A Logger that
// writes to syslog or standard error ignores it and closes file.
func (l *Logger) Redirect(file *os.File) { l.out.redirect(file) }

// SetFacility has the lines of l, and of all Loggers made from it, go to another
// facility of syslog; "" is mail. Its error is an unknown one.
func (l *Logger) SetFacility(name string) error {
	facility, err := facilityOf(name)
	if err == nil {
		l.out.mu.Lock()
		l.out.facility = facility
		l.out.mu.Unlock()
	}
	return err
}

// RedirectJSON sends JSON lines to file from now on, or to nobody if it is nil.
// The earlier file is closed.
func (l *Logger) RedirectJSON(file *os.File) { l.out.redirectJSON(file) }

// Close closes what Open took over, for l and all Loggers made from it. Lines
// written afterwards are dropped.
func (l *Logger) Close() error { return l.out.close() }
