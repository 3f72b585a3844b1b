package passdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A rig is backends over files in a directory.
type rig struct {
	t   *testing.T
	dir string
	h   *Hasher
	l   List
}

func newRig(t *testing.T, backends string, files map[string]string, main ...string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), h: NewHasher(nil, nil)}
	for name, content := range files {
		r.write(name, content)
	}
	main = append(main, "auth_backends = "+backends, "virtual_mailbox_base = "+r.dir+"/vmail", "home_mailbox = Maildir/")
	r.write("main.cf", strings.ReplaceAll(strings.Join(main, "\n")+"\n", "DIR", r.dir))
	c, err := config.Load(r.dir, nil)
	if err == nil {
		err = c.Check(Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/authd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	if r.l, err = Open(Env{Config: c, Report: func(p config.Problem) { log.Warn("%v", p) }, Hasher: r.h}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) verify(user, password, client string) error {
	_, _, err := r.l.Verify(r.t.Context(), r.h, user, password, &ipc.AuthFacts{Service: "imap", Client: client})
	return err
}

func (r *rig) log() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

const users = `# accounts
ann@example.org:{PLAIN}secret:5000:5001::/srv/ann::userdb_quota_rule=*:storage=1G
:ignored

Ben@Example.org:{PLAIN}Secret
cay@example.org:{PLAIN}secret:::::: nologin reason=holiday
dan@example.org:{PLAIN}secret:::::: allow_nets=192.0.2.0/24,2001:db8::/32
eve@example.org:!{PLAIN}secret
fay@example.org::5000:5000
gil:{PLAIN}secret:1000:1000:Gil:/home/gil:/bin/sh
hal@example.org:{PLAIN}secret:5000:5000::::userdb_mail=maildir:/srv/%d/%n/mail userdb_home=/srv/h
ida@example.org:{PLAIN}secret:5000:5000:::: proxy host=192.0.2.1
`

func TestPasswdFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, "passwd-file:DIR/users", map[string]string{"users": users})
	for _, c := range []struct {
		user, password, client string
		want                   error
	}{
		{"ann@example.org", "secret", "", nil},
		{"ANN@example.ORG", "secret", "", nil},
		{"ann@example.org", "Secret", "", ErrMismatch},
		{"ann@example.org", "", "", ErrMismatch},
		{"ben@example.org", "Secret", "", nil},
		{"cay@example.org", "secret", "", ErrDisabled},
		{"cay@example.org", "wrong", "", ErrMismatch},
		{"dan@example.org", "secret", "192.0.2.9", nil},
		{"dan@example.org", "secret", "2001:db8::1", nil},
		{"dan@example.org", "secret", "198.51.100.1", ErrMismatch},
		{"eve@example.org", "secret", "", ErrMismatch},
		{"eve@example.org", "!{PLAIN}secret", "", ErrMismatch},
		{"fay@example.org", "", "", ErrMismatch},
		{"gil", "secret", "", nil},
		{"gil@example.org", "secret", "", ErrUnknown},
		{"", "secret", "", ErrUnknown},
		{"# accounts", "", "", ErrUnknown},
	} {
		if err := r.verify(c.user, c.password, c.client); !errors.Is(err, c.want) {
			t.Errorf("%s, %q from %q: got %v, want %v", c.user, c.password, c.client, err, c.want)
		}
	}
	// What is wrong with an entry is no statement that there is no such user.
	if err := r.verify("ida@example.org", "secret", ""); err == nil || errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "proxy") {
		t.Errorf("proxy: got %v", err)
	}
}

