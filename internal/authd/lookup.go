package authd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/table"
)

// A directory is smtp_sasl_password_maps.
type directory struct {
	name      string // of the parameter
	maps      *table.Maps
	bySender  bool
	delimiter string // recipient_delimiter
}

// A login is what a value says.
type login struct {
	user      string
	password  string
	tokenFile string // in place of a password
}

// find returns the login for a server; nil: there is none.
func (d *directory) find(q *ipc.RelayRequest) (*login, error) {
	for _, key := range d.keys(q) {
		value, found, err := d.maps.Lookup(key)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", d.name, err)
		case found:
			l, err := parseLogin(value)
			if err != nil {
				return nil, fmt.Errorf("%s: the value for %q: %w", d.name, key, err)
			}
			return l, nil
		}
	}
	return nil, nil
}

// keys are what is looked up, in order.
func (d *directory) keys(q *ipc.RelayRequest) []string {
	var keys []string
	add := func(k string) {
		if k != "" {
			keys = append(keys, k)
		}
	}
	if d.bySender && q.Sender != "" {
		add(q.Sender)
		if i := strings.LastIndexByte(q.Sender, '@'); i >= 0 {
			local, domain := q.Sender[:i], q.Sender[i:]
			if k := strings.IndexAny(local, d.delimiter); k > 0 {
				add(local[:k] + domain)
			}
			add(domain)
		}
	}
	add(q.Host)
	add(q.Nexthop)
	return keys
}

// oauth is what stands before the name of a token file.
const oauth = "oauth2:"

// parseLogin reads user:password or user:oauth2:FILE. Its error has nothing of
// the value.
func parseLogin(value string) (*login, error) {
	user, password, ok := strings.Cut(value, ":")
	l := &login{user: user, password: password}
	switch {
	case !ok || user == "":
		return nil, errors.New("want user:password")
	case strings.ContainsRune(value, 0):
		return nil, errors.New("it has a NUL character")
	}
	if file, token := strings.CutPrefix(password, oauth); token {
		if !filepath.IsAbs(file) {
			return nil, errors.New("want user:oauth2:/FILE")
		}
		l.password, l.tokenFile = "", file
	}
	return l, nil
}
