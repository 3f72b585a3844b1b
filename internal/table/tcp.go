package table

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"yubin/internal/remote"
)

// maxTCPReply is how long a line of a tcp: server may be, as in Postfix.
const maxTCPReply = 4096

// tcpTable is tcp:host:port, a server that speaks Postfix's protocol tcp_table(5):
// "get KEY" is answered by "200 VALUE", "500 TEXT" (no such key) or "400 TEXT" (not
// known now). %XX stands for octets that would part words or lines.
type tcpTable struct{ server *remote.Server }

func openTCP(name string, o *options, _ bool) (Table, error) {
	if o.trusted {
		return nil, errors.New("tcp: is not allowed in this list: its values name files, commands or user IDs, and nobody vouches for the answers")
	}
	server, err := remote.Host(name, remoteLimits)
	return tcpTable{server}, err
}

func (tcpTable) patterns() bool { return true }

func (t tcpTable) Lookup(key string) (value string, found bool, err error) {
	err = t.server.Ask([]byte("get "+escape(key)+"\n"), func(r *bufio.Reader) error {
		line, err := readLine(r)
		if err == nil {
			value, found, err = parseTCPReply(line)
		}
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("table tcp:%s: %w", t.server, err)
	}
	return value, found, nil
}

// readLine reads a line without its end. It fits r's buffer or is an error.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > maxTCPReply {
		return nil, fmt.Errorf("the reply has more than %d octets", maxTCPReply)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// parseTCPReply reads a line.
func parseTCPReply(line []byte) (value string, found bool, err error) {
	code, escaped, _ := strings.Cut(string(line), " ")
	text, ok := unescape(escaped)
	if !ok {
		return "", false, fmt.Errorf("bad reply %.100q: %% must stand before two hexadecimal digits", line)
	}
	switch {
	case code == "200" && text == "":
		return "", false, errors.New("the reply has an empty value")
	case code == "200":
		return text, true, nil
	case code == "500":
		return "", false, nil
	case code == "400":
		return "", false, fmt.Errorf("the server says: %.200q", text)
	}
	return "", false, fmt.Errorf("bad reply %.100q: want 200, 400 or 500 and a text", line)
}

const hexDigits = "0123456789ABCDEF"

// escape writes octets that are not visible ASCII, and %, as %XX.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '%' {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	var b strings.Builder
	for ; s != ""; s = s[1:] {
		if s[0] != '%' {
			b.WriteByte(s[0])
			continue
		}
		if len(s) < 3 {
			return "", false
		}
		upper := strings.ToUpper(s[1:3])
		high, low := strings.IndexByte(hexDigits, upper[0]), strings.IndexByte(hexDigits, upper[1])
		if high < 0 || low < 0 {
			return "", false
		}
		b.WriteByte(byte(high<<4 | low))
		s = s[2:]
	}
	return b.String(), true
}
