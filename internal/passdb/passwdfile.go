package passdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/table"
)

// passwdFile is the backend passwd-file:FILE.
type passwdFile struct {
	env  *Env
	path string
	file *table.File[*entries]
}

// entries are the lines of a file as it was read once. It never changes.
type entries struct {
	data    []byte
	at      map[string]span // by name, in lower case
	order   []span          // those of at that have a password
	domains map[string]bool
	uses    Use // that all passwords have
}

// A span is where a line stands in the data.
type span struct{ start, end int32 }

func openPasswdFile(e *Env, path string) (DB, error) {
	if err := absolute(path); err != nil {
		return nil, err
	}
	return &passwdFile{e, path, table.NewFile(path, parseEntries, e.Report)}, nil
}

// parseEntries reads a file: empty lines and those that begin with # or : are
// passed over. Of several lines for one user the first counts.
func parseEntries(data []byte, report table.Reporter) (*entries, error) {
	n := bytes.Count(data, []byte("\n")) + 1
	x := &entries{data: data, at: make(map[string]span, n), order: make([]span, 0, n), domains: map[string]bool{}}
	common := ^Use(0)
	for number, start := 1, 0; start < len(data); number++ {
		end := bytes.IndexByte(data[start:], '\n')
		if end < 0 {
			end = len(data) - start
		}
		s := span{int32(start), int32(start + end)}
		start += end + 1
		line := x.line(s)
		if blankLine(line) {
			continue
		}
		user, _, _ := strings.Cut(line, ":")
		name := fold(user)
		_, twice := x.at[name]
		e, err := ParseEntry(line)
		switch {
		case twice:
			report(number, "this user has an entry further up, which is the one that counts")
			continue
		case err == nil:
			if err := e.checkQuota(); err != nil {
				report(number, err.Error()) // nobody gets at the mailbox, and mail waits
			}
			if c := e.credential(); c.Hash != "" {
				x.order = append(x.order, s)
				common, x.uses = common&uses(c.Scheme), common&uses(c.Scheme)
			}
		default:
			report(number, err.Error())
			if CheckName(user) != nil {
				continue
			}
			// The user exists all the same: the error is that of each lookup.
		}
		x.at[name] = s
		if d := domainOf(name); d != "" {
			x.domains[d] = true
		}
	}
	return x, nil
}

// blankLine tells whether a line is none of a user's.
func blankLine(line string) bool {
	return strings.TrimSpace(line) == "" || line[0] == '#' || line[0] == ':'
}

func (x *entries) line(s span) string {
	return strings.TrimSuffix(string(x.data[s.start:s.end]), "\r")
}

func (p *passwdFile) Name() string { return "passwd-file" }

func (p *passwdFile) Lookup(_ context.Context, user string) (*Credential, error) {
	x, err := p.file.Get()
	if err != nil {
		return nil, err
	}
	s, ok := x.at[fold(user)]
	if !ok {
		return nil, ErrUnknown
	}
	e, err := ParseEntry(x.line(s))
	if err != nil {
		return nil, fmt.Errorf("%s: the entry of %s: %w", p.path, maillog.Clean(user), err)
	}
	return p.env.place(e.credential(), e.Person()), nil
}

func (p *passwdFile) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*Credential, error) {
	c, err := p.Lookup(ctx, user)
	if err != nil {
		return nil, err
	}
	return p.env.Hasher.verify(ctx, c, password, f, p.decoy)
}

// decoy is the password of an entry that the name leads to, the same each time:
// among many unknown names costs are spread as among the users.
func (p *passwdFile) decoy(user string) string {
	x, err := p.file.Get()
	if err != nil || len(x.order) == 0 {
		return ""
	}
	s := x.order[binary.BigEndian.Uint64(p.env.Hasher.Salt(user))%uint64(len(x.order))]
	e, err := ParseEntry(x.line(s))
	if err != nil {
		return ""
	}
	return e.Password
}

func (p *passwdFile) domain(name string) (bool, error) {
	x, err := p.file.Get()
	if err != nil {
		return false, err
	}
	return x.domains[fold(name)], nil
}
