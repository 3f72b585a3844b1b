package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
)

// someone is whom tests run programs as: nobody where that is possible.
func someone() Identity {
	if os.Geteuid() == 0 {
		return Identity{UID: 65534, GID: 65534}
	}
	return Identity{UID: os.Geteuid(), GID: os.Getegid()}
}

func sh(script string) *Program {
	return &Program{
		Args: []string{"/bin/sh", "-c", script}, Name: "prog", As: someone(), Dir: "/",
		Env: []string{"PATH=/usr/bin:/bin"}, Time: time.Minute,
	}
}

// What the end of a program means, and what it has said.
func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script             string
		status, code, text string
	}{
		{"cat >/dev/null", ipc.Sent, "2.0.0", ""},
		{"echo stored in box 7", ipc.Sent, "2.0.0", "stored in box 7"},
		{"echo 5.1.1 not me", ipc.Sent, "2.0.0", "5.1.1 not me"},
		{"echo one; echo two >&2", ipc.Sent, "2.0.0", "one two"},
		{"exit 64", ipc.Bounced, "5.3.0", "command line usage error"},
		{"exit 65", ipc.Bounced, "5.6.0", "data format error"},
		{"exit 66", ipc.Bounced, "5.3.0", "cannot open input"},
		{"exit 67", ipc.Bounced, "5.1.1", "user unknown"},
		{"exit 68", ipc.Bounced, "5.1.2", "host name unknown"},
		{"exit 69", ipc.Bounced, "5.3.0", "service unavailable"},
		{"exit 70", ipc.Bounced, "5.3.0", "internal software error"},
		{"exit 71", ipc.Deferred, "4.3.0", "system resource problem"},
		{"exit 72", ipc.Bounced, "5.3.0", "critical OS file missing"},
		{"exit 73", ipc.Bounced, "5.2.0", "can't create user output file"},
		{"exit 74", ipc.Bounced, "5.3.0", "input/output error"},
		{"exit 75", ipc.Deferred, "4.3.0", "temporary failure"},
		{"exit 76", ipc.Bounced, "5.5.0", "remote error in protocol"},
		{"exit 77", ipc.Bounced, "5.7.0", "permission denied"},
		{"exit 78", ipc.Bounced, "5.3.5", "local configuration error"},
		{"exit 79", ipc.Bounced, "5.3.0", `Command died with status 79: "prog"`},
		{"exit 1", ipc.Bounced, "5.3.0", `Command died with status 1: "prog"`},
		{"echo no such box; exit 67", ipc.Bounced, "5.1.1", "user unknown. Command output: no such box"},
		{"echo oh; exit 3", ipc.Bounced, "5.3.0", `Command died with status 3: "prog". Command output: oh`},
		{"echo 4.2.2 box is full; exit 1", ipc.Deferred, "4.2.2", "box is full"},
		{"echo 5.2.2 box is full; exit 75", ipc.Bounced, "5.2.2", "box is full"},
		{"echo 5.7.1; exit 1", ipc.Bounced, "5.7.1", `refused by "prog"`},
		{"echo 2.0.0 done; exit 75", ipc.Deferred, "4.3.0", "temporary failure. Command output: 2.0.0 done"},
		{"echo 5.1.1x; exit 75", ipc.Deferred, "4.3.0", "temporary failure. Command output: 5.1.1x"},
		{"kill -9 $$", ipc.Deferred, "4.3.0", `Command died with signal 9: "prog"`},
		{`printf 'a\033[1mb\377c\n\n'; exit 75`, ipc.Deferred, "4.3.0", "temporary failure. Command output: a?[1mb?c"},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			out := sh(c.script).Run(t.Context())
			if out.Status != c.status || out.Code != c.code || out.Text != c.text {
				t.Errorf("got %s %s %q (%v), want %s %s %q", out.Status, out.Code, out.Text, out.Err, c.status, c.code, c.text)
			}
		})
	}
}

