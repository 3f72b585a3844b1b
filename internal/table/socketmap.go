package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"yubin/internal/remote"
)

// maxSocketmapReply is how many octets a reply may have, as in Postfix.
const maxSocketmapReply = 100_000

// socketmap is socketmap:inet:host:port:name or socketmap:unix:path:name, a server
// that speaks Sendmail's protocol, socketmap_table(5) in Postfix: netstrings, of
// which "NAME KEY" is answered by "OK VALUE", "NOTFOUND ", or "TEMP", "TIMEOUT" or
// "PERM" and a reason.
type socketmap struct {
	server *remote.Server
	name   string // of the map there
}

func openSocketmap(where string, o *options, _ bool) (Table, error) {
	i := strings.LastIndexByte(where, ':')
	if i < 0 || where[i+1:] == "" || strings.ContainsAny(where[i+1:], blanks) {
		return nil, fmt.Errorf("want inet:host:port:name or unix:path:name, have %q", where)
	}
	server, err := remote.At(where[:i], o.queue, remoteLimits)
	if err != nil {
		return nil, err
	}
	return socketmap{server, where[i+1:]}, nil
}

func (socketmap) patterns() bool { return true }

func (s socketmap) Lookup(key string) (value string, found bool, err error) {
	request := s.name + " " + key
	err = s.server.Ask([]byte(strconv.Itoa(len(request))+":"+request+","), func(r *bufio.Reader) error {
		reply, err := readNetstring(r, maxSocketmapReply)
		if err == nil {
			value, found, err = parseSocketmapReply(reply)
		}
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("table socketmap:%s:%s: %w", s.server, s.name, err)
	}
	return value, found, nil
}

// readNetstring reads "LENGTH:OCTETS,". Of one longer than limit no octet is read.
func readNetstring(r *bufio.Reader, limit int) (string, error) {
	length, digits := 0, 0
	for {
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if c == ':' && digits > 0 {
			break
		}
		if c < '0' || c > '9' || digits > 0 && length == 0 {
			return "", errors.New("the reply is no netstring")
		}
		length = length*10 + int(c-'0')
		digits++
		if length > limit {
			return "", fmt.Errorf("the reply has more than %d octets", limit)
		}
	}
	text := make([]byte, length+1)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	if text[length] != ',' {
		return "", errors.New("the reply is no netstring")
	}
	return string(text[:length]), nil
}

// parseSocketmapReply reads what is in the netstring.
func parseSocketmapReply(reply string) (value string, found bool, err error) {
	status, text, _ := strings.Cut(reply, " ")
	switch {
	case status == "OK" && text == "":
		return "", false, errors.New("the reply has an empty value")
	case status == "OK":
		return text, true, nil
	case status == "NOTFOUND":
		return "", false, nil
	case status == "TEMP" || status == "TIMEOUT" || status == "PERM":
		return "", false, fmt.Errorf("the server says: %s: %.200q", status, text)
	}
	return "", false, fmt.Errorf("bad reply %.100q: want OK, NOTFOUND, TEMP, TIMEOUT or PERM", reply)
}
