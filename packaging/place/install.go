package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"yubin/internal/manifest"
)

// An installer installs below root, from the source tree that it runs in.
type installer struct {
	root  string
	owned bool // give files their owners
	out   io.Writer
}

// newInstaller returns one for the system ("") or a directory that stands for
// it.
func newInstaller(destdir string, out io.Writer) *installer {
	return &installer{strings.TrimSuffix(destdir, "/"), destdir == "", out}
}

func (i *installer) install(entries []manifest.Entry) error {
	for _, e := range entries {
		if err := i.place(&e); err != nil {
			return fmt.Errorf("install %s: %w", e.Path, err)
		}
	}
	return nil
}

func (i *installer) place(e *manifest.Entry) error {
	path := i.root + e.Path
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch {
	case e.Type == manifest.Ghost:
		return nil
	case e.Type == manifest.Dir:
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return i.finish(e, path)
	case e.Type == manifest.Link:
		return i.replace(path, func(temp string) error { return os.Symlink(e.Source, temp) })
	}
	content, err := content(e)
	if e.Type == manifest.Option && errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(i.out, "%s is left out: make did not build %s\n", e.Path, e.Source)
		return nil
	}
	if err != nil {
		return err
	}
	if kept, err := i.keep(e, path, content); kept || err != nil {
		return err
	}
	return i.replace(path, func(temp string) error {
		if err := os.WriteFile(temp, content, 0o600); err != nil {
			return err
		}
		return i.finish(e, temp)
	})
}

// keep says whether path stays as the administrator has it.
func (i *installer) keep(e *manifest.Entry, path string, content []byte) (bool, error) {
	if e.Type != manifest.Config {
		return false, nil
	}
	have, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && !bytes.Equal(have, content) {
		fmt.Fprintf(i.out, "%s stays as it is; see %s for what is new\n", path, e.Source)
	}
	return err == nil, err
}

// replace makes path anew in one step: a running program is never written to.
func (i *installer) replace(path string, make func(temp string) error) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := make(temp); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// finish gives path its owners and mode; in this order, for chown takes the
// set-gid bit away.
func (i *installer) finish(e *manifest.Entry, path string) error {
	if i.owned {
		uid, gid, err := e.IDs()
		if err != nil {
			return fmt.Errorf("%w; run systemd-sysusers packaging/sysusers.d/yubin.conf first", err)
		}
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	mode := fs.FileMode(e.Mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if e.Mode&bit != 0 {
			mode |= flag
		}
	}
	return os.Chmod(path, mode)
}

// content is what e holds: its source, compressed if its name says so. The
// same source gives the same bytes.
func content(e *manifest.Entry) ([]byte, error) {
	b, err := os.ReadFile(filepath.FromSlash(e.Source))
	if err != nil || !strings.HasSuffix(e.Path, ".gz") {
		return b, err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err = z.Close()
	return packed.Bytes(), err
}
