package master_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/master"
	"yubin/internal/service"
)

// The test binary stands in for master and for every daemon: it is what its
// name says.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); name {
	case "master":
		cli.Main(master.Command)
	case "activate":
		activate()
	case "smtpd", "local", "qmgr", "pickup":
		cli.Main(helper(name))
	case "pop3d":
		cli.Main(sessionHelper(helper(name)))
	}
	os.Exit(m.Run())
}

// activate becomes master, as the service manager's child does, with LISTEN_PID
// in the environment.
func activate() {
	path := filepath.Join(filepath.Dir(os.Args[0]), "master")
	err := syscall.Exec(path, append([]string{"master"}, os.Args[1:]...), append(os.Environ(), fmt.Sprintf("LISTEN_PID=%d", os.Getpid())))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// helper is a daemon. On each connection it says "PID MAIL_NAME OPEN", where
// OPEN is how many connections it has, and then does what the lines it reads
// say. It reports what becomes of it on the instance's event socket.
//
// mail_name carries orders too: "broken" has it die before it is ready.
func helper(name string) *cli.Command {
	var options *service.Options
	return &cli.Command{
		Name: name, Section: 8,
		Params: append([]*config.Def{config.MailName.Def}, service.Params...),
		Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
			options = service.Flags(fs)
			return func(ctx context.Context, env *cli.Env) error {
				return service.Run(ctx, env, options, helperHandler(env))
			}
		},
	}
}

func helperHandler(env *cli.Env) service.Handler {
	say := func(format string, args ...any) {
		c, err := net.Dial("unix", filepath.Join(env.Config.Dir, "events"))
		if err != nil {
			return // the test is over
		}
		defer c.Close()
		fmt.Fprintf(c, "%s %d %s", env.Program, os.Getpid(), fmt.Sprintf(format, args...))
	}
	var open atomic.Int32
	h := service.Handler{
		Conn: func(ctx context.Context, c net.Conn) {
			defer open.Add(-1)
			fmt.Fprintf(c, "%d %s %d\n", os.Getpid(), config.MailName.Of(env.Config), open.Add(1))
			lines := bufio.NewScanner(c)
			for lines.Scan() {
				switch lines.Text() {
				case "die":
					syscall.Kill(os.Getpid(), syscall.SIGKILL)
				case "panic":
					panic("as asked")
				case "complain":
					fmt.Fprintln(os.Stderr, "something is wrong")
				}
				if strings.HasPrefix(lines.Text(), "{") {
					say("heard %s", lines.Text())
				}
				fmt.Fprintln(c, "done")
			}
		},
		Start: func(ctx context.Context, s *service.Service) error {
			groups, _ := os.Getgroups()
			slack, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
			say("started uid=%d gid=%d groups=%v slack=%d env=%q", os.Getuid(), os.Getgid(), groups, slack, os.Environ())
			if config.MailName.Of(env.Config) == "broken" {
				return errors.New("as asked")
			}
			return nil
		},
		Stop: func(ctx context.Context) { say("stopped") },
	}
	if env.Program == "qmgr" {
		h.Idle = func() (bool, time.Time) { return true, time.Now().Add(300 * time.Millisecond) }
		h.Reload = func(c *config.Config) { say("reloaded %s", config.MailName.Of(c)) }
	}
	return h
}

// An instance is a master under test, a process of its own.
type testInstance struct {
	t      *testing.T
	dir    string
	env    []string // of master, beside the test's own
	master *os.Process
	events chan string
}

const (
	deadline = time.Minute
	oneSmtpd = "smtpd unix n - n - 0 smtpd"
)

// inetPort is one that the system gives to nobody who does not ask for it, and ownHost
// an address of this host that nobody else is likely to have it at.
const inetPort = "2525"

func ownHost() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
}

// newInstance writes a configuration whose daemon_directory has programs, and
// listens for events.
func newInstance(t *testing.T, masterCF string, programs ...string) *testInstance {
	t.Helper()
	// Not t.TempDir: its name, which is the test's, may be too long for a socket.
	dir, err := os.MkdirTemp("", "yubin-master")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	in := &testInstance{t: t, dir: dir, events: make(chan string, 1000)}
	for _, name := range append(programs, "master", "activate") {
		in.link(name)
	}
	in.write("master.cf", masterCF+"\n")
	in.main("first", "1s")
	l, err := net.Listen("unix", filepath.Join(dir, "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go in.collect(l)
	return in
}

// link installs a program.
func (in *testInstance) link(name string) {
	in.t.Helper()
	self, err := os.Executable()
	if err != nil {
		in.t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(in.dir, "lib", name)); err != nil {
		in.t.Fatal(err)
	}
}

func (in *testInstance) collect(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 1024)
		n, _ := c.Read(b)
		c.Close()
		in.events <- string(b[:n])
	}
}

func (in *testInstance) write(name, text string) {
	in.t.Helper()
	path := filepath.Join(in.dir, name)
	err := writeFile(path+".draft", []byte(text), 0o644)
	if err == nil {
		err = os.Rename(path+".draft", path) // a service that starts just then reads no half of it
	}
	if err != nil {
		in.t.Fatal(err)
	}
}

