package match

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/config"
	"yubin/internal/table"
)

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "patterns")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// verdictOf gives an answer one word.
func verdictOf(ok bool, err error) string {
	switch {
	case err != nil:
		return "error"
	case ok:
		return "in"
	}
	return "out"
}

func TestDomain(t *testing.T) {
	t.Parallel()
	file := write(t, "# comment, example.net\nexample.com,example.org\n\t!not.example .sub.example\n")
	loop := write(t, "")
	if err := os.WriteFile(loop, []byte(loop), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ parameter, patterns, domain, want string }{
		{"mydestination", "example.com", "example.com", "in"},
		{"mydestination", "example.com", "EXAMPLE.com", "in"},
		{"mydestination", "Example.Com", "example.com", "in"},
		{"mydestination", "example.com", "www.example.com", "out"},
		{"mydestination", ".example.com", "www.example.com", "in"},
		{"mydestination", ".example.com", "example.com", "out"},
		{"relay_domains", "example.com", "www.example.com", "in"},
		{"relay_domains", "example.com", "badexample.com", "out"},
		{"relay_domains", ".example.com", "www.example.com", "in"},
		{"mydestination", "!www.example.com .example.com", "www.example.com", "out"},
		{"mydestination", ".example.com !www.example.com", "www.example.com", "in"},
		{"mydestination", "!!www.example.com", "www.example.com", "in"},
		{"mydestination", "Bücher.example", "xn--bcher-kva.example", "in"},
		{"mydestination", "xn--bcher-kva.example", "BÜCHER.example", "in"},
		{"relay_domains", "bücher.example", "www.xn--bcher-kva.example", "in"},
		{"mydestination", ".bücher.example", "www.xn--bcher-kva.example", "in"},
		{"mydestination", "", "example.com", "out"},
		{"mydestination", "example.com", "", "out"},
		{"mydestination", "[192.0.2.1]", "[192.0.2.1]", "in"},
		{"mydestination", "[IPv6:2001:db8::1]", "[ipv6:2001:db8::1]", "in"},
		{"mydestination", "192.0.2.1", "192.0.2.1", "in"},
		{"mydestination", file, "example.com", "in"},
		{"mydestination", file, "example.org", "in"},
		{"mydestination", file, "example.net", "out"},
		{"mydestination", file, "a.sub.example", "in"},
		{"mydestination", file + " not.example", "not.example", "out"},
		{"mydestination", "!" + file + " example.com", "example.com", "out"},
		{"mydestination", "!" + file, "not.example", "in"},
		{"mydestination", file + "x", "example.com", "error"},
		{"mydestination", "example.com " + file + "x", "example.com", "in"},
		{"mydestination", loop, "example.com", "error"},
		{"mydestination", "inline:{example.com=x}", "example.com", "in"},
		{"mydestination", "inline:{example.com=x}", "www.example.com", "out"},
		{"mydestination", "inline:{.example.com=x}", "a.b.example.com", "in"},
		{"relay_domains", "inline:{example.com=x}", "a.b.example.com", "in"},
		{"relay_domains", "inline:{example.com=x}", "example.com", "in"},
		{"mydestination", "!inline:{example.com=x} static:all", "example.com", "out"},
		{"mydestination", "fail:x example.com", "example.com", "error"},
		{"mydestination", "!fail:x", "example.com", "error"},
	}
	for _, test := range tests {
		l, err := New(test.parameter, strings.Fields(test.patterns))
		if err != nil {
			t.Errorf("%s: %v", test.patterns, err)
			continue
		}
		if got := verdictOf(l.Domain(test.domain)); got != test.want {
			t.Errorf("%s in %s = %s: got %s, want %s", test.domain, test.parameter, test.patterns, got, test.want)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	nets := write(t, "192.0.2.0/24 x\n")
	tests := []struct{ patterns, address, want string }{
		{"127.0.0.0/8 [::1]/128", "127.0.0.1", "in"},
		{"127.0.0.0/8 [::1]/128", "::1", "in"},
		{"127.0.0.0/8 [::1]/128", "::2", "out"},
		{"127.0.0.0/8", "::ffff:127.0.0.1", "in"},
		{"192.0.2.1", "192.0.2.1", "in"},
		{"[2001:db8::]/32", "2001:db8::99", "in"},
		{"2001:db8::/32", "2001:db8::99", "in"},
		{"[fe80::]/10", "fe80::1%eth0", "in"},
		{"!192.0.2.1 192.0.2.0/24", "192.0.2.1", "out"},
		{"!192.0.2.1 192.0.2.0/24", "192.0.2.2", "in"},
		{"0.0.0.0/0", "::1", "out"},
		{"example.com", "192.0.2.1", "out"},
		{"cidr:" + nets, "192.0.2.77", "in"},
		{"cidr:" + nets, "192.0.3.77", "out"},
		{"cidr:" + nets + "x", "192.0.3.77", "error"},
		{"inline:{192.0.2.1=x}", "192.0.2.1", "in"},
	}
	for _, test := range tests {
		l, err := New("mynetworks", strings.Fields(test.patterns))
		if err != nil {
			t.Errorf("%s: %v", test.patterns, err)
			continue
		}
		if got := verdictOf(l.Address(netip.MustParseAddr(test.address))); got != test.want {
			t.Errorf("%s in %s: got %s, want %s", test.address, test.patterns, got, test.want)
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	l, err := New("mynetworks", []string{"!bad.example.com", "192.0.2.0/24", ".example.com"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, address, want string }{
		{"bad.example.com", "192.0.2.1", "out"},
		{"", "192.0.2.1", "in"},
		{"a.example.com", "198.51.100.1", "in"},
		{"", "198.51.100.1", "out"},
	}
	for _, test := range tests {
		if got := verdictOf(l.Client(test.name, netip.MustParseAddr(test.address))); got != test.want {
			t.Errorf("%s[%s]: got %s, want %s", test.name, test.address, got, test.want)
		}
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		patterns, name string
		uid            int
		want           string
	}{
		{"static:anyone", "ann", 1000, "in"},
		{"static:anyone", "", 4711, "in"},
		{"ann bob", "bob", 1001, "in"},
		{"ann bob", "carol", 1002, "out"},
		{"!ann static:anyone", "ann", 1000, "out"},
		{"!unknown static:anyone", "", 4711, "out"},
		{"", "root", 0, "in"},
		{"!root", "root", 0, "in"},
		{"fail:x", "ann", 1000, "error"},
		{".doe", "john.doe", 1000, "out"},
		{"inline:{.doe=x}", "john.doe", 1000, "out"},
	}
	for _, test := range tests {
		l, err := New("authorized_mailq_users", strings.Fields(test.patterns))
		if err != nil {
			t.Errorf("%s: %v", test.patterns, err)
			continue
		}
		if got := verdictOf(l.User(test.name, test.uid)); got != test.want {
			t.Errorf("%s (%d) in %s: got %s, want %s", test.name, test.uid, test.patterns, got, test.want)
		}
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ pattern, want string }{
		{"10.0.0.1/8", `mynetworks: non-null host address bits in "10.0.0.1/8", perhaps you should use "10.0.0.0/8" instead`},
		{"[2001:db8::1]/32", `mynetworks: non-null host address bits in "2001:db8::1/32", perhaps you should use "2001:db8::/32" instead`},
		{"10.0.0.0/33", `mynetworks: bad net/mask pattern: "10.0.0.0/33"`},
		{"example.com/8", `mynetworks: bad net/mask pattern: "example.com/8"`},
		{"[::1", `mynetworks: "[::1": '[' without ']'`},
		{"hash:x", `mynetworks: table hash:x: want an absolute path, have "x"`},
		{"!", `mynetworks: empty pattern`},
	}
	for _, test := range tests {
		_, err := New("mynetworks", []string{test.pattern})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.pattern, err, test.want)
		}
	}
}

// FuzzNew: a pattern that compiles and is a plain word matches itself, its
// negation never lets it in, and no query panics.
func FuzzNew(f *testing.F) {
	for _, s := range []string{"example.com", ".example.com", "10.0.0.0/8", "[::1]/128", "!!a", "inline:{a=b}", "[", "static:x", "1.2.3.4"} {
		f.Add(s, "example.com")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.HasPrefix(strings.TrimLeft(pattern, "!"), "/") || strings.Contains(pattern, ":/") {
			t.Skip("reads files")
		}
		l, err := New("mynetworks", []string{pattern})
		if err != nil {
			return
		}
		n, err := New("mynetworks", []string{"!" + pattern, pattern})
		if err != nil {
			t.Fatalf("%q compiles, its negation does not: %v", pattern, err)
		}
		in, err := l.Domain(name)
		not, err2 := n.Domain(name)
		if err == nil && err2 == nil && !strings.HasPrefix(pattern, "!") && in && not {
			t.Errorf("%q in %q and in its negation", name, pattern)
		}
		if _, err := l.Client(name, netip.MustParseAddr("192.0.2.1")); err != nil && !strings.Contains(pattern, "fail:") {
			t.Errorf("%q: %v", pattern, err)
		}
		if !strings.ContainsAny(pattern, "!/:[") {
			if ok, err := l.Domain(pattern); !ok || err != nil {
				t.Errorf("%q does not match itself: %v", pattern, err)
			}
		}
	})
}

// Lines of tables in lists that make no sense are reported.
func TestReport(t *testing.T) {
	t.Parallel()
	path := write(t, "192.0.2.0/24 x\n10.0.0.1/8 x\n")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("mynetworks = cidr:"+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	l, err := Of(c, config.Mynetworks, table.Report(func(p config.Problem) { problems = append(problems, p.String()) }))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := l.Address(netip.MustParseAddr("192.0.2.1")); !ok || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0], path+":2:") {
		t.Errorf("got %q, want line 2", problems)
	}
}

// Only networks need no name of the host.
func TestByName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "192.0.2.0/24 !192.0.2.1 [2001:db8::]/32": false, "192.0.2.1 mx.example": true, "!.example": true,
		write(t, "192.0.2.1"): true, "inline:{192.0.2.1=x}": true,
	} {
		l, err := New("mynetworks", strings.Fields(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.ByName(); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
