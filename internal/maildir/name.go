package maildir

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// maxHost is the most of a host name that goes into a file name, octets
// (HOST_NAME_MAX): with the longest queue ID, sizes and a reader's flags the
// name then stays below the 255 that file systems take.
const maxHost = 64

// Name returns the part of a delivered file's name that the delivery
// determines: every attempt at it gives the same.
func Name(arrival time.Time, id string, recipient int, host string) string {
	return fmt.Sprintf("%d.Q%sR%d.%s", arrival.Unix(), id, recipient, encodeHost(host))
}

// encodeHost writes the host so that it neither ends a path component ("/") nor
// begins a reader's flags (":") or the sizes (",").
func encodeHost(host string) string {
	var b strings.Builder
	for i := range len(host) {
		next := host[i : i+1]
		if !plain(host[i]) {
			next = fmt.Sprintf("\\%03o", host[i])
		}
		if b.Len()+len(next) > maxHost {
			break
		}
		b.WriteString(next)
	}
	if b.Len() == 0 {
		return "localhost"
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

// finalName adds the sizes.
func finalName(name string, size, lines int64) string {
	return fmt.Sprintf("%s,S=%d,W=%d", name, size, size+lines)
}

// names tells whether file was made by the delivery called name: whatever
// sizes and flags stand behind it.
func names(file, name string) bool {
	rest, ok := strings.CutPrefix(file, name)
	return ok && (rest == "" || rest[0] == ',' || rest[0] == ':')
}

// attempts numbers the files in tmp/ that this process writes.
var attempts atomic.Uint64

// tmpName differs from every other attempt's, the same delivery's included:
// after qmgr's death the same process may be asked a second time while it
// still works on the first.
func tmpName(name string) string {
	return fmt.Sprintf("%s.P%dN%d", name, os.Getpid(), attempts.Add(1))
}
