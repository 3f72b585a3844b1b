package qmgr

import (
	"fmt"
	"strconv"
	"sync"

	"yubin/internal/maillog"
)

// logs writes lines in the order they are given, in a goroutine of its own: the
// scheduler never waits for syslog.
type logs struct {
	out *maillog.Logger

	mu     sync.Mutex // guards lines and closed
	lines  []logLine
	closed bool
	more   chan struct{} // lines has some, or closed is set
	done   chan struct{}
}

// maxLines bounds what waits; a line beyond it waits for room.
const maxLines = 10_000

type logLine struct {
	tag  string // of the agent in whose name it is; "" is qmgr
	warn bool
	text string
}

func newLogs(out *maillog.Logger) *logs {
	l := &logs{out: out, more: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *logs) put(line logLine) {
	l.mu.Lock()
	full := l.closed || len(l.lines) >= maxLines
	if !full {
		l.lines = append(l.lines, line)
	}
	l.mu.Unlock()
	if full {
		l.write(line) // the log is slower than the mail: now it sets the pace
		return
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *logs) run() {
	defer close(l.done)
	for range l.more {
		if l.drain() {
			return
		}
	}
}

func (l *logs) drain() (closed bool) {
	l.mu.Lock()
	lines := l.lines
	l.lines, closed = nil, l.closed
	l.mu.Unlock()
	for _, line := range lines {
		l.write(line)
	}
	return closed
}

func (l *logs) write(line logLine) {
	out := l.out
	if line.tag != "" {
		out = l.out.As(line.tag)
	}
	if line.warn {
		out.Warn("%s", line.text)
		return
	}
	out.Info("%s", line.text)
}

// close writes what waits. Later lines are written by those who put them.
func (l *logs) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	<-l.done
}

func (l *logs) warn(format string, args ...any) {
	l.put(logLine{warn: true, text: fmt.Sprintf(format, args...)})
}

// info writes a line about a message.
func (l *logs) info(id, text string) { l.put(logLine{text: id + ": " + text}) }

// active writes the line that begins an attempt.
func (l *logs) active(m *message) {
	b := make([]byte, 0, 128)
	b = append(append(b, m.ID...), ": from=<"...)
	b = append(append(b, m.Env.Sender...), ">, size="...)
	b = strconv.AppendUint(b, m.Content, 10)
	b = append(b, ", nrcpt="...)
	b = strconv.AppendInt(b, int64(len(m.rcpt)), 10)
	b = append(b, " (queue active)"...)
	l.put(logLine{text: string(b)})
}

// A delivery is what the line about one recipient says.
type delivery struct {
	transport, relay, code, status, text string
	before, inside, setup, transfer      int64 // microseconds
}

// delivery writes the line about one recipient.
func (l *logs) delivery(m *message, r *recipient, d *delivery) {
	e := m.envelope(r)
	b := make([]byte, 0, 256)
	b = append(append(b, m.ID...), ": to=<"...)
	b = append(append(b, e.Address...), '>')
	if e.Original != "" && e.Original != e.Address {
		b = append(append(append(b, ", orig_to=<"...), e.Original...), '>')
	}
	b = append(append(b, ", relay="...), d.relay...)
	b = appendSeconds(append(b, ", delay="...), d.before+d.inside+d.setup+d.transfer)
	b = appendSeconds(append(b, ", delays="...), d.before)
	b = appendSeconds(append(b, '/'), d.inside)
	b = appendSeconds(append(b, '/'), d.setup)
	b = appendSeconds(append(b, '/'), d.transfer)
	b = append(append(b, ", dsn="...), d.code...)
	b = append(append(b, ", status="...), d.status...)
	b = append(append(append(b, " ("...), d.text...), ')')
	l.put(logLine{tag: d.transport, text: string(b)})
}

// appendSeconds writes microseconds as seconds with two significant digits,
// hundredths at the finest, and 0 below that.
func appendSeconds(b []byte, us int64) []byte {
	hundredths := (us + 5_000) / 10_000
	switch {
	case hundredths <= 0:
		return append(b, '0')
	case hundredths >= 1000: // 10 s and more: whole seconds
		return strconv.AppendInt(b, (us+500_000)/1_000_000, 10)
	case hundredths >= 100: // 1.0 to 9.9
		tenths := (us + 50_000) / 100_000
		b = strconv.AppendInt(b, tenths/10, 10)
		if tenths%10 == 0 {
			return b
		}
		return append(b, '.', byte('0'+tenths%10))
	}
	b = append(b, '0', '.', byte('0'+hundredths/10))
	if hundredths%10 != 0 {
		b = append(b, byte('0'+hundredths%10))
	}
	return b
}