// A program that cannot be run makes mail wait, and says why.
func TestUnable(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	notProgram := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(notProgram, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	base := func(change func(*Program)) *Program {
		p := sh("")
		p.Name = ""
		change(p)
		return p
	}
	for _, c := range []struct {
		name string
		p    *Program
		text string
	}{
		{"no file", base(func(p *Program) { p.Args = []string{"/no/such/program"} }), `cannot run "/no/such/program": no such file or directory`},
		{"not in PATH", base(func(p *Program) { p.Args = []string{"no-such-program"} }), `cannot run "no-such-program": no such program`},
		{"nothing", base(func(p *Program) { p.Args = nil }), `cannot run "": no program is named`},
		{"no directory", base(func(p *Program) { p.Dir = "/no/such" }), `cannot run "/bin/sh": cannot enter its directory: no such file or directory`},
		{"a directory", base(func(p *Program) { p.Args = []string{"/tmp"} }), `cannot run "/tmp": permission denied`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := c.p.Run(t.Context())
			if out.Status != ipc.Deferred || out.Code != "4.3.5" || out.Text != c.text || out.Err == nil {
				t.Errorf("got %+v, want it deferred 4.3.5 %q", out, c.text)
			}
		})
	}
}

// The message arrives whole; a program that does not want all of it and exits
// 0 has taken it; one that fails has failed for its own reason.
func TestStdin(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for _, c := range []struct{ script, want string }{
		{"wc -c", fmt.Sprint(len(long))},
		{"head -c 16; exec <&-", "0123456789abcdef"},
		{"true", ""},
		{"exec <&-; sleep 0.1; exit 75", "temporary failure"},
		// A process that is left behind with both pipes holds nobody up.
		{"echo began; sleep 60 & exit 0", "began"},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			p := sh(c.script)
			p.Stdin = func(w io.Writer) error {
				_, err := w.Write(long)
				return err
			}
			if out := p.Run(t.Context()); out.Text != c.want {
				t.Errorf("got %+v, want the text %q", out, c.want)
			}
		})
	}
}

// A message that breaks off is not one that ends: the program never sees its
// end.
func TestBrokenMessage(t *testing.T) {
	t.Parallel()
	mark := filepath.Join(tempFor(t), "seen")
	p := sh("cat >/dev/null; echo end >" + mark)
	p.Stdin = func(w io.Writer) error {
		io.WriteString(w, "half of it")
		return errors.New("input/output error")
	}
	out := p.Run(t.Context())
	if out.Status != ipc.Deferred || out.Text != "the message could not be read from the queue" {
		t.Errorf("got %+v", out)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the program took the broken message for a whole one")
	}
}

// tempFor is a directory that the program can write to.
func tempFor(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The time limit ends the program and what it has started.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	p := sh("echo begun; sleep 600 | cat")
	p.Time = 300 * time.Millisecond
	out := p.Run(t.Context())
	want := `Command time limit exceeded: "prog". Command output: begun`
	if out.Status != ipc.Deferred || out.Code != "4.3.0" || out.Text != want {
		t.Errorf("got %+v, want %q", out, want)
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := sh("sleep 600")
	p.Stdin = func(io.Writer) error { cancel(); return nil }
	if out := p.Run(ctx); out.Status != ipc.Deferred || !strings.Contains(out.Text, "shutting down") {
		t.Errorf("got %+v", out)
	}
}

// Much output costs nothing and holds nobody up.
func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	out := sh("yes | head -c 10000000; exit 75").Run(t.Context())
	if len(out.Text) > maxOutput+100 || !strings.HasPrefix(out.Text, "temporary failure. Command output: y y y") {
		t.Errorf("got %d octets, %.60q", len(out.Text), out.Text)
	}
}

// The program has what is in Env and nothing else.
func TestSurroundings(t *testing.T) {
	t.Parallel()
	p := sh("cd /proc/self/fd && echo $HOME:$(env | sort | grep -v ^_= | tr '\\n' ' '):$(id -u):$(pwd -P | tr -d 0-9)")
	p.Env = []string{"PATH=/usr/bin:/bin", "HOME=/h"}
	out := p.Run(t.Context())
	want := fmt.Sprintf("/h:HOME=/h OLDPWD=/ PATH=/usr/bin:/bin PWD=/proc/self/fd :%d:/proc//fd", p.As.UID)
	if out.Text != want {
		t.Errorf("got %q, want %q", out.Text, want)
	}
}

