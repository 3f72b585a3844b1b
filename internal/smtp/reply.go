package smtp

import (
	"errors"
	"strconv"
	"strings"
)

// A Reply is one answer to a client. Text is all the client may learn.
type Reply struct {
	Code   int // 200..599, RFC 5321, 4.2
	Detail Detail
	Text   string // may hold several lines, separated by "\n"
	Plain  bool   // greeting, HELO, EHLO, 354: no enhanced code (RFC 2034, 4)
}

// maxReplyLine is the longest reply line less its CRLF (RFC 5321, 4.5.3.1.5).
const maxReplyLine = 510

// Class returns the first digit of the code: 2, 3, 4 or 5.
func (r Reply) Class() int { return r.Code / 100 }

// Enhanced returns the enhanced status code, "" for a plain reply.
func (r Reply) Enhanced() string {
	// RFC 2034, 4: only classes 2, 4 and 5 carry codes.
	if r.Plain || r.Class() == 3 {
		return ""
	}
	return r.Detail.Code(r.Class())
}

// String returns the reply on one line, for the log: "550 5.1.1 text".
func (r Reply) String() string {
	s := strconv.Itoa(r.Code)
	if e := r.Enhanced(); e != "" {
		s += " " + e
	}
	return s + " " + string(cleanLine(strings.ReplaceAll(r.Text, "\n", " ")))
}

// Append appends the reply to b as it goes onto the wire. Whatever Text holds,
// the lines are printable ASCII of at most 512 octets, CRLF included: what a
// peer or a table said cannot become another reply. Only a challenge is one line
// however long it is (RFC 4954, 4).
func (r Reply) Append(b []byte) []byte {
	prefix := ""
	if e := r.Enhanced(); e != "" {
		prefix = e + " "
	}
	room := maxReplyLine - 4 - len(prefix)
	if r.Code == 334 {
		room = len(r.Text)
	}
	lines := strings.Split(r.Text, "\n")
	for i, line := range lines {
		text := cleanLine(line)
		for {
			n := len(text)
			if n > room {
				n = room
			}
			sep := byte('-')
			if i == len(lines)-1 && n == len(text) {
				sep = ' '
			}
			b = append(strconv.AppendInt(b, int64(r.Code), 10), sep)
			b = append(append(append(b, prefix...), text[:n]...), "\r\n"...)
			if text = text[n:]; len(text) == 0 {
				break
			}
		}
	}
	return b
}

// cleanLine makes s printable ASCII. RFC 5321, 4.2: textstring.
func cleanLine(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, c := range s {
		switch {
		case c == '\t':
			b = append(b, ' ')
		case c < ' ' || c > '~':
			b = append(b, '?')
		default:
			b = append(b, byte(c))
		}
	}
	return b
}

// An Error is a refusal: the Reply goes to the peer, Err goes to our log.
type Error struct {
	Op    string // what was being done: "open deferred/3F2A"
	Reply Reply
	Err   error // cause; nil when the peer is at fault
}

func (e *Error) Error() string {
	s := e.Op
	if s == "" {
		s = e.Reply.String()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Refuse returns an Error that is the peer's fault.
func Refuse(code int, d Detail, text string) *Error {
	return &Error{Reply: Reply{Code: code, Detail: d, Text: text}}
}

// ReplyTo returns what to tell the peer about err. An error that carries no
// Reply is ours, not the peer's: it is temporary and says nothing.
func ReplyTo(err error) Reply {
	var e *Error
	if errors.As(err, &e) {
		return e.Reply
	}
	return Reply{Code: 451, Detail: LocalProcessing, Text: "Error: local error, try again later"}
}
