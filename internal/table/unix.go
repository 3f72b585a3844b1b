package table

import (
	"bytes"
	"fmt"
)

// Files of the account database. Accounts that only a name service knows are
// not found here; the helper for those comes with its issue.
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
	// Keys fold as Postfix folds them: local user names are lower case.
	return fileTable{newFile(path, parseAccounts, o), true}, nil
}

// parseAccounts reads the lines of passwd(5) or group(5). Lines of other forms
// ("+::" of NIS, comments) name nobody.
func parseAccounts(data []byte, _ Reporter) *index {
	x := newIndex(len(data))
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
