package master_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/instance"
	"yubin/internal/ipc"
	"yubin/internal/session"
)

// sessionHelper is helper, and a session process where master wants one. A
// session says "PID MAIL_NAME USER", and then does what the lines it reads say.
func sessionHelper(login *cli.Command) *cli.Command {
	c := *login
	c.Params = append(c.Params, session.Params...)
	c.Setup = func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		serve, sessions := login.Setup(fs), session.Flag(fs)
		return func(ctx context.Context, env *cli.Env) error {
			if !*sessions {
				return serve(ctx, env)
			}
			return session.Run(ctx, env, session.Handler{
				Serve: func(ctx context.Context, s *session.Session) { visit(ctx, env, s) },
				Panic: func(s *session.Session) { fmt.Fprintln(s.Conn, "panicked") },
			})
		}
	}
	return &c
}

func visit(ctx context.Context, env *cli.Env, s *session.Session) {
	if s.Accept() != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { s.Conn.SetReadDeadline(time.Unix(1, 0)) })()
	defer func() { s.Log("ended") }()
	fmt.Fprintf(s.Conn, "%d %s %s %d\n", os.Getpid(), config.MailName.Of(env.Config), s.Start.Account.User, os.Getuid())
	lines := bufio.NewScanner(s.Conn)
	for lines.Scan() {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "log":
			s.Log("%s", rest)
		case "panic":
			panic("as asked")
		case "quit":
			return
		}
		fmt.Fprintln(s.Conn, "done")
	}
	if ctx.Err() != nil {
		fmt.Fprintln(s.Conn, context.Cause(ctx))
	}
}

// A reader is a client who has logged in.
type reader struct {
	net.Conn
	in   *bufio.Reader
	pid  string
	ack  ipc.SessionAck
	said string // the first line
}

// A lobby stands for authd.
type lobby struct {
	in *testInstance
	c  *fdpass.Conn
}

func (in *testInstance) lobby() *lobby {
	in.t.Helper()
	c, err := instance.DialSessions(filepath.Join(in.dir, "q"))
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	return &lobby{in, c}
}

// enter logs somebody in.
func (l *lobby) enter(st ipc.SessionStart) *reader {
	t := l.in.t
	t.Helper()
	ours, theirs := socketpair(t, unix.SOCK_STREAM)
	ack, theirAck := socketpair(t, unix.SOCK_SEQPACKET)
	defer ack.Close()
	st.Version = ipc.SessionVersion
	if err := l.c.Send(st, theirs, theirAck); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	theirAck.Close()
	r := &reader{Conn: ours, in: bufio.NewReader(ours)}
	t.Cleanup(func() { r.Close() })
	ack.SetReadDeadline(time.Now().Add(deadline))
	b := make([]byte, 1000)
	n, err := ack.Read(b)
	if err != nil {
		return r
	}
	if err := json.Unmarshal(b[:n], &r.ack); err != nil {
		t.Fatal(err)
	}
	if r.ack.PID != 0 {
		r.said = r.line()
		r.pid, _, _ = strings.Cut(r.said, " ")
		if r.pid != fmt.Sprint(r.ack.PID) || r.ack.PID < 2 {
			t.Errorf("process %d acknowledges, %s speaks", r.ack.PID, r.pid)
		}
	}
	return r
}

func (r *reader) line() string {
	r.SetDeadline(time.Now().Add(deadline))
	s, _ := r.in.ReadString('\n')
	return strings.TrimSuffix(s, "\n")
}

func (r *reader) ask(line string) string {
	fmt.Fprintln(r.Conn, line)
	return r.line()
}

func socketpair(t *testing.T, kind int) (net.Conn, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "pair")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return c, os.NewFile(uintptr(fds[1]), "pair")
}

// of is the start of a session of a user of this test.
func of(user string) ipc.SessionStart {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 65533, 65533 // root's mail is not served
	}
	return ipc.SessionStart{
		Service: "pop3", Account: ipc.Account{User: user, UID: uid, GID: gid, Base: "/mail", Mailbox: user},
		Facts: ipc.AuthFacts{Service: "pop3", Client: "192.0.2.1", Session: "sid"}, Start: ipc.AuthSessionStart{Entry: "pop3d"},
	}
}

func sessionInstance(t *testing.T, more ...string) *testInstance {
	in := newInstance(t, withQmgr+"\npop3d unix n - n - 0 pop3d", "pop3d", "qmgr")
	in.main("first", "100s")
	in.write("main.cf", in.read("main.cf")+strings.Join(more, "\n")+"\n")
	in.share("pop3d")
	in.start()
	return in
}

// share lets every user run a program: the test's own binary is root's alone.
func (in *testInstance) share(name string) {
	in.t.Helper()
	file := filepath.Join(in.dir, "lib", name)
	b, err := os.ReadFile(file)
	for _, do := range []func() error{
		func() error { return err },
		func() error { return os.Remove(file) },
		func() error { return writeFile(file, b, 0o755) },
		func() error { return os.Chmod(in.dir, 0o755) },
	} {
		if err := do(); err != nil {
			in.t.Fatal(err)
		}
	}
}

