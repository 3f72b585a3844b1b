//go:build root

package root

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/test/dns"
	"yubin/test/instance"
)

// A network is a switch and hosts that are plugged into it, each a network
// namespace. Their addresses, of 192.0.2.0/24 (RFC 5737), exist in there alone,
// and nothing leads out. The name server is at the switch.
//
// Every host knows the link-layer addresses of all by heart: what is sent to one
// that is not there vanishes, and nobody says so.
type network struct {
	t     testing.TB
	names *dns.Server
}

// Who has which address, and who is the switch.
const (
	nobody    = 9
	switchNum = 53
)

func address(host int) string { return fmt.Sprintf("192.0.2.%d", host) }

func linkAddress(host int) string { return fmt.Sprintf("02:00:c0:00:02:%02x", host) }

// namespace is the name of a host's namespace; the process ID makes it one of
// this run's.
func namespace(host int) string { return fmt.Sprintf("yubin-%d-%d", os.Getpid(), host) }

// newNetwork makes a network with these hosts. It ends with the test.
func newNetwork(t testing.TB, hosts ...int) *network {
	t.Helper()
	n := &network{t: t}
	n.add(switchNum)
	n.ip(switchNum, "link add br0 address "+linkAddress(switchNum)+" type bridge")
	n.join(switchNum, "br0", hosts)
	for _, h := range hosts {
		n.add(h)
		n.ip(switchNum, "link add "+port(h)+" type veth peer name eth0 netns "+namespace(h)+" address "+linkAddress(h))
		n.ip(switchNum, "link set "+port(h)+" master br0 up")
		n.join(h, "eth0", append(hosts, nobody, switchNum))
	}
	n.on(switchNum, func() { n.names = dns.StartAt(t, address(switchNum)) })
	return n
}

// add makes a host's namespace.
func (n *network) add(host int) {
	n.t.Helper()
	run(n.t, "ip", "netns", "add", namespace(host))
	n.t.Cleanup(func() { run(n.t, "ip", "netns", "delete", namespace(host)) })
	n.ip(host, "link set lo up")
}

// join gives a host its address on a device, and those of the others.
func (n *network) join(host int, device string, others []int) {
	n.t.Helper()
	n.ip(host, "address add "+address(host)+"/24 dev "+device)
	n.ip(host, "link set "+device+" up")
	for _, o := range others {
		if o != host {
			n.ip(host, "neighbour replace "+address(o)+" lladdr "+linkAddress(o)+" dev "+device+" nud permanent")
		}
	}
}

// port is the switch's end of a host's cable.
func port(host int) string { return "port" + strconv.Itoa(host) }

// ip runs ip(8) in a host's namespace.
func (n *network) ip(host int, command string) {
	n.t.Helper()
	run(n.t, "ip", append([]string{"-n", namespace(host)}, strings.Fields(command)...)...)
}

// cut pulls a host's cable at the switch: what others send it, and what it
// sends, is dropped without a word.
func (n *network) cut(host int) { n.t.Helper(); n.ip(switchNum, "link set "+port(host)+" down") }

// mend plugs the cable in again.
func (n *network) mend(host int) { n.t.Helper(); n.ip(switchNum, "link set "+port(host)+" up") }

// slow lets so many kilobits a second through to a host; 0 is no limit.
func (n *network) slow(host, rate int) {
	n.t.Helper()
	args := []string{"-n", namespace(switchNum), "qdisc"}
	if rate == 0 {
		args = append(args, "delete", "dev", port(host), "root")
	} else {
		args = append(args, "add", "dev", port(host), "root", "tbf", "rate", fmt.Sprintf("%dkbit", rate), "burst", "32kb", "latency", "100ms")
	}
	run(n.t, "tc", args...)
}

// reaches tells whether the switch gets through to a host's port 25.
func (n *network) reaches(host int) (ok bool) {
	n.t.Helper()
	n.on(switchNum, func() {
		c, err := net.DialTimeout("tcp", address(host)+":25", 200*time.Millisecond)
		if ok = err == nil; ok {
			c.Close()
		}
	})
	return ok
}

// received is how many octets have gone through the switch to a host.
func (n *network) received(host int) int {
	n.t.Helper()
	var octets int
	for line := range strings.Lines(n.proc("net/dev")) {
		name, counters, _ := strings.Cut(strings.TrimSpace(line), ":")
		if f := strings.Fields(counters); name == port(host) && len(f) > 8 {
			octets, _ = strconv.Atoi(f[8])
		}
	}
	return octets
}

// proc reads a file of /proc as a thread at the switch sees it.
func (n *network) proc(name string) string {
	n.t.Helper()
	var b []byte
	var err error
	n.on(switchNum, func() { b, err = os.ReadFile("/proc/thread-self/" + name) })
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// on calls f on a host: sockets that its goroutine opens and programs that it
// starts are of that namespace.
func (n *network) on(host int, f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		n.t.Fatal(err)
	}
	defer here.Close()
	there, err := os.Open(filepath.Join("/run/netns", namespace(host)))
	if err != nil {
		n.t.Fatal(err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		n.t.Fatal(err)
	}
	defer func() {
		// A thread that cannot return stays locked, and ends with its goroutine.
		if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
			n.t.Fatal(err)
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// A site is a yubin on a host of the network.
type site struct {
	*instance.Instance
	net       *network
	host      int
	name      string   // myhostname
	mailboxes []string // addresses of mailboxes; their local parts name them
}

// site makes a system as installed, at port 25 of a host. It asks the network's
// name server. It is not started.
func (n *network) site(host int, name string, mailboxes []string, main ...string) *site {
	n.t.Helper()
	var domains, maps []string
	for _, m := range mailboxes {
		local, domain, _ := strings.Cut(m, "@")
		domains = append(domains, domain)
		maps = append(maps, "{ "+m+" = "+local+"/ }")
	}
	i := instance.New(n.t, instance.Options{
		System: true, Stopped: true, Addr: address(host) + ":25",
		Main: append([]string{
			"myhostname = " + name, "resolver_addresses = " + n.names.Addr(),
			"virtual_mailbox_domains = " + strings.Join(domains, " "), "virtual_mailbox_maps = inline:{ " + strings.Join(maps, ", ") + " }",
		}, main...),
	})
	return &site{Instance: i, net: n, host: host, name: name, mailboxes: mailboxes}
}

// start starts a system on its host.
func (s *site) start() { s.T.Helper(); s.net.on(s.host, s.Start) }

// run runs a command that must succeed.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
