package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
)

// A step of a dialogue: what the reply must begin with, and what is sent after
// it. A dialogue's last step sends nothing. Its last but one sends QUIT, and
// the reply that it wants is the one that counts.
type step struct {
	want string
	last string // of IMAP: what the reply's last line begins with, and want is of that line
	send []byte
	make func(c *client, reply []byte) ([]byte, error) // in place of send, where that depends on the session
}

var (
	ehlo     = step{want: "2", send: []byte("EHLO load.test\r\n")}
	quitSMTP = []step{{want: "2", send: []byte("QUIT\r\n")}, {want: "2"}}
	quitPOP3 = []step{{want: "+OK", send: []byte("QUIT\r\n")}, {want: "+OK"}}
)

// mail is a message, after what steps says.
func (l load) mail(before ...step) []step {
	return slices.Concat(before, []step{
		{want: "2", send: []byte("MAIL FROM:<sender@load.test>\r\n")},
		{want: "2", make: l.recipient},
		{want: "2", send: []byte("DATA\r\n")},
		{want: "3", send: l.body},
	}, quitSMTP)
}

func (l load) recipient(c *client, _ []byte) ([]byte, error) {
	if l.rcpt != nil {
		return l.rcpt(c.line[:0], c.id), nil
	}
	return l.rcpts[c.id%len(l.rcpts)], nil
}

// answer checks the reply that session c has, and returns what it sends next,
// nil at the end; counts says that the reply is the one that counts.
func (l load) answer(c *client, reply []byte) (send []byte, counts bool, err error) {
	d := l.script[c.step]
	line := reply
	if d.last != "" {
		line = lastLine(reply)
	}
	if !bytes.HasPrefix(line, []byte(d.want)) {
		return nil, false, fmt.Errorf("reply %q", reply)
	}
	counts = c.step == len(l.script)-2
	c.step++
	if d.make != nil {
		send, err = d.make(c, reply)
		return send, counts, err
	}
	return d.send, counts, nil
}

// whole reports whether b is all of the reply that the step waits for.
func (d step) whole(b []byte) bool {
	if d.last == "" {
		return whole(b)
	}
	return len(b) > 0 && b[len(b)-1] == '\n' && bytes.HasPrefix(lastLine(b), []byte(d.last))
}

// lastLine is the last line of b, which ends with one.
func lastLine(b []byte) []byte {
	return b[bytes.LastIndexByte(b[:max(0, len(b)-1)], '\n')+1:]
}

// whole reports whether b ends with the last line of a reply (RFC 5321, 4.2.1);
// those of POP3 that a script asks for have one line (RFC 1939, 3).
func whole(b []byte) bool {
	if len(b) < 5 || b[len(b)-1] != '\n' {
		return false
	}
	if b[0] == '+' || b[0] == '-' {
		return true
	}
	start := len(b) - 1
	for start > 0 && b[start-1] != '\n' {
		start--
	}
	return len(b)-start >= 5 && b[start+3] == ' '
}

// What people do at the doors they log in at. Each of them has all sessions of
// their number, in turn.

// popLogin looks how much mail there is.
func popLogin() []step {
	return append([]step{
		{want: "+OK", make: func(c *client, _ []byte) ([]byte, error) {
			return fmt.Appendf(c.line[:0], "USER %s\r\n", c.user()), nil
		}},
		{want: "+OK", send: []byte("PASS " + secret + "\r\n")},
		{want: "+OK", send: []byte("STAT\r\n")},
	}, quitPOP3...)
}

// imapLogin opens INBOX.
func imapLogin() []step {
	return []step{
		{want: "* OK", last: "* ", make: func(c *client, _ []byte) ([]byte, error) {
			return fmt.Appendf(c.line[:0], "a LOGIN %s %q\r\n", c.user(), secret), nil
		}},
		{want: "a OK", last: "a ", send: []byte("b SELECT INBOX\r\n")},
		{want: "b OK", last: "b ", send: []byte("c LOGOUT\r\n")},
		{want: "c OK", last: "c "},
	}
}

// authPlain logs in with a password.
var authPlain = step{want: "2", make: func(c *client, _ []byte) ([]byte, error) {
	b := append(c.line[:0], "AUTH PLAIN "...)
	b = base64.StdEncoding.AppendEncode(b, fmt.Appendf(nil, "\x00%s\x00%s", c.user(), secret))
	return append(b, "\r\n"...), nil
}}

// authScram logs in without showing the password (RFC 5802). The last message
// of the server comes as a challenge (RFC 4954, 4).
var authScram = []step{
	{want: "2", make: func(c *client, _ []byte) ([]byte, error) {
		b := append(c.line[:0], "AUTH SCRAM-SHA-256 "...)
		b = base64.StdEncoding.AppendEncode(b, append([]byte("n,,"), scramFirst(c)...))
		return append(b, "\r\n"...), nil
	}},
	{want: "334 ", make: scramProof},
	{want: "334 ", send: []byte("\r\n")},
}

// user is who the session logs in as.
func (c *client) user() string { return mailbox(c.id%loadBoxes) + "@" + domain }
