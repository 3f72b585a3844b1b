package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/maillog"
)

func TestSplitHostPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, host, port string
		hasHost          bool
	}{
		{"25", "", "25", false},
		{"smtp", "", "smtp", false},
		{"127.0.0.1:2525", "127.0.0.1", "2525", true},
		{"[::1]:2525", "::1", "2525", true},
		{"localhost:submission", "localhost", "submission", true},
		{"::1:25", "::1", "25", true},
		{":25", "", "25", false},
	} {
		host, port, hasHost := splitHostPort(c.name)
		if host != c.host || port != c.port || hasHost != c.hasHost {
			t.Errorf("%s: got %q, %q, %t, want %q, %q, %t", c.name, host, port, hasHost, c.host, c.port, c.hasHost)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts, protocols, want string
	}{
		{"all", "all", "0.0.0.0 ::"},
		{"all", "ipv4", "0.0.0.0"},
		{"all", "ipv6", "::"},
		{"all", "ipv4 ipv6", "0.0.0.0 ::"},
		{"loopback-only", "all", "127.0.0.1 ::1"},
		{"localhost", "IPv4", "127.0.0.1"},
		{"192.0.2.1 [2001:db8::1] 192.0.2.1", "all", "192.0.2.1 2001:db8::1"},
		{"::ffff:192.0.2.1", "ipv4", "192.0.2.1"},
		{"192.0.2.1", "ipv6", "error: no address"},
		{"", "all", "error: no address"},
		{"all", "ipx", "error: inet_protocols"},
	} {
		addrs, err := addresses(t.Context(), strings.Fields(c.hosts), strings.Fields(c.protocols))
		got := strings.Trim(fmt.Sprint(addrs), "[]")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want && !(err != nil && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s, %s: got %s, want %s", c.hosts, c.protocols, got, c.want)
		}
	}
}