func TestWhereMailIs(t *testing.T) {
	t.Parallel()
	r := newRig(t, "passwd-file:DIR/users", map[string]string{"users": users + "jon@example.org:{PLAIN}a:5000:5000\n"}, "virtual_mailbox_user = no-such-user")
	base := r.dir + "/vmail"
	for _, c := range []struct {
		user string
		want ipc.Account
	}{
		{"ann@example.org", ipc.Account{User: "ann@example.org", UID: 5000, GID: 5001, Home: "/srv/ann", Base: "/srv", Mailbox: "ann/Maildir", Beneath: true, Quota: "*:storage=1G"}},
		{"gil", ipc.Account{User: "gil", UID: 1000, GID: 1000, Home: "/home/gil", Base: "/home/gil", Mailbox: "Maildir/"}},
		{"hal@example.org", ipc.Account{User: "hal@example.org", UID: 5000, GID: 5000, Home: "/srv/h", Base: "/srv", Mailbox: "example.org/hal/mail", Beneath: true}},
		{"jon@example.org", ipc.Account{User: "jon@example.org", UID: 5000, GID: 5000, Home: base + "/example.org/jon", Base: base, Mailbox: "example.org/jon/Maildir", Beneath: true}},
	} {
		got, err := r.l.Lookup(t.Context(), c.user)
		if err != nil || got.NoAccount != nil || fmt.Sprint(got.Account) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.user, got, err, c.want)
		}
	}
	got, err := r.l.Lookup(t.Context(), "ben@example.org")
	if err != nil || got.NoAccount == nil || got.Account.UID != -1 {
		t.Errorf("an account without IDs: got %+v, %v", got, err)
	}
	for domain, want := range map[string]bool{"example.org": true, "Example.ORG": true, "example.com": false, "": false} {
		if got, err := r.l.Domain(domain); err != nil || got != want {
			t.Errorf("domain %q: got %t, %v, want %t", domain, got, err, want)
		}
	}
}

// Lines that make no sense are reported by file and number, without what is in
// them; those of a user who can be told stay a temporary error.
func TestBadLines(t *testing.T) {
	t.Parallel()
	r := newRig(t, "passwd-file:DIR/users", map[string]string{"users": strings.Join([]string{
		"hunter2", "ann:hunter2", ":hunter2:", "b c:{PLAIN}hunter2", "dan:{HUNTER2}x", "eve:{PLAIN}x", "EVE:{PLAIN}hunter2",
		"fay:$2b$31$abcdefghijklmnopqrstuuKRze7BjvIHM2j/Mlifwl1ZipE2V9mZ.",
	}, "\n")})
	if err := r.verify("eve", "x", ""); err != nil {
		t.Errorf("a good line: %v", err)
	}
	for _, user := range []string{"ann", "dan", "fay"} {
		err := r.verify(user, "x", "")
		if err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, ErrMismatch) {
			t.Errorf("%s: got %v, want a temporary error", user, err)
		}
		if strings.Contains(strings.ToLower(fmt.Sprint(err)), "hunter2") {
			t.Errorf("%s: the error has the secret: %v", user, err)
		}
	}
	log := r.log()
	for _, n := range []int{1, 2, 4, 5, 7, 8} {
		if !strings.Contains(log, fmt.Sprintf("users:%d:", n)) {
			t.Errorf("no word of line %d:\n%s", n, log)
		}
	}
	if strings.Contains(strings.ToLower(log), "hunter2") {
		t.Errorf("the log has a secret:\n%s", log)
	}
}

// A file that is not there says nothing of who exists; a changed one counts.
func TestChangedFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, "passwd-file:DIR/users", nil)
	if err := r.verify("ann", "x", ""); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("without a file: got %v, want a temporary error", err)
	}
	r.write("new", "ann:{PLAIN}x\n")
	if err := os.Rename(filepath.Join(r.dir, "new"), filepath.Join(r.dir, "users")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); r.verify("ann", "x", "") != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new file is not read")
		}
	}
}

func TestBackendsInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, "passwd-file:DIR/one passwd-file:DIR/two", map[string]string{
		"one": "ann:{PLAIN}a\nbad:x\n", "two": "ann:{PLAIN}b\nben:{PLAIN}c\nbad:{PLAIN}d\n",
	})
	for _, c := range []struct {
		user, password string
		want           error
	}{
		{"ann", "a", nil}, {"ann", "b", nil}, {"ann", "c", ErrMismatch}, {"ben", "c", nil}, {"ben", "a", ErrMismatch}, {"cay", "a", ErrUnknown},
	} {
		if err := r.verify(c.user, c.password, ""); !errors.Is(err, c.want) {
			t.Errorf("%s %s: got %v, want %v", c.user, c.password, err, c.want)
		}
	}
	if err := r.verify("bad", "d", ""); err == nil || errors.Is(err, ErrMismatch) {
		t.Errorf("a backend answers in place of one that cannot say: %v", err)
	}
	for _, word := range []string{"nothing", "passwd-file:users", "static:", "static:password=hunter2", "checkpassword:", "{ static:uid=5 }"} {
		e := &Env{}
		if _, err := open(e, word); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", word, err)
		}
	}
}

// A decoy resembles what is there: the same scheme and cost, its own salt, the
// same each time.
func TestDecoy(t *testing.T) {
	t.Parallel()
	r := newRig(t, "passwd-file:DIR/users", map[string]string{"users": "ann:" + hashed[10] + "\n"})
	one, two, other := r.l.Decoy(r.h, "x"), r.l.Decoy(r.h, "x"), r.l.Decoy(r.h, "y")
	v, err := r.h.SCRAM(one, "SHA-256")
	if err != nil || v.Iterations != 4096 || len(v.Salt) != 16 {
		t.Fatalf("got %+v, %v", v, err)
	}
	w, err := r.h.SCRAM(two, "SHA-256")
	if err != nil || string(v.Salt) != string(w.Salt) {
		t.Errorf("the salt of one name changes: %v, %v, %v", v, w, err)
	}
	if w, err = r.h.SCRAM(other, "SHA-256"); err != nil || string(v.Salt) == string(w.Salt) {
		t.Errorf("two names have one salt: %v", err)
	}
	if err := r.h.Check(t.Context(), one.Hash, sample, ""); !errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
}

// Each unknown name, and each account without a password, has one to be like,
// however many are locked.
func TestDecoyAmongLocked(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "locked%d:!%s\nnone%d:\n", i, hashed[2], i)
	}
	r := newRig(t, "passwd-file:DIR/users", map[string]string{"users": b.String() + "ann:" + hashed[2] + "\n"})
	for i := range 100 {
		if c := r.l.Decoy(r.h, fmt.Sprint("nobody", i)); c == nil || c.Hash != hashed[2] {
			t.Fatalf("nobody%d: got %+v", i, c)
		}
	}
}

// 100,000 users are no burden.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "user%d@d%d.example:%s:5000:5000::/var/vmail/%d::\n", i, i%100, hashed[2], i)
	}
	r := newRig(t, "passwd-file:DIR/users", map[string]string{"users": b.String()})
	start := time.Now()
	if _, err := r.l.Lookup(t.Context(), "user99999@d99.example"); err != nil {
		t.Fatal(err)
	}
	loaded := time.Since(start)
	start = time.Now()
	for i := range 1000 {
		if _, err := r.l.Lookup(t.Context(), fmt.Sprintf("user%d@d%d.example", i, i%100)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("read in %v, 1,000 lookups in %v", loaded, time.Since(start))
}

// A line is an entry that is written as it was read, as far as it counts, or an
// error that has nothing of it.
func FuzzEntry(f *testing.F) {
	for line := range strings.Lines(users) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") {
			return
		}
		e, err := ParseEntry(line)
		if err != nil {
			return
		}
		again, err := ParseEntry(e.String())
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q: written as %q, read as %+v, %v", line, e, again, err)
		}
		if c := e.credential(); c.Hash != "" && c.Scheme == "" {
			t.Fatalf("%q: no scheme", line)
		}
	})
}
