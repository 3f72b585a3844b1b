package aliases

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"yubin/internal/account"
	"yubin/internal/smtp"
)

// maxFile is the most octets of a list in a file.
const maxFile = 16 << 20

// A Content is a list in a file, as it was opened.
type Content struct {
	Data []byte
	Mode fs.FileMode
	UID  int
}

// An Opener reads a file with the rights of as; nil: with those of this process.
// nofollow refuses a link (ELOOP). What is not a regular file comes without Data.
type Opener func(path string, as *account.Person, nofollow bool) (*Content, error)

// errTooLong is the error of a file that is longer than any list.
var errTooLong = fmt.Errorf("longer than %d octets", maxFile)

// Read reads a file with the rights of the calling thread: what an Opener does
// once it has taken on those that it should.
func Read(path string, nofollow bool) (*Content, error) {
	flags := os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_CLOEXEC // a pipe must not hold us
	if nofollow {
		flags |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c := &Content{Mode: info.Mode(), UID: -1}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		c.UID = int(st.Uid)
	}
	if !c.Mode.IsRegular() {
		return c, nil
	}
	if c.Data, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err == nil && len(c.Data) > maxFile {
		err = &fs.PathError{Op: "read", Path: path, Err: errTooLong}
	}
	return c, err
}

// include takes the list in a file. One that cannot be read becomes a member of
// its own: the others do not wait for it.
func (r *run) include(in *source, path string) error {
	if r.seen[path] {
		return nil
	}
	if len(r.seen) >= maxLists {
		return misconfigured(nil, "%q leads to more than %d aliases and files", in.name, maxLists)
	}
	r.seen[path] = true
	inner := *in
	inner.kind, inner.via = InInclude, path
	c, err := r.openInclude(in, path)
	if err == nil && in.as == nil && c.UID != 0 {
		// Root's list names somebody's file: who owns that must not have more than
		// his own rights by it.
		inner.as, err = r.ownerOf(path, c.UID)
	}
	if err != nil {
		r.note(path, "does not count: %v", err)
		m := Member{Form: List, Text: path, Sender: in.sender, From: in.from, via: path, Err: err}
		return r.add(m)
	}
	all := parseLines(path, c.Data)
	r.note(path, "has %d lines", len(all))
	for _, l := range all {
		inner.from = l.from
		if err := r.takeAll(&inner, l.elements); err != nil {
			return err
		}
	}
	return nil
}

// A parsed line is one of a list in a file.
type parsed struct {
	from     string // file:line
	elements []element
}

// parseLines reads a list in a file.
func parseLines(path string, data []byte) []parsed {
	var all []parsed
	for _, l := range lines(data) {
		all = append(all, parsed{fmt.Sprintf("%s:%d", path, l.number), parseAll(l.text)})
	}
	return all
}

// openInclude reads an :include: file that may count, with the rights of the list
// that names it: root's own may name any file.
func (r *run) openInclude(in *source, path string) (*Content, error) {
	failed := func(err error) error {
		return misconfigured(fmt.Errorf("%s names :include:%s: %w", in.from, path, err), "an :include: file cannot be read")
	}
	if !strings.HasPrefix(path, "/") {
		return nil, failed(errors.New("want an absolute path"))
	}
	c, err := r.Open(path, in.as, false)
	switch {
	case err != nil:
		return nil, failed(err)
	case !c.Mode.IsRegular():
		return nil, failed(errors.New("not a regular file"))
	case c.Mode.Perm()&0o002 != 0:
		return nil, failed(errors.New("anybody may write to it (mode o+w)"))
	}
	return c, nil
}

// ownerOf is the user who owns a file.
func (r *run) ownerOf(path string, uid int) (*account.Person, error) {
	u, err := r.Users.UserByID(uid)
	switch {
	case err != nil:
		return nil, &Error{4, smtp.LocalProcessing, "user lookup failed", err}
	case u == nil:
		return nil, misconfigured(fmt.Errorf("%s belongs to uid %d, who is no user", path, uid), "an :include: file belongs to nobody")
	}
	return u, nil
}
