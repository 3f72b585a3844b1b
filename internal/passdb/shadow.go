package passdb

import (
	"context"
	"strconv"
	"strings"
	"time"

	"yubin/internal/account"
	"yubin/internal/ipc"
	"yubin/internal/table"
)

const (
	passwdPath = "/etc/passwd"
	shadowPath = "/etc/shadow"
)

// shadow is the backend shadow: the users of the system in files.
type shadow struct {
	env            *Env
	passwd, shadow *table.File[map[string]string] // name to line
	now            func() time.Time
}

func openShadow(e *Env, _ string) (DB, error) {
	return newShadow(e, passwdPath, shadowPath), nil
}

func newShadow(e *Env, passwd, shadowFile string) *shadow {
	return &shadow{e, table.NewFile(passwd, byName, e.Report), table.NewFile(shadowFile, byName, e.Report), time.Now}
}

// byName reads lines that begin with a name and a colon. Others name nobody.
func byName(data []byte, _ table.Reporter) (map[string]string, error) {
	lines := map[string]string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		name, _, ok := strings.Cut(line, ":")
		if _, twice := lines[name]; !ok || twice || name == "" || strings.ContainsAny(name[:1], "#+-") {
			continue
		}
		lines[name] = line
	}
	return lines, nil
}

func (s *shadow) Name() string { return "shadow" }

// fields of a line of shadow(5), by number.
const (
	shadowHash    = 1
	shadowChanged = 2 // days since 1970
	shadowMax     = 4 // days that a password is valid
	shadowGrace   = 6 // days after that
	shadowExpires = 7 // day on which the account ends
)

func (s *shadow) Lookup(_ context.Context, user string) (*Credential, error) {
	passwd, err := s.passwd.Get()
	if err != nil {
		return nil, err
	}
	line, ok := passwd[fold(user)]
	if !ok {
		return nil, ErrUnknown
	}
	p, err := account.ParsePasswd(line)
	if err != nil {
		return nil, err
	}
	c := &Credential{User: p.Name, Fields: map[string]string{}}
	lines, err := s.shadow.Get()
	if err != nil {
		return nil, err
	}
	if line, ok := lines[p.Name]; ok {
		f := strings.Split(line, ":")
		f = append(f, make([]string, max(0, 9-len(f)))...)
		if h := f[shadowHash]; h != "" && !strings.HasPrefix(h, "!") && !strings.HasPrefix(h, "*") {
			c.Hash, c.Scheme = h, "CRYPT"
		}
		c.Fields = s.expiry(f)
	}
	a, err := s.env.places.System(p)
	if err != nil {
		c.Account, c.NoAccount = ipc.Account{User: c.User, UID: -1, GID: -1}, err
		return c, nil
	}
	c.Account = *a
	return c, nil
}

// expired is the field in which expiry notes what has had its time: the account,
// or only its password.
const (
	expired         = "expired"
	expiredAccount  = "account"
	expiredPassword = "password"
)

// expiry notes that an account, or its password, has had its time (shadow(5)).
func (s *shadow) expiry(f []string) map[string]string {
	today := s.now().Unix() / 86400
	day := func(i int) (int64, bool) {
		n, err := strconv.ParseInt(f[i], 10, 32)
		return n, err == nil && n >= 0
	}
	fields := map[string]string{}
	changed, ok1 := day(shadowChanged)
	if ok1 && changed == 0 {
		fields[expired] = expiredPassword // to be changed at the next login
	}
	age, ok2 := day(shadowMax)
	grace, _ := day(shadowGrace)
	if ok1 && ok2 && today > changed+age+max(grace, 0) {
		fields[expired] = expiredPassword
	}
	if end, ok := day(shadowExpires); ok && today >= end {
		fields[expired] = expiredAccount
	}
	return fields
}

func (s *shadow) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*Credential, error) {
	c, err := s.Lookup(ctx, user)
	if err != nil {
		return nil, err
	}
	// The password first: who does not know it learns nothing.
	if c, err = s.env.Hasher.verify(ctx, c, password, f, s.decoy); err != nil {
		return nil, err
	}
	if _, over := c.Fields[expired]; over {
		return nil, ErrExpired
	}
	return c, nil
}

// decoy is the password of the first user that has one.
func (s *shadow) decoy(string) string {
	lines, err := s.shadow.Get()
	if err != nil {
		return ""
	}
	best := ""
	for name, line := range lines {
		f := strings.Split(line, ":")
		if len(f) > shadowHash && Valid(f[shadowHash]) == nil && (best == "" || name < best) {
			best = name
		}
	}
	if best == "" {
		return ""
	}
	return strings.Split(lines[best], ":")[shadowHash]
}
