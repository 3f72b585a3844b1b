package pamd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// services are where PAM looks for a service (pam.d(5)).
var services = []string{"/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"}

// maxIncludes is how deep files may include each other; PAM has such a limit
// too.
const maxIncludes = 16

// findService tells why PAM cannot use a service. PAM itself would deny
// everything, and every password would be taken for a wrong one: it takes the
// service "other" for one that is not there, and a module that always fails for
// an include of a file that is not.
func findService(name string) error {
	return findFile(strings.ToLower(name), maxIncludes) // PAM folds the name
}

func findFile(name string, depth int) error {
	b, err := readService(name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		included := ""
		switch {
		case len(f) >= 2 && f[0] == "@include":
			included = f[1]
		case len(f) >= 3 && (f[1] == "include" || f[1] == "substack"):
			included = f[2]
		}
		if included == "" {
			continue
		}
		if depth == 0 {
			return fmt.Errorf("PAM service %s: files include each other", name)
		}
		if err := findFile(included, depth-1); err != nil {
			return fmt.Errorf("%w, which PAM service %s includes", err, name)
		}
	}
	return nil
}

func readService(name string) ([]byte, error) {
	if filepath.IsAbs(name) {
		return os.ReadFile(name)
	}
	for _, dir := range services {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, fmt.Errorf("there is no %s", filepath.Join(services[0], name))
}
