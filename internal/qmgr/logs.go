package qmgr

import (
	"strconv"
	"strings"
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
	tag   string // of the agent in whose name it is; "" is qmgr
	event maillog.Event
	warn  bool
	text  maillog.Text
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
		out.On(line.event).WarnText(&line.text)
		return
	}
	out.On(line.event).Write(&line.text)
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
	t := l.out.Text(64)
	t.Printf(format, args...)
	l.put(logLine{warn: true, text: t})
}

// about returns the beginning of a line about a message.
func (l *logs) about(id string, room int) maillog.Text {
	t := l.out.Text(room)
	t.ID(id)
	return t
}

// info writes a line about a message.
func (l *logs) info(id string, event maillog.Event, text string) {
	t := l.about(id, len(id)+2+len(text))
	t.Say(text)
	l.put(logLine{event: event, text: t})
}

// general writes a line about no message.
func (l *logs) general(text string) {
	t := l.out.Text(len(text))
	t.Say(text)
	l.put(logLine{text: t})
}

// fate writes a line about a message as a whole, by its sender.
func (l *logs) fate(m *message, status, text string) {
	t := l.about(m.ID, 128)
	t.Address("", "from", m.Env.Sender)
	if status != "" {
		t.Pair(", ", "status", status)
	}
	t.Say(", " + text)
	l.put(logLine{event: maillog.Expired, text: t})
}

// ofSession is the kind of a notice that tells of a session with another server.
const ofSession = "postmaster notification of the session"

// notice writes that a notice about a message was made, which is the message id.
func (l *logs) notice(about, kind, id string) {
	t := l.about(about, 96)
	if kind == ofSession {
		t.Say("smtpd_chat_notify: ") // by this word logwatch knows such lines of Postfix's
	}
	t.Field("kind", kind)
	t.Say(": ")
	t.Field("notice_id", id)
	l.put(logLine{tag: "bounce", event: maillog.Notice, text: t})
}

// active writes the line that begins an attempt.
func (l *logs) active(m *message) {
	t := l.about(m.ID, 128)
	t.Address("", "from", m.Env.Sender)
	t.Number(", ", "size", int64(m.Content))
	t.Number(", ", "nrcpt", int64(len(m.rcpt)))
	t.Say(" (queue active)")
	l.put(logLine{event: maillog.Active, text: t})
}

// A delivery is what the line about one recipient says.
type delivery struct {
	transport, relay, code, status, text string
	before, inside, setup, transfer      int64 // microseconds
}

// delivery writes the line about one recipient.
func (l *logs) delivery(m *message, r *recipient, d *delivery) {
	e := m.envelope(r)
	t := l.about(m.ID, 256)
	t.Address("", "to", e.Address)
	if e.Original != "" && e.Original != e.Address {
		t.Address(", ", "orig_to", e.Original)
	}
	relay, uses, again := strings.Cut(d.relay, ", conn_use=")
	t.Pair(", ", "relay", relay)
	if again {
		t.Pair(", ", "conn_use", uses)
	}
	t.PairOf(", ", "delay", func(b []byte) []byte { return appendSeconds(b, d.before+d.inside+d.setup+d.transfer) })
	t.PairOf(", ", "delays", d.appendDelays)
	t.Pair(", ", "dsn", d.code)
	t.Pair(", ", "status", d.status)
	t.Say(" (")
	t.Field("reason", d.text)
	t.Say(")")
	l.put(logLine{tag: d.transport, event: maillog.Delivery, text: t})
}

func (d *delivery) appendDelays(b []byte) []byte {
	b = append(appendSeconds(b, d.before), '/')
	b = append(appendSeconds(b, d.inside), '/')
	b = append(appendSeconds(b, d.setup), '/')
	return appendSeconds(b, d.transfer)
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
