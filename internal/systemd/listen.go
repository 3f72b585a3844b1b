package systemd

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstFD is where inherited descriptors begin (SD_LISTEN_FDS_START).
const firstFD = 3

// maxFDs bounds what LISTEN_FDS may say.
const maxFDs = 1024

// A Given is a descriptor that was handed down, and its name.
type Given struct {
	FD   int
	Name string // "" when the parent gave none
}

// Listen returns the descriptors that LISTEN_FDS announces, marks them
// close-on-exec, and removes the variables. Without a LISTEN_FDS meant for this
// process there are none.
func Listen() ([]Given, error) { return listen(unix.CloseOnExec) }

func listen(mark func(fd int)) ([]Given, error) {
	pid, count, names := take("LISTEN_PID"), take("LISTEN_FDS"), take("LISTEN_FDNAMES")
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFDs {
		return nil, fmt.Errorf("LISTEN_FDS is %q, want a number of descriptors", count)
	}
	given := make([]Given, n)
	name := strings.Split(names, ":")
	for i := range given {
		given[i].FD = firstFD + i
		mark(given[i].FD)
		if i < len(name) {
			given[i].Name = name[i]
		}
	}
	return given, nil
}
