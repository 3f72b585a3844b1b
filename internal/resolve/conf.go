package resolve

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	resolvConf = "/etc/resolv.conf"
	lookEvery  = 5 * time.Second // how often it is looked at
	settle     = 2 * time.Second // a file younger than this may change again without a new mtime
	dnsPort    = 53
	maxServers = 3 // of /etc/resolv.conf, as resolver(5) has it
)

// A conf is whom to ask and how.
type conf struct {
	servers  []netip.AddrPort // at least one
	timeout  time.Duration    // for one reply
	attempts int              // rounds through the servers
	rotate   bool             // begin with another server each time
	trustAD  bool
	tcp      bool
}

// parseConf reads resolv.conf(5). What it does not know it skips: search lists
// and their like are for people who type names.
func parseConf(text string) conf {
	c := conf{timeout: defaultTimeout, attempts: defaultAttempts}
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		f := strings.Fields(line)
		switch {
		case len(f) < 2:
		case f[0] == "nameserver" && len(c.servers) < maxServers:
			if a, err := netip.ParseAddr(f[1]); err == nil {
				c.servers = append(c.servers, netip.AddrPortFrom(a, dnsPort))
			}
		case f[0] == "options":
			for _, o := range f[1:] {
				c.option(o)
			}
		}
	}
	if len(c.servers) == 0 { // resolver(5): that of this host
		c.servers = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), dnsPort)}
	}
	return c
}

func (c *conf) option(o string) {
	name, value, _ := strings.Cut(o, ":")
	n, err := strconv.Atoi(value)
	number := err == nil && n > 0
	switch {
	case name == "timeout" && number: // as resolver(5) bounds them
		c.timeout = time.Duration(min(n, 30)) * time.Second
	case name == "attempts" && number:
		c.attempts = min(n, 5)
	case name == "rotate":
		c.rotate = true
	case name == "trust-ad":
		c.trustAD = true
	case name == "use-vc":
		c.tcp = true
	}
}

// A confFile is a resolv.conf, read again when it changes.
type confFile struct {
	path string

	mu      sync.Mutex // guards what is below
	conf    conf
	looked  time.Time
	mtime   time.Time
	settled bool // it was old enough when it was read: what it had was all
}

func newConfFile(path string) *confFile { return &confFile{path: path, conf: parseConf("")} }

// get returns what the file says. While it cannot be read, what it said before
// holds: it is replaced when networks change.
func (f *confFile) get(now time.Time) conf {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := now.Sub(f.looked); d >= 0 && d < lookEvery {
		return f.conf
	}
	f.looked = now
	info, err := os.Stat(f.path)
	if err != nil || f.settled && info.ModTime().Equal(f.mtime) {
		return f.conf
	}
	if text, err := os.ReadFile(f.path); err == nil {
		f.conf, f.mtime = parseConf(string(text)), info.ModTime()
		f.settled = now.Sub(f.mtime).Abs() > settle
	}
	return f.conf
}
