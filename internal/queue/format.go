package queue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// formatLine is what the format file of a directory holds that this package
// can read.
const formatLine = "yubin queue 1\n"

// foreign are entries of a queue directory of Postfix that ours never has.
var foreign = [...]string{"active", "defer", "bounce"}

// CheckFormat tells whether the directory at path is a queue of ours, or one
// that can become it: it has no format file and nobody else's queue. Nothing
// is changed.
func CheckFormat(path string) error {
	b, err := os.ReadFile(filepath.Join(path, FormatFile))
	switch {
	case err == nil && (string(b) == formatLine || len(b) == 0):
		return nil // empty: created, and the machine stopped
	case err == nil:
		line, _, _ := strings.Cut(string(b), "\n")
		return fmt.Errorf("queue_directory %s has format %.40q, and this version reads %q: use the version that wrote it, or another directory", path, line, strings.TrimSpace(formatLine))
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	for _, name := range foreign {
		if _, err := os.Lstat(filepath.Join(path, name)); err == nil {
			return fmt.Errorf("queue_directory %s holds a queue of Postfix (%s/): set queue_directory to a directory of its own and take the old mail over with \"mailctl import\"", path, name)
		}
	}
	return nil
}

// openFormat opens the format file, after it has checked and if need be
// written it.
func openFormat(path string) (*os.File, error) {
	if err := CheckFormat(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(path, FormatFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err == nil && len(b) == 0 {
		if _, err = f.WriteString(formatLine); err == nil {
			err = f.Sync()
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// CreateFormat makes the format file of the directory at path, owned by uid,
// for a store that may not create files there itself.
func CreateFormat(path string, uid int) error {
	f, err := openFormat(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(uid, -1)
}
