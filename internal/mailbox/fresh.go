package mailbox

import (
	"fmt"
	"os"
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
	host := strings.NewReplacer("/", `\057`, ":", `\072`, ",", `\054`).Replace(hostname())
	return fmt.Sprintf("%d.M%dP%d.%s", sec, usec, os.Getpid(), host)
}

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