// who are the users that master lists.
func (in *testInstance) who() string {
	var users []string
	for _, v := range in.petition(ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpWho}).Visits {
		users = append(users, v.User)
	}
	return strings.Join(users, " ")
}

// A mailbox has one process; users who share a uid are spread; what a session
// logs has its name; who and kick know it.
func TestSessions(t *testing.T) {
	t.Parallel()
	in := sessionInstance(t, "session_processes = 2")
	l := in.lobby()
	pids := map[string]bool{}
	for i := range 8 {
		user := fmt.Sprintf("u%d", i)
		a, b := l.enter(of(user)), l.enter(of(user))
		if a.pid == "" || a.pid != b.pid {
			t.Fatalf("%s has processes %q and %q; %+v; the log:\n%s", user, a.pid, b.pid, a.ack, in.log())
		}
		pids[a.pid] = true
		if want := fmt.Sprintf("%s first %s %d", a.pid, user, of(user).Account.UID); a.said != want {
			t.Errorf("got %q, want %q", a.said, want)
		}
	}
	if len(pids) != 2 {
		t.Errorf("8 mailboxes have the processes %v, want 2", pids)
	}
	ann := of("ann")
	ann.Method, ann.Start.Heard, ann.Start.Secure = "PLAIN", true, true
	r := l.enter(ann)
	if !r.ack.Logged {
		t.Error("the login process does not hear that the login is in the log")
	}
	in.logged(fmt.Sprintf(" dovecot: pop3-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.1, lip=, mpid=%s, secured, session=<sid>\n", r.pid))
	if got := r.ask("log hello"); got != "done" {
		t.Errorf("got %q", got)
	}
	in.logged(fmt.Sprintf(" dovecot: pop3(ann)<%s><sid>: hello\n", r.pid))
	if got, want := in.who(), "u0 u0 u1 u1 u2 u2 u3 u3 u4 u4 u5 u5 u6 u6 u7 u7 ann"; got != want {
		t.Errorf("who: got %q, want %q", got, want)
	}
	if got := in.petition(ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpKick, User: "ann"}); got.Kicked != 1 {
		t.Errorf("kick: got %+v", got)
	}
	if got := r.line(); got != session.ErrKicked.Error() {
		t.Errorf("kicked: heard %q", got)
	}
	in.until("ann has gone", func() bool { return !strings.Contains(in.who(), "ann") })
}

// A panic ends its session, the death of a process its sessions; both leave
// room for others.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	in := sessionInstance(t, "session_processes = 1", "mail_max_userip_connections = 2")
	l := in.lobby()
	a, b := l.enter(of("ann")), l.enter(of("ann"))
	if b.pid == "" {
		t.Fatalf("refused: %+v; the log:\n%s", b.ack, in.log())
	}
	if c := l.enter(of("ann")); !strings.Contains(c.ack.Error, "mail_max_userip_connections=2") {
		t.Errorf("a third session: got %+v", c.ack)
	}
	other := of("ann")
	other.Facts.Client = "192.0.2.2"
	if c := l.enter(other); c.ack.PID == 0 {
		t.Errorf("from elsewhere: got %+v", c.ack)
	}
	if got := a.ask("panic"); got != "panicked" {
		t.Errorf("got %q", got)
	}
	if got := b.ask("log still here"); got != "done" {
		t.Errorf("got %q", got)
	}
	in.until("the session has ended", func() bool { return in.who() == "ann ann" })
	if c := l.enter(of("ann")); c.ack.PID != b.ack.PID {
		t.Errorf("after the panic: got %+v, want process %d", c.ack, b.ack.PID)
	}
	syscall.Kill(b.ack.PID, syscall.SIGKILL)
	in.until("the process is gone", func() bool { return in.who() == "" })
	if c := l.enter(of("ann")); c.ack.PID == 0 || c.ack.PID == b.ack.PID {
		t.Errorf("after the death: got %+v", c.ack)
	}
	in.logged(fmt.Sprintf("pop3(ann)<%s><sid>: Error: the session process ended", b.pid))
}

