package passdb

import (
	"context"
	"errors"
	"strings"

	"yubin/internal/ipc"
)

// static is the backend static:FIELDS: every name is a user, with the same
// password and fields.
type static struct {
	env   *Env
	entry Entry // without User
}

// openStatic reads fields as those of a passwd-file, with the columns among them
// by name: password=, uid=, gid=, home=, mail=, quota_rule=.
func openStatic(e *Env, argument string) (DB, error) {
	s := &static{env: e}
	columns := map[string]*string{"password": &s.entry.Password, "uid": &s.entry.UID, "gid": &s.entry.GID, "home": &s.entry.Home}
	for _, word := range strings.Fields(argument) {
		name, value, found := strings.Cut(word, "=")
		if to := columns[name]; to != nil {
			*to = value
			continue
		}
		if name == "mail" || strings.HasPrefix(name, "quota_") {
			name = "userdb_" + name
		}
		s.entry.Fields = append(s.entry.Fields, Field{name, value, !found})
	}
	s.entry.User = "any"
	if _, err := ParseEntry(s.entry.String()); err != nil {
		return nil, errors.New("static: " + err.Error())
	}
	if _, open := s.field("nopassword"); s.entry.Password == "" && !open {
		return nil, errors.New("static: want password=, or nopassword")
	}
	return s, nil
}

func (s *static) field(name string) (string, bool) {
	for _, f := range s.entry.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

func (s *static) Name() string { return "static" }

func (s *static) Lookup(_ context.Context, user string) (*Credential, error) {
	if CheckName(user) != nil {
		return nil, ErrUnknown
	}
	e := s.entry
	e.User = user
	c := e.credential()
	return s.env.place(c, e.Person()), nil
}

func (s *static) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*Credential, error) {
	c, err := s.Lookup(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.env.Hasher.verify(ctx, c, password, f, func(string) string { return "" })
}
