package nss

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// load reads a main.cf whose daemon_directory has the helper, or not.
func load(t *testing.T, installed bool, lines ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "q", "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "daemon_directory = " + dir + "\nqueue_directory = " + dir + "/q\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if installed {
		if err := os.WriteFile(filepath.Join(dir, Program), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(Params()); err != nil {
		t.Fatal(err)
	}
	return c
}

// serve is a pamd that hangs up after so many answers on one connection.
func serve(t *testing.T, c *config.Config, answers int) *atomic.Int32 {
	t.Helper()
	path := filepath.Join(config.QueueDirectory.Of(c), "public", "pamd")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var conns atomic.Int32
	go func() {
		for {
			u, err := l.AcceptUnix()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() {
				defer u.Close()
				c := fdpass.New(u)
				var hello ipc.Hello
				if _, err := c.Recv(&hello); err != nil || hello.Role != ipc.RoleNSS || hello.Version != ipc.NSSVersion {
					return
				}
				for range answers {
					var q ipc.NSSRequest
					if _, err := c.Recv(&q); err != nil {
						return
					}
					var a ipc.NSSReply
					switch {
					case q.User == "ann", q.UID != nil:
						a.User = &ipc.NSSUser{Name: "ann", UID: 1001}
					case q.User == "down":
						a.Error = "SSSD sleeps"
					case q.Group == "list":
						a.Group = &ipc.NSSGroup{Name: "list"}
					}
					c.Send(a)
				}
			}()
		}
	}()
	return &conns
}

func TestHelper(t *testing.T) {
	t.Parallel()
	conf := load(t, true)
	conns := serve(t, conf, 1000)
	c := New(conf)
	if !c.Asks() {
		t.Fatal("the helper is not asked")
	}
	if u, err := c.User("ann"); err != nil || u == nil || u.UID != 1001 {
		t.Errorf("ann: %+v, %v", u, err)
	}
	if u, err := c.UserByID(1001); err != nil || u == nil {
		t.Errorf("1001: %+v, %v", u, err)
	}
	if g, err := c.Group("list"); err != nil || g == nil {
		t.Errorf("group: %+v, %v", g, err)
	}
	if u, err := c.User("root"); err != nil || u != nil {
		t.Errorf("a user whom the helper does not know: %+v, %v; the files must not be read", u, err)
	}
	if u, err := c.User("down"); err == nil || !strings.Contains(err.Error(), "SSSD sleeps") {
		t.Errorf("not known: %+v, %v", u, err)
	}
	for _, name := range []string{"", "a:b", "a\nb", "a\x00b", strings.Repeat("x", 300)} {
		if u, err := c.User(name); err != nil || u != nil {
			t.Errorf("%.10q: %+v, %v", name, u, err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A connection that has ended since is no reason to fail: another generation
// answers. Nobody there is one.
func TestHelperIsRestarted(t *testing.T) {
	t.Parallel()
	conf := load(t, true)
	c := New(conf)
	if u, err := c.User("ann"); err == nil {
		t.Errorf("nobody listens: %+v", u)
	}
	serve(t, conf, 1)
	for range 5 {
		if u, err := c.User("ann"); err != nil || u == nil {
			t.Errorf("ann: %+v, %v", u, err)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]*config.Config{
		"not installed": load(t, false),
		"not wanted":    load(t, true, "nss_service_name ="),
	} {
		c := New(conf)
		if c.Asks() {
			t.Errorf("%s: asks", name)
		}
		if u, err := c.User("root"); err != nil || u == nil || u.UID != 0 || u.Home == "" || len(u.Groups) == 0 {
			t.Errorf("%s: root is %+v, %v", name, u, err)
		}
		if u, err := c.UserByID(0); err != nil || u == nil || u.Name != "root" {
			t.Errorf("%s: 0 is %+v, %v", name, u, err)
		}
		if u, err := c.User("nobody-has-this-name"); err != nil || u != nil {
			t.Errorf("%s: an unknown user is %+v, %v", name, u, err)
		}
		if u, err := c.UserByID(4000000000); err != nil || u != nil {
			t.Errorf("%s: an unknown ID is %+v, %v", name, u, err)
		}
	}
}
