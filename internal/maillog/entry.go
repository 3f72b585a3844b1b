package maillog

import (
	"strconv"
	"strings"
	"time"
)

// An entry is one line in its parts, from which each receiver makes its own
// form.
type entry struct {
	severity int
	event    Event
	log      *Logger
	text     string
	marks    []mark
	time     time.Time
}

// name is the event, or the severity where none is named.
func (e *entry) name() string {
	if e.event != none {
		return string(e.event)
	}
	return severityName(e.severity)
}

func severityName(severity int) string {
	switch severity {
	case warning:
		return "warning"
	case failure:
		return "error"
	case critical:
		return "fatal"
	}
	return "info"
}

// prefixes are what lines of a severity begin with.
var prefixes = [...]string{critical: "fatal: ", failure: "error: ", warning: "warning: ", info: ""}

// reserved are the keys that a line has in any case.
var reserved = [...]string{"time", "host", "process", "pid", "severity", "event", "message"}

// fields calls yield for each field, in order, with a key of small letters,
// digits and underscores. What appears twice counts once.
func (e *entry) fields(yield func(key, value string)) {
	var seen [maxFields]string
	n := 0
next:
	for _, m := range e.marks {
		key := strings.ReplaceAll(m.key, "-", "_")
		for _, k := range reserved {
			if k == key {
				continue next
			}
		}
		for _, k := range seen[:n] {
			if k == key {
				continue next
			}
		}
		value := m.value
		if !m.noted {
			from, to := min(m.from, len(e.text)), min(m.to, len(e.text))
			value = e.text[from:to]
		}
		if n == maxFields {
			return
		}
		seen[n] = key
		n++
		yield(key, value)
	}
}

// appendSyslog makes the datagram for /dev/log (RFC 3164, 4.1).
func (e *entry) appendSyslog(b []byte, o *output) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(o.facility<<3|e.severity), 10)
	b = append(b, '>')
	return e.appendTagged(e.time.AppendFormat(b, time.Stamp), o)
}

// appendLine makes the line for a file.
func (e *entry) appendLine(b []byte, o *output) []byte {
	b = append(append(e.time.AppendFormat(b, time.Stamp), ' '), o.host...)
	return append(e.appendTagged(b, o), '\n')
}

func (e *entry) appendTagged(b []byte, o *output) []byte {
	b = append(append(b, ' '), e.log.tag...)
	if !e.log.bare {
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(o.pid), 10)
		b = append(b, ']')
	}
	return append(append(b, ": "...), e.text...)
}

// jsonTime is RFC 3339 with microseconds.
const jsonTime = "2006-01-02T15:04:05.000000Z07:00"

// appendJSON makes the line for maillog_json_file: one object.
func (e *entry) appendJSON(b []byte, o *output) []byte {
	b = append(b, `{"time":"`...)
	b = append(e.time.AppendFormat(b, jsonTime), '"')
	b = appendMember(b, "host", o.host)
	b = appendMember(b, "process", e.log.tag)
	b = append(b, `,"pid":`...)
	b = strconv.AppendInt(b, int64(o.pid), 10)
	b = appendMember(b, "severity", severityName(e.severity))
	b = appendMember(b, "event", e.name())
	e.fields(func(key, value string) { b = appendMember(b, key, value) })
	b = appendMember(b, "message", e.text)
	return append(b, "}\n"...)
}

// appendMember appends a key and its value, which is a number where the key
// says so.
func appendMember(b []byte, key, value string) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	if isNumeric(key) && isNumber(value) {
		return append(b, value...)
	}
	b = append(b, '"')
	for i := range len(value) {
		if c := value[i]; c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, value[i]) // Clean has left nothing else to escape
	}
	return append(b, '"')
}

// isNumeric tells which fields are numbers.
func isNumeric(key string) bool {
	switch key {
	case "size", "nrcpt", "delay", "uid", "mpid", "lost", "code", "count",
		"in", "out", "deleted", "expunged", "trashed", "hdr_count", "hdr_bytes", "body_count", "body_bytes":
		return true
	}
	return false
}

// isNumber tells whether s is a number of JSON's as our lines have them: digits
// without a leading zero, and decimals.
func isNumber(s string) bool {
	whole, frac, point := strings.Cut(s, ".")
	return digits(whole) && (whole == "0" || whole[0] != '0') && (!point || digits(frac))
}

func digits(s string) bool {
	return s != "" && len(s) <= 18 && strings.Trim(s, "0123456789") == ""
}

// appendJournal makes the datagram for systemd's journal: its own fields, one a
// line, and ours with YUBIN_ in front. Values have no line end.
func (e *entry) appendJournal(b []byte, o *output) []byte {
	pair := func(key, value string) {
		b = append(append(append(append(b, key...), '='), value...), '\n')
	}
	pair("MESSAGE", e.text)
	pair("PRIORITY", strconv.Itoa(e.severity))
	pair("SYSLOG_FACILITY", strconv.Itoa(o.facility))
	pair("SYSLOG_IDENTIFIER", e.log.tag)
	if !e.log.bare {
		pair("SYSLOG_PID", strconv.Itoa(o.pid))
	}
	pair("YUBIN_EVENT", e.name())
	e.fields(func(key, value string) { pair("YUBIN_"+strings.ToUpper(key), value) })
	return b
}