// A line becomes words where no shell is needed.
func TestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, shell string
		want        []string
	}{
		{"/usr/bin/procmail -a x", "", []string{"/usr/bin/procmail", "-a", "x"}},
		{"/usr/bin/procmail\t-a  x ", "", []string{"/usr/bin/procmail", "-a", "x"}},
		{"exec /usr/bin/procmail", "", []string{"exec", "/usr/bin/procmail"}},
		{`/usr/bin/procmail -t -a "$EXTENSION"`, "", []string{"/bin/sh", "-c", `/usr/bin/procmail -t -a "$EXTENSION"`}},
		{"cat > file", "", []string{"/bin/sh", "-c", "cat > file"}},
		{"", "", []string{"/bin/sh", "-c", ""}},
		{"prog a b", "/usr/sbin/smrsh -c", []string{"/usr/sbin/smrsh", "-c", "prog a b"}},
	} {
		var p Program
		p.Line(c.line, c.shell)
		if !slices.Equal(p.Args, c.want) {
			t.Errorf("%q with shell %q: got %q, want %q", c.line, c.shell, p.Args, c.want)
		}
	}
	// A word that only a shell knows.
	p := sh("")
	p.Line("exec echo hello", "")
	if out := p.Run(t.Context()); out.Text != "hello" {
		t.Errorf("exec: %+v", out)
	}
	// A shell's metacharacters are never seen by one where there is none.
	p = sh("")
	p.Args = []string{"/bin/echo", "$(id)", "`id`", "a;b|c"}
	if out := p.Run(t.Context()); out.Text != "$(id) `id` a;b|c" {
		t.Errorf("arguments changed: %+v", out)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("TZ", "UTC+1")
	t.Setenv("SECRET", "x")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("export_environment = TZ NOT_SET PATH=/p SET=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := Environment(c, "SENDER=a\x00b=c", "TZ=Z")
	want := []string{"PATH=/p", "MAIL_CONFIG=" + dir, "TZ=Z", "SET=1", "SENDER=ab=c"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whom no program runs as.
func TestGuard(t *testing.T) {
	t.Parallel()
	g := &Guard{root: true, submit: 90}
	g.owner.UID, g.owner.GID = 89, 89
	for _, c := range []struct {
		id Identity
		ok bool
	}{
		{Identity{UID: 1000, GID: 1000}, true},
		{Identity{UID: 1000, GID: 1000, Groups: []int{1000, 10}}, true},
		{Identity{UID: 0, GID: 1000}, false},
		{Identity{UID: -1, GID: 1000}, false},
		{Identity{UID: 1000, GID: 0}, false},
		{Identity{UID: 89, GID: 1000}, false},
		{Identity{UID: 1000, GID: 89}, false},
		{Identity{UID: 1000, GID: 90}, false},
		{Identity{UID: 1000, GID: 1000, Groups: []int{90}}, false},
		{Identity{UID: 1000, GID: 1000, Groups: []int{0}}, false},
	} {
		if err := g.Check(c.id); (err == nil) != c.ok {
			t.Errorf("%+v: %v, want it allowed: %t", c.id, err, c.ok)
		}
	}
	private := &Guard{}
	if err := private.Check(Identity{UID: os.Geteuid() + 1, GID: 1}); err == nil {
		t.Error("a private instance runs programs as somebody else")
	}
	if err := private.Check(Identity{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		t.Errorf("a private instance as its own user: %v", err)
	}
}

// FuzzCoded: what is taken for a code is one, and the rest is a part of the text.
func FuzzCoded(f *testing.F) {
	f.Add("5.1.1 unknown")
	f.Add("4.999.999")
	f.Add("2.0.0  x ")
	f.Fuzz(func(t *testing.T, text string) {
		class, d, rest, ok := Coded(text)
		if !strings.Contains(text, rest) {
			t.Errorf("%q is not in %q", rest, text)
		}
		if ok && !strings.HasPrefix(text, d.Code(class)) {
			t.Errorf("%q begins with no %s", text, d.Code(class))
		}
	})
}
