package table

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"yubin/internal/nss"
)

// Files of the account database, for systems without a helper (package nss).
const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// openUnix opens passwd.byname or group.byname. The value of a key is its line.
func openUnix(name string, o *options, _ bool) (Table, error) {
	paths := map[string]string{"passwd.byname": passwdFile, "group.byname": groupFile}
	path := paths[name]
	if path == "" {
		return nil, fmt.Errorf("want passwd.byname or group.byname, have %q", name)
	}
	if o.system != nil && o.system.Asks() {
		return systemTable{o.system, path == groupFile}, nil
	}
	// Keys fold as Postfix folds them: local user names are lower case.
	return fileTable{newFile(path, parseAccounts, o), true}, nil
}

// systemTable is what the name services of the system know.
type systemTable struct {
	users  *nss.Client
	groups bool
}

func (t systemTable) Lookup(key string) (string, bool, error) {
	// Recipients are looked up as addresses first. local(8) knows nobody of such
	// a name, and while a name service is down nobody could say.
	if strings.Contains(key, "@") {
		return "", false, nil
	}
	key = strings.ToLower(key)
	if t.groups {
		g, err := t.users.Group(key)
		if g == nil || err != nil {
			return "", false, err
		}
		return accountLine(g.Name, "x", id(g.GID), strings.Join(g.Members, ","))
	}
	u, err := t.users.User(key)
	if u == nil || err != nil {
		return "", false, err
	}
	return accountLine(u.Name, "x", id(u.UID), id(u.GID), u.Gecos, u.Home, u.Shell)
}

func id(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// accountLine is a line of passwd(5) or group(5). A directory server may have
// what no such line can: then it is not known what was meant.
func accountLine(fields ...string) (string, bool, error) {
	for _, f := range fields {
		if strings.ContainsAny(f, ":\n") {
			return "", false, fmt.Errorf("the entry of %q has %q, which passwd(5) and group(5) cannot have", fields[0], f)
		}
	}
	return strings.Join(fields, ":"), true, nil
}

// parseAccounts reads the lines of passwd(5) or group(5). Lines of other forms
// ("+::" of NIS, comments) name nobody.
func parseAccounts(data []byte, _ Reporter) *index {
	x := newIndex(len(data)+len(data)/4, bytes.Count(data, []byte("\n"))+1)
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		name, _, ok := bytes.Cut(line, []byte(":"))
		if ok && len(name) > 0 && name[0] != '#' && name[0] != '+' && name[0] != '-' {
			x.add(name, line)
		}
	}
	return x
}
