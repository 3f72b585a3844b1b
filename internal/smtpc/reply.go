package smtpc

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// Limits of one reply. RFC 5321, 4.5.3.1.5 allows lines of 512 octets; servers
// have longer ones.
const (
	maxReplyLine  = 4 << 10
	maxReplyLines = 256
	maxReply      = 64 << 10
)

// errGarbled is a reply that is none of SMTP's, or beyond all measure: what the
// server means, and where its next reply starts, is not known.
var errGarbled = errors.New("garbled reply")

// errUnasked is a reply to nothing.
var errUnasked = fmt.Errorf("%w: nothing asks for it", errGarbled)

// A reply is one answer of a server, clean.
type reply struct {
	code  int      // 200 to 599
	lines []string // the text of each line, without code
	text  string   // all lines with their codes on one: what the log shows
}

// class is the first digit of the code.
func (r *reply) class() int { return r.code / 100 }

// enhanced returns the enhanced status code (RFC 2034, 4) with the given class;
// X.0.0 when the reply has none of that class.
func (r *reply) enhanced(class int) string {
	for _, l := range r.lines {
		first, _, _ := strings.Cut(l, " ")
		if c, d, ok := smtp.ParseCode(first); ok && c == class {
			return d.Code(class)
		}
	}
	return smtp.Undefined.Code(class)
}

// readReply reads one reply (RFC 5321, 4.2). Lines may end in LF alone. Its
// memory is bounded. The error is errGarbled or the reader's.
func readReply(r *bufio.Reader) (*reply, error) {
	p := &reply{}
	var text strings.Builder
	for octets := 0; ; {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		code, last, ok := replyCode(line)
		octets += len(line)
		if !ok || p.code != 0 && code != p.code || len(p.lines) == maxReplyLines || octets > maxReply {
			return nil, errGarbled
		}
		p.code = code
		line = strings.TrimRight(maillog.Clean(line), " ")
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(line)
		p.lines = append(p.lines, strings.TrimLeft(line[3:], "- "))
		if last {
			p.text = text.String()
			return p, nil
		}
	}
}

// readLine reads a line and returns it without its end.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errGarbled
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// replyCode reads what a reply line begins with: three digits and a space, a
// hyphen or the end.
func replyCode(line string) (code int, last, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '9' || line[2] < '0' || line[2] > '9' {
		return 0, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, true, true
	}
	return code, line[3] != '-', line[3] == ' ' || line[3] == '-'
}
