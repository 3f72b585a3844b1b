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
	facility int
	host     string
	pid      int
	socket   string // of syslog

	mu      sync.Mutex // guards what follows
	file    *os.File   // nil: conn
	keep    bool       // file is standard error: never closed
	conn    net.Conn   // nil: to be dialled
	closed  bool       // drop everything
	dropped int        // lines lost since the last one that was taken
	retry   time.Time  // not before
	buf     []byte     // the line being built
}

func (o *output) dial() error {
	c, err := net.Dial("unixgram", o.socket)
	if err == nil {
		o.conn = c
	}
	return err
}

func (o *output) write(severity int, l *Logger, text string) {
	text = Clean(cut(text, maxText))
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if now.Before(o.retry) {
		o.dropped++
		return
	}
	if o.dropped > 0 {
		lost := fmt.Sprintf("warning: %d lines of the log were lost: their receiver was busy", o.dropped)
		if o.emit(warning, l, lost, now) != nil {
			o.drop(now)
			return
		}
		o.dropped = 0
	}
	if o.emit(severity, l, text, now) != nil {
		o.drop(now)
	}
}

func (o *output) drop(now time.Time) {
	o.dropped++
	o.retry = now.Add(pause)
}

// emit writes one line. The caller holds mu.
func (o *output) emit(severity int, l *Logger, text string, now time.Time) error {
	b := o.buf[:0]
	if o.file == nil {
		b = append(b, '<')
		b = strconv.AppendInt(b, int64(o.facility<<3|severity), 10)
		b = append(b, '>')
	}
	b = now.AppendFormat(b, time.Stamp)
	if o.file != nil {
		b = append(append(b, ' '), o.host...)
	}
	b = append(append(b, ' '), l.tag...)
	if !l.bare {
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(o.pid), 10)
		b = append(b, ']')
	}
	b = append(append(b, ": "...), text...)
	if o.file != nil {
		b = append(b, '\n')
	}
	o.buf = b
	if o.file != nil {
		// One write to a file open for appending: lines of several processes
		// do not mix.
		_, err := o.file.Write(b)
		return err
	}
	return o.send(b)
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

func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	switch {
	case o.keep:
		return nil
	case o.file != nil:
		return o.file.Close()
	case o.conn != nil:
		return o.conn.Close()
	}
	return nil
}

// facilities in the order of their numbers (RFC 3164, 4.1.1); local0 to
// local7 follow at 16.
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
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
