package smtpc

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// origins are classes of messages, by where they come from. Their names are
// Postfix's.
type origins map[string]bool

// originNames are the classes that may be named; qmqpd is a server that there is
// not.
var originNames = []string{"sendmail", "smtpd", "qmqpd", "forward", "bounce", "notify", "verify", "all"}

// readOrigins reads smtputf8_autodetect_classes.
func readOrigins(c *config.Config) (origins, error) {
	param := config.SMTPUTF8AutodetectClasses
	o := origins{}
	for _, word := range param.Of(c) {
		name := strings.ToLower(word)
		if !slices.Contains(originNames, name) {
			return nil, c.Fault(param.Def, fmt.Sprintf("want of %s, have %q", strings.Join(originNames, ", "), word))
		}
		o[name] = true
	}
	if !config.SMTPUTF8Enable.Of(c) {
		return nil, nil
	}
	return o, nil
}

// looksAt tells whether a request's message is of one of the classes.
func (o origins) looksAt(req *ipc.Request) bool {
	if len(o) == 0 {
		return false
	}
	if o["all"] {
		return true
	}
	switch attrs := req.Attrs; {
	case attrs[ipc.Probe] != "":
		return o["verify"]
	case attrs[queue.AttrOrigin] == "smtpd":
		return o["smtpd"]
	case attrs[queue.AttrOrigin] != "qmgr":
		return o["sendmail"]
	case req.Sender == "" && attrs[queue.AttrCovers] != "":
		return o["bounce"] || o["notify"]
	}
	return o["forward"]
}

// whole8 is a piece of a line without the parts of characters at its ends.
func whole8(b []byte) []byte {
	for range utf8.UTFMax - 1 {
		if len(b) > 0 && !utf8.RuneStart(b[0]) {
			b = b[1:]
		}
	}
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if end := b[len(b)-i:]; utf8.RuneStart(end[0]) {
			if !utf8.FullRune(end) {
				b = b[:len(b)-i]
			}
			break
		}
	}
	return b
}