// What cannot be served is refused, and says why in the log.
func TestSessionRefused(t *testing.T) {
	t.Parallel()
	in := sessionInstance(t, "session_process_limit = 1")
	l := in.lobby()
	for _, c := range []struct {
		name, log string
		change    func(*ipc.SessionStart)
	}{
		{"service", `no service "smtp"`, func(s *ipc.SessionStart) { s.Start.Entry = "smtp" }},
		{"protocol", `no service "pop3d"`, func(s *ipc.SessionStart) { s.Service = "smtp" }},
		{"account", "uid", func(s *ipc.SessionStart) { s.Account.UID = otherUID() }},
	} {
		st := of("ann")
		c.change(&st)
		r := l.enter(st)
		if r.ack.Error == "" || r.ack.PID != 0 {
			t.Errorf("%s: got %+v", c.name, r.ack)
		}
		in.logged(c.log)
	}
	first := l.enter(of("ann"))
	if first.ack.PID == 0 {
		t.Errorf("got %+v", first.ack)
	}
	// As much as one packet holds, and more than fits into the order that it becomes.
	long := of("ann")
	b, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	long.Start.Tag = strings.Repeat("x", fdpass.MaxPacket-len(b)-len(`"tag":"",`))
	if r := l.enter(long); r.ack.Error == "" {
		t.Errorf("too long: got %+v", r.ack)
	}
	if r := l.enter(of("ann")); r.ack.PID != first.ack.PID {
		t.Errorf("behind one that is too long: got %+v, want process %d", r.ack, first.ack.PID)
	}
	st := of("bob")
	for i := 0; ; i++ { // until one falls to another process
		st.Account.Mailbox = fmt.Sprint(i)
		if r := l.enter(st); r.ack.PID == 0 {
			break
		}
	}
	in.logged("as many as session_process_limit allows")
}

// otherUID is nobody's whose mail this instance may serve.
func otherUID() int {
	if os.Getuid() == 0 {
		return 0
	}
	return os.Getuid() + 1
}

// A process without sessions ends, and the next session starts another: nobody
// is refused meanwhile.
func TestSessionIdle(t *testing.T) {
	t.Parallel()
	in := sessionInstance(t, "session_processes = 1")
	in.main("first", "1s")
	in.write("main.cf", in.read("main.cf")+"session_processes = 1\n")
	l := in.lobby()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		r := l.enter(of("ann"))
		if r.pid == "" {
			t.Fatalf("refused: %+v; the log:\n%s", r.ack, in.log())
		}
		fmt.Fprintln(r.Conn, "quit")
		r.line()
		time.Sleep(990 * time.Millisecond)
	}
	pid := l.enter(of("ann")).ack.PID
	for _, v := range in.petition(ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpWho}).Visits {
		in.petition(ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpKick, User: v.User})
	}
	in.until("the process ends", func() bool { return pid == 0 || syscall.Kill(pid, 0) != nil })
}

// Sessions outlive a reload and an upgrade of master, and are still known; new
// ones get new processes.
func TestSessionsGoOn(t *testing.T) {
	t.Parallel()
	in := sessionInstance(t, "session_processes = 1")
	l := in.lobby()
	old := l.enter(of("ann"))
	in.main("second", "100s")
	in.master.Signal(syscall.SIGHUP)
	in.logged("reload -- ")
	mid := l.enter(of("ann"))
	if mid.pid == old.pid || !strings.Contains(mid.said, "second") {
		t.Errorf("after reload: got %q, before %q", mid.said, old.said)
	}
	in.main("third", "100s")
	if reply := in.upgrade(); reply.Error != "" {
		t.Fatalf("got %+v; the log:\n%s", reply, in.log())
	}
	in.logged("upgraded from version")
	l = in.lobby()
	last := l.enter(of("bob"))
	if last.pid == mid.pid || !strings.Contains(last.said, "third") {
		t.Errorf("after the upgrade: got %q, before %q", last.said, mid.said)
	}
	if got := in.who(); got != "ann ann bob" {
		t.Errorf("who: got %q", got)
	}
	for _, r := range []*reader{old, mid, last} {
		if got := r.ask("log alive"); got != "done" {
			t.Errorf("process %s: got %q", r.pid, got)
		}
		in.logged(fmt.Sprintf("<%s><sid>: alive", r.pid))
		fmt.Fprintln(r.Conn, "quit")
	}
	in.until("all have gone", func() bool { return in.who() == "" })
	for _, r := range []*reader{old, mid} {
		in.until("old processes end", func() bool { return syscall.Kill(r.ack.PID, 0) != nil })
	}
}

// A user who stops her session process holds up nobody else.
func TestStoppedSessionProcess(t *testing.T) {
	t.Parallel()
	in := sessionInstance(t, "session_processes = 1", "mail_max_userip_connections = 0")
	l := in.lobby()
	ann := l.enter(of("ann"))
	if ann.pid == "" {
		t.Fatalf("refused: %+v; the log:\n%s", ann.ack, in.log())
	}
	syscall.Kill(ann.ack.PID, syscall.SIGSTOP)
	defer syscall.Kill(ann.ack.PID, syscall.SIGKILL)
	st := of("ann")
	st.Version = ipc.SessionVersion
	for range 2000 { // more than fits
		_, theirs := socketpair(t, unix.SOCK_STREAM)
		_, ack := socketpair(t, unix.SOCK_SEQPACKET)
		if err := l.c.Send(st, theirs, ack); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		ack.Close()
	}
	bob := of("bob")
	bob.Account.Groups = []int{65530} // another process
	if r := l.enter(bob); os.Getuid() == 0 && r.pid == "" {
		t.Errorf("bob is refused: %+v", r.ack)
	}
}
