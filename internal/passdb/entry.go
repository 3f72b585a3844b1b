package passdb

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/account"
)

// An Entry is a line of a passwd-file:
//
//	user:password:uid:gid:gecos:home:shell:field=value field ...
//
// All fields behind the password may be missing. Fields and their values are
// apart by blanks and keep their colons.
type Entry struct {
	User     string
	Password string // {SCHEME}data, or a hash of crypt(3); "": nobody gets in
	UID, GID string
	Gecos    string
	Home     string
	Shell    string
	Fields   []Field
}

// A Field is an extra field. One without "=" has no value.
type Field struct {
	Name, Value string
	Bare        bool
}

// unsupported are extra fields that ask for what is not done here. To pass them
// over would let people in where they are to be sent elsewhere.
var unsupported = []string{"proxy", "proxy_maybe", "proxy_always", "host", "destuser", "master", "pass"}

// ParseEntry reads one line. The error has nothing of it.
func ParseEntry(line string) (*Entry, error) {
	f := strings.SplitN(line, ":", 8)
	if len(f) < 2 {
		return nil, errors.New("want user:password:uid:gid:gecos:home:shell:fields")
	}
	f = append(f, make([]string, 8-len(f))...)
	e := &Entry{User: f[0], Password: f[1], UID: f[2], GID: f[3], Gecos: f[4], Home: f[5], Shell: f[6]}
	if err := CheckName(e.User); err != nil {
		return nil, err
	}
	for _, word := range strings.Fields(f[7]) {
		name, value, ok := strings.Cut(word, "=")
		if slices.Contains(unsupported, name) {
			return nil, fmt.Errorf("the field %s: logins are not passed on to another server here", name)
		}
		e.Fields = append(e.Fields, Field{name, value, !ok})
	}
	if e.Password != "" && !e.Locked() {
		if err := Valid(e.Password); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Locked tells whether the password is one that nothing opens, as usermod -L
// and its like write it.
func (e *Entry) Locked() bool {
	return strings.HasPrefix(e.Password, "!") || strings.HasPrefix(e.Password, "*")
}

// CheckName tells whether a name can be that of an account: what stands in a
// file of lines, before a colon, and in a path.
func CheckName(user string) error {
	switch {
	case user == "":
		return errors.New("a user's name is empty")
	case len(user) > 320: // RFC 5321, 4.5.3.1: 64 octets, "@", 255
		return errors.New("a user's name has more than 320 octets")
	case strings.ContainsAny(user, ":/ \t\r\n\x00") || user[0] == '#' || strings.HasPrefix(user, "@") || strings.HasSuffix(user, "@"):
		return errors.New("a user's name has no colon, slash or blank, does not begin with # or @, and does not end in @")
	}
	for _, c := range user {
		if c < ' ' || c == 0x7f || c == 0xfffd {
			return errors.New("a user's name has no control characters, and is UTF-8")
		}
	}
	return nil
}

// String is the line, without its end.
func (e *Entry) String() string {
	var words []string
	for _, f := range e.Fields {
		if f.Bare {
			words = append(words, f.Name)
			continue
		}
		words = append(words, f.Name+"="+f.Value)
	}
	return strings.Join([]string{e.User, e.Password, e.UID, e.GID, e.Gecos, e.Home, e.Shell, strings.Join(words, " ")}, ":")
}

// Person is what the entry says of the account. A field userdb_... comes before
// the columns.
func (e *Entry) Person() *account.Person {
	p := &account.Person{Name: fold(e.User), UID: e.UID, GID: e.GID, Home: e.Home}
	for _, f := range e.Fields {
		to := map[string]*string{
			"userdb_uid": &p.UID, "userdb_gid": &p.GID, "userdb_home": &p.Home, "userdb_mail": &p.Mail,
		}[f.Name]
		if to != nil {
			*to = f.Value
		}
	}
	p.Quota = quotaRules(func(name string) string {
		for _, f := range slices.Backward(e.Fields) {
			if f.Name == name {
				return f.Value
			}
		}
		return ""
	})
	return p
}

// credential is the entry as a backend hands it out.
func (e *Entry) credential() *Credential {
	c := &Credential{User: fold(e.User), Fields: map[string]string{}}
	if e.Password != "" && !e.Locked() {
		c.Hash = e.Password
		c.Scheme, _, _, _ = splitScheme(c.Hash) // ParseEntry has checked it
	}
	for _, f := range e.Fields {
		c.Fields[f.Name] = f.Value
	}
	if user := c.Fields["user"]; user != "" {
		c.User = fold(user)
	}
	return c
}
