package mailctl

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/cli"
	"yubin/internal/passdb"
)

// A desk is where accounts are kept, in a directory of its own.
type desk struct {
	t   *testing.T
	dir string
	env *cli.Env
	out interface{ String() string }
	err interface{ String() string }
}

func newDesk(t *testing.T, main ...string) *desk {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	env, stdout, stderr := environment(t, "", "")
	d := &desk{t: t, dir: env.Config.Dir, env: env, out: stdout, err: stderr}
	main = append([]string{
		"mydestination = mx.example", "home_mailbox = Maildir/", "virtual_mailbox_user = " + me.Username, "virtual_minimum_uid = 0",
		"queue_directory = " + d.dir + "/queue", "virtual_mailbox_base = " + d.dir + "/vmail",
	}, main...)
	if err := os.WriteFile(filepath.Join(d.dir, "main.cf"), []byte(strings.Join(main, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env.Config = again(t, d.dir)
	return d
}

// run carries out `mailctl user ARGS` with text on standard input.
func (d *desk) run(stdin string, args ...string) error {
	d.t.Helper()
	env := *d.env
	env.Stdin = strings.NewReader(stdin)
	env.Config = again(d.t, d.dir)
	return group("user", userCommands)(d.t.Context(), &env, args)
}

func (d *desk) must(stdin string, args ...string) {
	d.t.Helper()
	if err := d.run(stdin, args...); err != nil {
		d.t.Fatalf("user %v: %v\n%s", args, err, d.err)
	}
}

func (d *desk) read(name string) string {
	b, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *desk) is(path string, want bool) {
	d.t.Helper()
	if _, err := os.Stat(filepath.Join(d.dir, path)); (err == nil) != want {
		d.t.Errorf("%s: got %v, want that it is there: %t", path, err, want)
	}
}

func (d *desk) check(user, password string, want error) {
	d.t.Helper()
	f, err := passdb.Read(filepath.Join(d.dir, "users"))
	if err != nil {
		d.t.Fatal(err)
	}
	e, err := f.Find(user)
	if err != nil || e == nil {
		d.t.Fatalf("%s: got %+v, %v", user, e, err)
	}
	if err := passdb.NewHasher(nil, nil).Check(d.t.Context(), e.Password, password, ""); err != want {
		d.t.Errorf("%s, %q: got %v, want %v", user, password, err, want)
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const first, second = "geheim und lang", "and another one"
	d.must(first+"\n", "add", "Ann@Example.org")
	d.check("ann@example.org", first, nil)
	for _, sub := range []string{"tmp", "new", "cur"} {
		d.is("vmail/example.org/ann/Maildir/"+sub, true)
	}
	main := d.read("main.cf")
	for _, line := range []string{
		"virtual_mailbox_domains = userdb:domain", "virtual_mailbox_maps = userdb:mailbox", "virtual_uid_maps = userdb:uid", "virtual_gid_maps = userdb:gid",
	} {
		if strings.Count(main, line+"\n") != 1 || !strings.Contains(d.out.String(), line+"\n") {
			t.Errorf("main.cf, or what was said of it, lacks %q:\n%s\n%s", line, main, d.out)
		}
	}
	if info, err := os.Stat(filepath.Join(d.dir, "users")); err != nil || info.Mode() != 0o600 {
		t.Errorf("users: %v, %v", info.Mode(), err)
	}
	d.must("x\n", "add", "ben@example.com")
	if again := d.read("main.cf"); again != main {
		t.Errorf("main.cf has changed again:\n%s", again)
	}
	if got := exitStatus(t, d.run("y\n", "add", "ANN@example.org")); got != cli.ExDataErr {
		t.Errorf("the same account again: status %d", got)
	}
	d.check("ann@example.org", first, nil)

	d.must(second, "passwd", "ann@example.org")
	d.check("ann@example.org", second, nil)
	d.check("ann@example.org", first, passdb.ErrMismatch)

	if err := os.WriteFile(filepath.Join(d.dir, "vmail/example.org/ann/Maildir/new/letter"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.must("", "rename", "ann@example.org", "anna@example.net")
	d.check("anna@example.net", second, nil)
	d.is("vmail/example.net/anna/Maildir/new/letter", true)
	d.is("vmail/example.org/ann", false)
	if got := exitStatus(t, d.run("", "rename", "anna@example.net", "ben@example.com")); got != cli.ExDataErr {
		t.Errorf("a name that there is: status %d", got)
	}

	d.must("", "list")
	if !strings.HasSuffix(d.out.String(), "\nanna@example.net\nben@example.com\n") {
		t.Errorf("list: got\n%s", d.out)
	}
	d.must("", "show", "anna@example.net")
	if !strings.Contains(d.out.String(), "mailbox: "+d.dir+"/vmail/example.net/anna/Maildir/\n") || !strings.Contains(d.out.String(), "password: SCRAM-SHA-256\n") {
		t.Errorf("show: got\n%s", d.out)
	}

	d.must("", "delete", "anna@example.net")
	d.is("vmail/example.net/anna/Maildir/new/letter", true)
	d.must("", "delete", "--purge", "ben@example.com")
	d.is("vmail/example.com/ben", false)
	if text := d.read("users"); strings.Contains(text, "@") || !strings.HasPrefix(text, "# Accounts") {
		t.Errorf("left behind:\n%s", text)
	}
	for _, secret := range []string{first, second} {
		if all := d.out.String() + d.err.String() + d.read("main.cf"); strings.Contains(all, secret) {
			t.Errorf("the password was said:\n%s", all)
		}
	}
}

func TestUserRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, c := range []struct {
		stdin string
		args  []string
		want  int
	}{
		{"x\n", []string{"add", "ann"}, cli.ExUsage},
		{"x\n", []string{"add", "a b@example.org"}, cli.ExUsage},
		{"x\n", []string{"add", "../x@example.org"}, cli.ExUsage},
		{"x\n", []string{"add", "..@example.org"}, cli.ExConfig},
		{"x\n", []string{"add", "ann@.."}, cli.ExConfig},
		{"x\n", []string{"add", "ann@mx.example"}, cli.ExConfig},
		{"x\n", []string{"add", "ann@example.org", "hunter2"}, cli.ExUsage},
		{"", []string{"add", "ann@example.org"}, cli.ExUsage},
		{"\n", []string{"add", "ann@example.org"}, cli.ExUsage},
		{"x\n", []string{"passwd", "ann@example.org"}, cli.ExNoUser},
		{"", []string{"show", "ann@example.org"}, cli.ExUnavailable}, // no file: not known
		{"", []string{"delete", "ann@example.org"}, cli.ExNoUser},
		{"", []string{"rename", "ann@example.org", "b@example.org"}, cli.ExNoUser},
		{"", []string{"import", "/nowhere"}, cli.ExIOErr},
		{"", []string{"frobnicate"}, cli.ExUsage},
		{"", nil, cli.ExUsage},
	} {
		err := d.run(c.stdin, c.args...)
		if got := exitStatus(t, err); got != c.want {
			t.Errorf("user %v: got %v (%d), want %d", c.args, err, got, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("user %v: %v", c.args, err)
		}
	}
	d.is("vmail", false)
}

// What main.cf has stays, and comes first.
func TestUserBesideTables(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "virtual_mailbox_domains = example.org,", " example.com", "virtual_mailbox_maps = inline:{ old@example.org=old/ }",
		"virtual_uid_maps = static:12345", "virtual_gid_maps = static:12346")
	d.must("x\n", "add", "ann@example.org")
	main := d.read("main.cf")
	if !strings.Contains(main, "virtual_mailbox_maps = inline:{ old@example.org=old/ }, userdb:mailbox\n") ||
		strings.Contains(main, "userdb:domain") || strings.Contains(main, "userdb:uid") {
		t.Errorf("got\n%s", main)
	}
	if users := d.read("users"); !strings.Contains(users, ":12345:12346::") {
		t.Errorf("the account is not whose its mail will be:\n%s", users)
	}
}

func TestUserImport(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must("x\n", "add", "ann@example.org")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := passdb.Make("sha512-crypt", "geheim")
	if err != nil {
		t.Fatal(err)
	}
	crypt := strings.TrimPrefix(hash, "{SHA512-CRYPT}")
	text := strings.Join([]string{
		"# from the old server",
		"ann@example.org:{PLAIN}hunter2",
		"Ben@example.org:" + crypt + ":5000:5000::/srv/ben::userdb_quota_rule=*:storage=1G",
		"cay@example.com:" + hash + "::::::",
		"dan@example.org:hunter2",
		"eve@example.org:*:5000:5000::::",
		"fay@mx.example:" + hash,
		"hunter2",
		me.Username + ":" + crypt + ":19000:0:99999:7:::",
		"no-such-user:" + crypt + ":19000:0:99999:7:::",
	}, "\n")
	file := filepath.Join(d.dir, "old")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := exitStatus(t, d.run("", "import", file)); got != cli.ExDataErr {
		t.Errorf("status %d", got)
	}
	said := d.err.String()
	for _, n := range []int{2, 5, 6, 7, 8, 10} {
		if !strings.Contains(said, fmt.Sprintf("%s:%d: ", file, n)) {
			t.Errorf("no word of line %d:\n%s", n, said)
		}
	}
	if strings.Contains(said+d.out.String(), "hunter2") || strings.Count(said, "\n") != 6 {
		t.Errorf("said\n%s", said)
	}
	for _, user := range []string{"ben@example.org", "cay@example.com", me.Username} {
		d.check(user, "geheim", nil)
	}
	d.check("ann@example.org", "x", nil)
	users := d.read("users")
	if !strings.Contains(users, "\nben@example.org:"+crypt+":5000:5000::/srv/ben::userdb_quota_rule=*:storage=1G\n") {
		t.Errorf("got\n%s", users)
	}
	if !strings.Contains(users, ":"+me.Uid+":"+me.Gid+"::"+me.HomeDir+":") {
		t.Errorf("the user of the system has no account:\n%s", users)
	}
}

// check names lines that cannot be used, without what is in them, and a file that
// others can read.
func TestCheckUsers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := filepath.Join(d.dir, "users")
	if err := os.WriteFile(file, []byte("ann@example.org:hunter2\nben@example.org:{PLAIN}x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, p := range inspectSecrets(again(t, d.dir)) {
		said = append(said, fmt.Sprint(p))
	}
	all := strings.Join(said, "\n")
	if len(said) != 2 || !strings.Contains(all, "others than its owner can read "+file) || !strings.Contains(all, file+":1: ") || strings.Contains(all, "hunter2") {
		t.Errorf("got\n%s", all)
	}
}

// Comments, order and the lines of others stay as they are, and so do lines that
// cannot be read.
func TestUserFileKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := "# mine\n\nold@example.org:{PLAIN}a:::::: nologin\nbroken\n  # end"
	if err := os.WriteFile(filepath.Join(d.dir, "users"), []byte(before), 0o640); err != nil {
		t.Fatal(err)
	}
	d.must("x\n", "add", "ann@example.org")
	d.must("y\n", "passwd", "old@example.org")
	text := d.read("users")
	if !strings.HasPrefix(text, "# mine\n\nold@example.org:{SCRAM-SHA-256}") || !strings.Contains(text, ":::::: nologin\nbroken\n  # end\nann@example.org:") {
		t.Errorf("got\n%s", text)
	}
	if info, err := os.Stat(filepath.Join(d.dir, "users")); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	d.must("", "delete", "ann@example.org")
	d.must("", "delete", "old@example.org")
	if got := d.read("users"); got != "# mine\n\nbroken\n  # end\n" {
		t.Errorf("got\n%s", got)
	}
}
