package resolve

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
)

func servers(texts ...string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, s := range texts {
		all = append(all, netip.MustParseAddrPort(s))
	}
	return all
}

func TestParseConf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       conf
	}{
		{"empty", "", conf{servers: servers("127.0.0.1:53"), timeout: 5 * time.Second, attempts: 2}},
		{"usual", "# made by\nsearch example.com\nnameserver 192.0.2.53\nnameserver 2001:db8::53 ; second\n",
			conf{servers: servers("192.0.2.53:53", "[2001:db8::53]:53"), timeout: 5 * time.Second, attempts: 2}},
		{"scope", "nameserver fe80::1%lo\n", conf{servers: servers("[fe80::1%lo]:53"), timeout: 5 * time.Second, attempts: 2}},
		{"options", "nameserver 127.0.0.53\noptions timeout:2 attempts:3 rotate trust-ad use-vc edns0 ndots:2\n",
			conf{servers: servers("127.0.0.53:53"), timeout: 2 * time.Second, attempts: 3, rotate: true, trustAD: true, tcp: true}},
		{"bounds", "nameserver 127.0.0.53\noptions timeout:900 attempts:99\n", conf{servers: servers("127.0.0.53:53"), timeout: 30 * time.Second, attempts: 5}},
		{"nonsense", "nameserver\nnameserver x\noptions timeout:0 attempts:x timeout\nnameserver 127.0.0.53",
			conf{servers: servers("127.0.0.53:53"), timeout: 5 * time.Second, attempts: 2}},
		{"too many", "nameserver 127.0.0.1\nnameserver 127.0.0.2\nnameserver 127.0.0.3\nnameserver 127.0.0.4\n",
			conf{servers: servers("127.0.0.1:53", "127.0.0.2:53", "127.0.0.3:53"), timeout: 5 * time.Second, attempts: 2}},
	}
	for _, test := range tests {
		if got := parseConf(test.text); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// The file is read again when it changes, and while it is gone what it said
// holds.
func TestConfFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	f, now := newConfFile(path), time.Unix(1e9, 0)
	check := func(want string) {
		t.Helper()
		now = now.Add(lookEvery)
		if got := f.get(now).servers[0].Addr().String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	check("127.0.0.1")
	write("nameserver 192.0.2.1\n", 2*time.Hour)
	check("192.0.2.1")
	write("nameserver 192.0.2.2\n", time.Hour)
	if got := f.get(now).servers[0].Addr().String(); got != "192.0.2.1" {
		t.Errorf("looked at too often: got %s", got)
	}
	check("192.0.2.2")
	write("", -lookEvery) // by one who goes on to write, in the same tick of the clock
	check("127.0.0.1")
	write("nameserver 192.0.2.3\n", 0)
	check("192.0.2.3")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check("192.0.2.3")
}

// "options rotate" spreads questions over the servers.
func TestRotate(t *testing.T) {
	t.Parallel()
	r := resolver(t)
	c := conf{servers: servers("127.0.0.1:53", "127.0.0.2:53", "127.0.0.3:53"), rotate: true}
	first := map[netip.AddrPort]int{}
	for range 6 {
		first[r.order(c)[0]]++
	}
	for _, s := range c.servers {
		if first[s] != 2 {
			t.Errorf("%v came first %d times of 6", s, first[s])
		}
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mainCF string
		want   any // Options, or part of the error
	}{
		{"", Options{CacheSize: 10000, TrustAD: TrustLoopback}},
		{"resolver_addresses = 192.0.2.53, [2001:db8::53]:5353 2001:db8::54 [2001:db8::55] 127.0.0.1:1053\nresolver_timeout = 2s\nresolver_cache_size = 5\nresolver_trust_ad = yes\n",
			Options{Servers: servers("192.0.2.53:53", "[2001:db8::53]:5353", "[2001:db8::54]:53", "[2001:db8::55]:53", "127.0.0.1:1053"), Timeout: 2 * time.Second, CacheSize: 5, TrustAD: TrustAll}},
		{"resolver_cache_size = 0\nresolver_trust_ad = no\n", Options{CacheSize: -1, TrustAD: TrustNone}},
		{"resolver_addresses = ns.example\n", `main.cf:1: resolver_addresses: want address or address:port of a name server, have "ns.example"`},
		{"resolver_addresses = 127.0.0.1:0\n", `have "127.0.0.1:0"`},
	}
	for _, test := range tests {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(test.mainCF), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Configured(c)
		if text, ok := test.want.(string); ok {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: got %v, want %s", test.mainCF, err, text)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(r.options, test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", test.mainCF, r, err, test.want)
		}
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{TrustAD: "perhaps"}, {Servers: []netip.AddrPort{{}}}, {Servers: servers("127.0.0.1:0")}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// FuzzParseConf: whatever the file, there is a server to ask, not more than
// three, and the times have bounds.
func FuzzParseConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\noptions timeout:1 attempts:2 rotate\n")
	f.Add("options timeout:99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseConf(text)
		if len(c.servers) == 0 || len(c.servers) > maxServers || c.timeout <= 0 || c.timeout > 30*time.Second || c.attempts < 1 || c.attempts > 5 {
			t.Errorf("%q: %+v", text, c)
		}
	})
}