// load reads a main.cf with these lines, below a directory that has programs.
func load(t *testing.T, lines ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	text := "daemon_directory = " + dir + "\nqueue_directory = " + dir + "/q\ndata_directory = " + dir + "/data\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"smtpd", "pickup", "qmgr", "local"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(Command.Params); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	c := load(t, "import_environment = A B=set C PATH LISTEN_FDS NOTIFY_SOCKET WATCHDOG_USEC=1 WATCHDOG_PID")
	got := environment(c, []string{"A=1", "B=2", "PATH=/bin", "LISTEN_FDS=3", "NOTIFY_SOCKET=/x", "WATCHDOG_PID=1", "LD_PRELOAD=evil"})
	if want := []string{"PATH=/bin", "A=1", "B=set"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := environment(c, nil); len(got) != 2 || !strings.HasPrefix(got[0], "PATH=/") {
		t.Errorf("without PATH: got %q", got)
	}
}

// Two services at one address are an error with file and line; qmgr and pickup
// have no limit of connections, whatever Postfix's master.cf says.
func TestPlan(t *testing.T) {
	t.Parallel()
	users := []string{"mail_owner = root", "smtpd_user = root", "smtp_user = root", "login_user = root", "setgid_group = root", "inet_protocols = ipv4"}
	for _, c := range []struct{ name, masterCF, wantErr string }{
		{"good", "smtp inet n - n - 7 smtpd\nqmgr unix n - n 300 1 qmgr\n", ""},
		{"twice", "smtp inet n - n - - smtpd\n25 inet n - n - - smtpd\n", "master.cf:2: service 25: 0.0.0.0:25 is where service smtp listens"},
		{"port", "nonsense inet n - n - - smtpd\n", "master.cf:1: service nonsense: port"},
		{"long", strings.Repeat("x", 110) + " unix n - n - - smtpd\n", "is too long for a socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conf := load(t, users...)
			if err := os.WriteFile(filepath.Join(conf.Dir, "master.cf"), []byte(c.masterCF), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := makePlan(t.Context(), conf)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Errorf("got %v, want %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			limits := map[string]int{}
			for _, s := range p.services {
				limits[s.def.Name] = s.limit()
			}
			if limits["smtp"] != 7 || limits["qmgr"] != 0 || limits["pickup"] != 0 {
				t.Errorf("got limits %v, want 7 for smtp, none for qmgr and pickup", limits)
			}
		})
	}
}

// The back-off doubles from a second to service_throttle_time.
func TestBackOff(t *testing.T) {
	t.Parallel()
	m := testMaster(t)
	m.throttle = 5 * time.Second
	s, now := &service{}, time.Now()
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		m.backOff(s, now)
		if got := s.notBefore.Sub(now); got != want*time.Second {
			t.Errorf("failure %d: wait %v, want %vs", i+1, got, want)
		}
	}
}

// A loggedMaster is a master without services whose log is in a file.
type loggedMaster struct {
	*master
	logPath string
}

func testMaster(t *testing.T) loggedMaster {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/master", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return loggedMaster{&master{log: log, poller: p, procs: map[*process]struct{}{}}, path}
}

// A configuration that cannot be read is logged with its place and changes
// nothing.
func TestReloadError(t *testing.T) {
	t.Parallel()
	m := testMaster(t)
	before := &plan{}
	m.plan = before
	m.reload = func() (*config.Config, error) { return nil, errors.New("/etc/yubin/main.cf:2: as asked") }
	m.reconfigure(t.Context())
	want := "error: reload: /etc/yubin/main.cf:2: as asked; the old configuration stays"
	if b, err := os.ReadFile(m.logPath); err != nil || !strings.Contains(string(b), want) {
		t.Errorf("log %q, %v, want %q", b, err, want)
	}
	if m.plan != before {
		t.Error("the plan was replaced")
	}
}

// nextTick is the earliest of all times, and never negative.
func TestNextTick(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := testMaster(t)
	m.plan = &plan{}
	if got := m.nextTick(now); got != never {
		t.Errorf("with nothing to do: %v, want %v", got, never)
	}
	m.plan.services = []*service{{wakeAt: now.Add(3 * time.Second)}, {periodic: now.Add(2 * time.Second)}, {notBefore: now.Add(time.Minute)}}
	if got := m.nextTick(now); got != 2*time.Second {
		t.Errorf("got %v, want 2s", got)
	}
	m.plan.services[0].wakeAt = now.Add(-time.Hour)
	if got := m.nextTick(now); got != 0 {
		t.Errorf("overdue: got %v, want 0", got)
	}
}

// A socket that IPv6 has leaves IPv4's port alone, and the reverse.
func TestListenBothFamilies(t *testing.T) {
	t.Parallel()
	six, err := listen(endpoint{addr: netip.MustParseAddrPort("[::]:0")})
	if err == errNoFamily {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer six.close()
	name, err := unix.Getsockname(six.fd)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(name.(*unix.SockaddrInet6).Port)
	four, err := listen(endpoint{addr: netip.AddrPortFrom(netip.IPv4Unspecified(), port)})
	if err != nil {
		t.Fatalf("IPv4 beside IPv6: %v", err)
	}
	defer four.close()
	again, err := listen(endpoint{addr: netip.AddrPortFrom(netip.IPv4Unspecified(), port)})
	if err == nil {
		again.close()
		t.Fatal("the same address was bound twice")
	}
	if want := fmt.Sprintf("address already in use (by another program, which root finds with ss -ltnp 'sport = :%d')", port); !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What is wrong with inet_interfaces is said with its place in main.cf.
func TestInterfaceErrors(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"lo":          "main.cf:1: inet_interfaces: lo is the name of an interface: want all, loopback-only, or addresses of this host",
		"":            "main.cf:1: inet_interfaces: no address to listen on",
		"300.1.2.3.4": "main.cf:1: inet_interfaces: lookup 300.1.2.3.4",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("inet_interfaces = "+value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := config.Read(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nobody is asked
		if _, err := inetEndpoints(ctx, c, "25"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", value, err, want)
		}
	}
	_, err := listen(endpoint{addr: netip.MustParseAddrPort("192.0.2.77:0")})
	if err == nil || !strings.Contains(err.Error(), "cannot assign requested address (no interface of this host has it)") {
		t.Error(err)
	}
}

// A socket left over from a crash is replaced; a file of somebody's is not.
func TestListenUnix(t *testing.T) {
	// Not in parallel: listenUnix sets the umask, which is the process's.
	e := endpoint{unix: filepath.Join(t.TempDir(), "s"), mode: 0o600}
	first, err := listenUnix(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	first.close()
	second, err := listenUnix(e, nil)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	second.close()
	if err := os.Remove(e.unix); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.unix, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := listenUnix(e, nil); err == nil {
		s.close()
		t.Error("a file was replaced")
	}
	if b, err := os.ReadFile(e.unix); err != nil || string(b) != "precious" {
		t.Errorf("the file: %q, %v", b, err)
	}
}

// A watched socket is reported once, and again only when watched anew.
func TestPoller(t *testing.T) {
	// Not in parallel: listenUnix sets the umask, which is the process's.
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	e := endpoint{unix: filepath.Join(t.TempDir(), "s"), mode: 0o600}
	s, err := listenUnix(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	connect := func() {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: e.unix}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.add(s.fd, 7); err != nil {
		t.Fatal(err)
	}
	connect() // not watched: no report, or the next line would see two
	for range 2 {
		if err := p.watch(s.fd, 7); err != nil {
			t.Fatal(err)
		}
		if token := <-p.ready; token != 7 {
			t.Errorf("got token %d, want 7", token)
		}
		connect()
	}
	select {
	case token := <-p.ready:
		t.Errorf("token %d was reported again", token)
	default:
	}
}

// Where authd listens for Dovecot's protocol: a stream socket, made with its
// owner's rights.
func TestDovecotSocket(t *testing.T) {
	// Not in parallel: listenUnix sets the umask, which is the process's.
	dir := t.TempDir()
	for _, c := range []struct {
		value string
		want  endpoint
		err   string
	}{
		{"private/auth", endpoint{unix: dir + "/private/auth", mode: 0o600, stream: true}, ""},
		{dir + "/auth", endpoint{unix: dir + "/auth", mode: 0o600, stream: true, foreign: true}, ""},
		{"auth:a:b", endpoint{}, "want PATH or PATH:USER:GROUP:MODE"},
		{"auth:a:b:rw", endpoint{}, "want PATH or PATH:USER:GROUP:MODE"},
		{":a:b:0660", endpoint{}, "want PATH or PATH:USER:GROUP:MODE"},
		{"/" + strings.Repeat("x", 200), endpoint{}, "too long for a socket"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("queue_directory = "+dir+"\nauth_dovecot_socket = "+c.value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		conf, err := config.Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, ok, err := dovecotEndpoint(conf)
		if c.err == "" && (err != nil || !ok || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got %+v, %t, %v", c.value, got, ok, err)
		}
	}
	s, err := listenUnix(endpoint{unix: dir + "/auth", mode: 0o640, stream: true, foreign: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	c, err := net.Dial("unix", dir+"/auth")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if info, err := os.Lstat(dir + "/auth"); err != nil || info.Mode() != os.ModeSocket|0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
