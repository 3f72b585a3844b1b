// Package story finds the lines of the mail log that are about a message. It
// reads the log where it is: maillog_json_file, maillog_file and what they were
// renamed to, the files of syslog daemons, systemd's journal. It goes through
// them line by line, whatever their size, and keeps none.
//
// A line is
//
//	Nov 25 08:00:01 HOST TAG[PID]: ID: TEXT
//
// with RFC 3339's time in place of the first three words where the syslog daemon
// writes that, or a JSON object of maillog(5). What else is in a log is passed
// over: lines count whose tag is one of this system's.
package story

import (
	"encoding/json"
	"strconv"
	"strings"

	"yubin/internal/queue"
)

// A Line is a line of the log about a message.
type Line struct {
	Time    string // as it stands there, or RFC 3339
	Process string // the last part of the tag: smtpd
	PID     int    // 0: none
	ID      string // the queue ID
	Text    string // behind it
	JSON    []byte // the object, where the log is of those
}

// severities stand before a queue ID.
var severities = [...]string{"warning: ", "error: ", "fatal: "}

// parse takes a line apart. It is not ok when the line is not about a message, or
// of another program.
func parse(text string, tags []string) (l Line, ok bool) {
	rest := text
	if l.Time, rest, ok = cutTime(text); !ok {
		return l, false
	}
	_, rest, ok = strings.Cut(rest, " ") // host
	if !ok {
		return l, false
	}
	tag, rest, ok := strings.Cut(rest, ": ")
	if !ok {
		return l, false
	}
	if i := strings.LastIndexByte(tag, '['); i > 0 && strings.HasSuffix(tag, "]") {
		l.PID, _ = strconv.Atoi(tag[i+1 : len(tag)-1])
		tag = tag[:i]
	}
	if l.Process, ok = process(tag, tags); !ok {
		return l, false
	}
	return l.about(rest)
}

// about takes the queue ID off a text.
func (l Line) about(text string) (Line, bool) {
	prefix := ""
	for _, s := range severities {
		if strings.HasPrefix(text, s) {
			prefix, text = s, text[len(s):]
			break
		}
	}
	id, rest, ok := strings.Cut(text, ": ")
	if !ok || !queue.ValidID(id) {
		return l, false
	}
	l.ID, l.Text = id, prefix+rest
	return l, true
}

// cutTime takes the time off a line: "Jan _2 15:04:05" or one word.
func cutTime(text string) (when, rest string, ok bool) {
	const stamp = len("Jan _2 15:04:05")
	if text == "" {
		return "", "", false
	}
	if text[0] >= '0' && text[0] <= '9' {
		return strings.Cut(text, " ")
	}
	if len(text) <= stamp || text[stamp] != ' ' || text[3] != ' ' || text[9] != ':' {
		return "", "", false
	}
	return text[:stamp], text[stamp+1:], true
}

// process is the part of a tag behind one of the names that tags begin with.
func process(tag string, tags []string) (string, bool) {
	for _, t := range tags {
		if rest, ok := strings.CutPrefix(tag, t+"/"); ok && rest != "" {
			return rest, true
		}
	}
	return "", false
}

// parseJSON takes an object of maillog_json_file apart.
func parseJSON(text []byte, tags []string) (l Line, ok bool) {
	var o struct {
		Time    string `json:"time"`
		Process string `json:"process"`
		PID     int    `json:"pid"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &o) != nil {
		return l, false
	}
	l = Line{Time: o.Time, PID: o.PID, JSON: text}
	if l.Process, ok = process(o.Process, tags); !ok {
		return l, false
	}
	return l.about(o.Message)
}
