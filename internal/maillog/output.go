package maillog

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yubin/internal/sock"
)

const (
	devLog = "/dev/log"
	// patience is how long a line may wait for a busy syslog daemon.
	patience = 200 * time.Millisecond
	// pause is how long nothing is tried after a line was dropped, so that a
	// dead daemon costs a mail path patience once a second and not once a line.
	pause = time.Second
)

// output is the place where lines go, shared by the Loggers of a process.
type output struct {
	host       string
	pid        int
	socket     string      // of syslog, or of the journal
	journal    bool        // socket is the journal's: fields instead of a line
	structured atomic.Bool // somebody takes fields

	mu       sync.Mutex // guards what follows
	facility int
	file     *os.File // nil: conn
	keep     bool     // file is standard error: never closed
	conn     net.Conn // nil: to be dialled
	json     *os.File // maillog_json_file; nil: none
	closed   bool     // drop everything
	text     receiver
	fields   receiver // json
	buf      []byte   // the line being built
}

// A receiver may fail for a while.
type receiver struct {
	dropped int       // lines lost since the last one that was taken
	retry   time.Time // not before
}

func (o *output) dial() error {
	c, err := net.Dial("unixgram", o.socket)
	if err == nil {
		o.conn = c
	}
	return err
}

// write hands a line to the receivers. Its text is cleaned and cut; marks are
// true of a text that is clean.
func (o *output) write(severity int, l *Logger, event Event, text string, marks []mark) {
	e := entry{severity: severity, event: event, log: l, text: Clean(cut(text, maxText)), marks: marks, time: time.Now()}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.deliver(&o.text, &e)
	if o.json != nil {
		o.deliver(&o.fields, &e)
	}
}

// deliver gives one receiver a line, and before it the number of those that it
// has not taken. The caller holds mu.
func (o *output) deliver(r *receiver, e *entry) {
	if !r.retry.IsZero() && e.time.Before(r.retry) {
		r.dropped++
		return
	}
	if r.dropped > 0 {
		n := strconv.Itoa(r.dropped)
		lost := entry{
			severity: warning, event: Lost, log: e.log, text: "warning: " + n + " lines of the log were lost: their receiver was busy",
			marks: []mark{{key: "lost", value: n, noted: true}}, time: e.time,
		}
		if o.emit(r, &lost) != nil {
			r.drop(e.time)
			return
		}
		r.dropped = 0
	}
	if o.emit(r, e) != nil {
		r.drop(e.time)
	}
}

func (r *receiver) drop(now time.Time) {
	r.dropped++
	r.retry = now.Add(pause)
}

// emit writes one line to a receiver. The caller holds mu.
func (o *output) emit(r *receiver, e *entry) error {
	switch {
	case r == &o.fields:
		o.buf = e.appendJSON(o.buf[:0], o)
		_, err := o.json.Write(o.buf)
		return err
	case o.file != nil:
		// One write to a file open for appending: lines of several processes
		// do not mix.
		o.buf = e.appendLine(o.buf[:0], o)
		_, err := o.file.Write(o.buf)
		return err
	case o.journal:
		o.buf = e.appendJournal(o.buf[:0], o)
	default:
		o.buf = e.appendSyslog(o.buf[:0], o)
	}
	return o.send(o.buf)
}

// send writes a datagram, and dials again once when the daemon was restarted.
func (o *output) send(b []byte) error {
	fresh := o.conn == nil
	if fresh {
		if err := o.dial(); err != nil {
			return err
		}
	}
	err := o.now(b)
	if errors.Is(err, syscall.EAGAIN) {
		o.conn.SetWriteDeadline(time.Now().Add(patience))
		_, err = o.conn.Write(b)
	}
	if err == nil || os.IsTimeout(err) {
		return err
	}
	o.conn.Close()
	o.conn = nil
	if fresh {
		return err
	}
	return o.send(b)
}

// now sends a datagram if there is room for it.
func (o *output) now(b []byte) (err error) {
	raw, err := o.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	if e := raw.Control(func(fd uintptr) { err = sock.SendNow(int(fd), b, nil) }); e != nil {
		return e
	}
	return err
}

func (o *output) redirect(file *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.file == nil || o.keep {
		file.Close()
		return
	}
	o.file.Close()
	o.file = file
}

// redirectJSON makes file, or nothing, the receiver of JSON lines.
func (o *output) redirectJSON(file *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		if file != nil {
			file.Close()
		}
		return
	}
	if o.json != nil {
		o.json.Close()
	}
	o.json = file
	o.structured.Store(o.journal || file != nil)
}

func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	var err error
	if o.json != nil {
		err = o.json.Close()
	}
	switch {
	case o.keep:
	case o.file != nil:
		err = errors.Join(err, o.file.Close())
	case o.conn != nil:
		err = errors.Join(err, o.conn.Close())
	}
	return err
}

// facilities in the order of their numbers (RFC 3164, 4.1.1); local0 to
// local7 follow at 16.
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
}

// facilityOf is the number of a facility; "" is mail.
func facilityOf(name string) (int, error) {
	if name == "" {
		name = "mail"
	}
	n, ok := facilityNumber(name)
	if !ok {
		return 0, fmt.Errorf("syslog facility %q: no such facility", name)
	}
	return n, nil
}

func facilityNumber(name string) (int, bool) {
	if n, ok := strings.CutPrefix(name, "local"); ok && len(n) == 1 && n[0] >= '0' && n[0] <= '7' {
		return 16 + int(n[0]-'0'), true
	}
	i := slices.Index(facilities[:], name)
	return i, i >= 0
}

// shortHost is the host's name up to its first dot, as syslog daemons write it.
func shortHost() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	host, _, _ := strings.Cut(name, ".")
	return Clean(host)
}