// writeFile is os.WriteFile for what may be a program. A child that another test begins
// while it is open has it open, too, until it runs its own program; so long it cannot
// be run (ETXTBSY).
func writeFile(path string, content []byte, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, content, mode)
}

func (in *testInstance) read(name string) string {
	in.t.Helper()
	b, err := os.ReadFile(filepath.Join(in.dir, name))
	if err != nil {
		in.t.Fatal(err)
	}
	return string(b)
}

// main writes main.cf. Root's private instance runs everything as root.
func (in *testInstance) main(mailName, maxIdle string) {
	in.t.Helper()
	in.write("main.cf", fmt.Sprintf(`queue_directory = %[1]s/q
data_directory = %[1]s/data
daemon_directory = %[1]s/lib
maillog_file = %[1]s/log
mail_owner = root
smtpd_user = root
smtp_user = root
login_user = root
setgid_group = root
myhostname = mx.example
inet_protocols = ipv4
mail_name = %[2]s
max_idle = %[3]s
service_throttle_time = 2s
`, in.dir, mailName, maxIdle))
}

// start starts master and returns when it is ready.
func (in *testInstance) start() { in.startWith(nil, nil) }

// startWith starts master with descriptors of these names handed down.
func (in *testInstance) startWith(names []string, given []*os.File) {
	in.t.Helper()
	ready, tell, err := os.Pipe()
	if err != nil {
		in.t.Fatal(err)
	}
	defer ready.Close()
	program, env := "master", append(os.Environ(), in.env...)
	if len(given) > 0 {
		program = "activate"
		env = append(env, fmt.Sprintf("LISTEN_FDS=%d", len(given)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	program = filepath.Join(in.dir, "lib", program)
	files := append(append([]*os.File{os.Stdin, os.Stdout, os.Stderr}, given...), tell)
	in.master, err = os.StartProcess(program, []string{program, "-c", in.dir, "--ready-fd", fmt.Sprint(len(files) - 1)},
		&os.ProcAttr{Files: files, Env: env})
	tell.Close()
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { in.stop() })
	ready.SetReadDeadline(time.Now().Add(deadline))
	if _, err := ready.Read(make([]byte, 10)); err != nil {
		in.t.Fatalf("master is not ready: %v\n%s", err, in.log())
	}
}

// stop ends master, if it runs, and returns its exit status.
func (in *testInstance) stop() int {
	in.t.Helper()
	if in.master == nil {
		return -1
	}
	in.master.Signal(syscall.SIGTERM)
	state, err := in.master.Wait()
	in.master = nil
	if err != nil {
		in.t.Fatal(err)
	}
	return state.ExitCode()
}

func (in *testInstance) log() string {
	b, err := os.ReadFile(filepath.Join(in.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// event waits for an event of program that begins with text, and returns the
// process ID in it. Others before it are dropped.
func (in *testInstance) event(program, text string) (pid string) {
	in.t.Helper()
	pid, _ = in.wholeEvent(program, text)
	return pid
}

func (in *testInstance) wholeEvent(program, text string) (pid, whole string) {
	in.t.Helper()
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	for {
		select {
		case e := <-in.events:
			f := strings.SplitN(e, " ", 3)
			if len(f) == 3 && f[0] == program && strings.HasPrefix(f[2], text) {
				return f[1], f[2]
			}
		case <-timer.C:
			in.t.Fatalf("no event %q of %s; the log:\n%s", text, program, in.log())
		}
	}
}

// A client is a connection to a helper.
type client struct {
	net.Conn
	pid, name, open string
}

// dial connects to the socket public/NAME and reads the greeting.
func (in *testInstance) dial(name string) (*client, error) {
	c, err := net.Dial("unixpacket", filepath.Join(in.dir, "q", "public", name))
	if err != nil {
		return nil, err
	}
	return greeted(c)
}

func greeted(c net.Conn) (*client, error) {
	c.SetDeadline(time.Now().Add(deadline))
	b := make([]byte, 200)
	n, err := c.Read(b)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("read greeting: %w", err)
	}
	f := strings.Fields(string(b[:n]))
	if len(f) != 3 {
		c.Close()
		return nil, fmt.Errorf("greeting %q", b[:n])
	}
	return &client{c, f[0], f[1], f[2]}, nil
}

func (in *testInstance) mustDial(name string) *client {
	in.t.Helper()
	c, err := in.dial(name)
	if err != nil {
		in.t.Fatalf("%v; the log:\n%s", err, in.log())
	}
	in.t.Cleanup(func() { c.Close() })
	return c
}

// until tries again what each process does in its own time, such as a reload.
func (in *testInstance) until(what string, ok func() bool) {
	in.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); !ok(); <-tick.C {
		if time.Now().After(end) {
			in.t.Fatalf("waited %v: %s; the log:\n%s", deadline, what, in.log())
		}
	}
}

// ask sends a line and waits for the answer, or for the end.
func (c *client) ask(line string) error {
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	_, err := c.Read(make([]byte, 100))
	return err
}
