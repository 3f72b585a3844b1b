package mailbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// validityFile is where Dovecot keeps the last UIDVALIDITY of a Maildir: as its
// content, and in the name of an empty file beside it, which is renamed to take the next.
const validityFile = "dovecot-uidvalidity"

// nextValidity returns a UIDVALIDITY that no folder of this Maildir has had.
func (f *folder) nextValidity() (uint32, error) {
	root := f.root
	for range 10 {
		last, err := lastValidity(root)
		if err != nil {
			return 0, err
		}
		next := last + 1
		if last == 0 {
			next = uint32(time.Now().Unix())
			file, err := root.open(fmt.Sprintf("%s.%08x", validityFile, next), unix.O_CREAT|unix.O_EXCL|unix.O_RDONLY)
			if err != nil {
				if os.IsExist(err) {
					continue
				}
				return 0, full(err)
			}
			file.Close()
		} else if err := root.rename(fmt.Sprintf("%s.%08x", validityFile, last), root, fmt.Sprintf("%s.%08x", validityFile, next)); err != nil {
			if gone(err) {
				continue // another took it
			}
			return 0, full(err)
		}
		if file, err := root.open(validityFile, unix.O_WRONLY|unix.O_CREAT); err == nil {
			fmt.Fprintf(file, "%08x", next) // a copy that helps Dovecot: it reads the names too
			file.Close()
		}
		return next, nil
	}
	return 0, fmt.Errorf("%s/%s.*: no UIDVALIDITY could be taken", root.Name(), validityFile)
}

// lastValidity returns the highest UIDVALIDITY in a file's name, 0 if none.
func lastValidity(root *dir) (uint32, error) {
	names, err := readNames(root)
	last := uint32(0)
	for _, name := range names {
		hex, ok := strings.CutPrefix(name, validityFile+".")
		if n, err := strconv.ParseUint(hex, 16, 32); ok && len(hex) == 8 && err == nil && n < maxUID {
			last = max(last, uint32(n))
		}
	}
	return last, err
}
