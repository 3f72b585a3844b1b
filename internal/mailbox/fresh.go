package mailbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// clock gives every file that this process names a microsecond of its own.
var clock struct {
	sync.Mutex
	last int64
}

func tick() (sec, usec int64) {
	clock.Lock()
	defer clock.Unlock()
	clock.last = max(clock.last+1, time.Now().UnixMicro())
	return clock.last / 1e6, clock.last % 1e6
}

// freshBase returns a base name that no other message has, without sizes: the
// form is Dovecot's.
func freshBase() string {
	sec, usec := tick()
	b := strconv.AppendInt(make([]byte, 0, 64), sec, 10)
	b = strconv.AppendInt(append(b, ".M"...), usec, 10)
	return string(append(b, nameEnd()...))
}

// nameEnd is what all names that this process gives end in.
var nameEnd = sync.OnceValue(func() string {
	host := strings.NewReplacer("/", `\057`, ":", `\072`, ",", `\054`).Replace(hostname())
	return fmt.Sprintf("P%d.%s", os.Getpid(), host)
})

// freshName returns a new name for a file that has another's; it keeps sizes
// and flags.
func (s *Store) freshName(in *dir, name string) string {
	base, info := splitName([]byte(name))
	fresh := freshBase()
	for _, key := range []byte("SW") {
		if n, ok := nameSize(base, key); ok {
			fresh += fmt.Sprintf(",%c=%d", key, n)
		}
	}
	return fresh + string(info)
}

// readNames returns the names in a directory.
func readNames(d *dir) ([]string, error) {
	f, err := d.open(".", os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
