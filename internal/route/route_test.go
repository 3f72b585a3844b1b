package route

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yubin/internal/config"
)

// load makes a configuration; %DIR in it is its directory, where files are.
func load(t testing.TB, mainCF string, files map[string]string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(mainCF, "%DIR", dir)
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
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

const testConfig = `
myhostname = mx.example.com
mydomain = example.com
myorigin = example.com
mydestination = $myhostname, localhost.$mydomain, localhost, example.com
inet_interfaces = 192.0.2.1, [2001:db8::1]
proxy_interfaces = 192.0.2.7
recipient_delimiter = +-
alias_maps = hash:%DIR/aliases
alias_database = $alias_maps
local_recipient_maps = inline:{ann=x, bob=x, full@example.com=x} $alias_maps
virtual_mailbox_domains = virtual.example, hash:%DIR/domains
virtual_mailbox_maps = hash:%DIR/mailboxes
relay_domains = relay.example, fallback.example
relay_transport = relay:[10.0.0.1]:2525
relay_recipient_maps = inline:{ known@relay.example=x, @fallback.example=x }
`

var testFiles = map[string]string{
	"aliases":   "staff: ann, bob\n\"white space\": ann\n",
	"domains":   "table.example x\n",
	"mailboxes": "carol@virtual.example virtual/carol/\n@table.example table/all/\ndave+fixed@virtual.example virtual/fixed/\n",
}

func TestResolve(t *testing.T) {
	t.Parallel()
	r, err := New(load(t, testConfig, testFiles), nil)
	if err != nil {
		t.Fatal(err)
	}
	result := func(class Class, transport, nexthop, recipient, mailbox string, authorized bool) Result {
		rule := string(class) + "_transport"
		if class == Invalid {
			rule = "address syntax"
		}
		return Result{class, transport, nexthop, rule, recipient, mailbox, authorized}
	}
	ours := func(class Class, transport, nexthop, recipient, mailbox string) Result {
		return result(class, transport, nexthop, recipient, mailbox, true)
	}
	refused := func(class Class, transport, nexthop, recipient, mailbox string) Result {
		return result(class, transport, nexthop, recipient, mailbox, false)
	}
	const local, hop = "local", "mx.example.com"
	tests := []struct {
		addr string
		want Result
	}{
		{"ann@example.com", ours(Local, local, hop, "ann@example.com", "ann")},
		{"Ann+list@EXAMPLE.com.", ours(Local, local, hop, "Ann+list@example.com", "ann")},
		{"ann@localhost", ours(Local, local, hop, "ann@localhost", "ann")},
		{"ann@localhost.example.com", ours(Local, local, hop, "ann@localhost.example.com", "ann")},
		{"ann", ours(Local, local, hop, "ann@example.com", "ann")},
		{"postmaster", ours(Local, local, hop, "postmaster@example.com", "postmaster")},
		{"", ours(Local, local, hop, "MAILER-DAEMON@mx.example.com", "mailer-daemon")},
		{"carol@virtual.example", ours(Virtual, "virtual", "virtual.example", "carol@virtual.example", "carol@virtual.example")},
		{"CAROL-x@virtual.example", ours(Virtual, "virtual", "virtual.example", "CAROL-x@virtual.example", "carol@virtual.example")},
		{"x@table.example", ours(Virtual, "virtual", "table.example", "x@table.example", "x@table.example")},
		{"x@sub.relay.example", ours(Relay, "relay", "[10.0.0.1]:2525", "x@sub.relay.example", "")},
		{"x@elsewhere.example", refused(Default, "smtp", "elsewhere.example", "x@elsewhere.example", "")},
		{"x@sub.example.com", refused(Default, "smtp", "sub.example.com", "x@sub.example.com", "")},

		// Address literals.
		{"ann@[192.0.2.1]", ours(Local, local, hop, "ann@[192.0.2.1]", "ann")},
		{"ann@[192.0.2.7]", ours(Local, local, hop, "ann@[192.0.2.7]", "ann")},
		{"ann@[IPv6:2001:db8:0::1]", ours(Local, local, hop, "ann@[ipv6:2001:db8:0::1]", "ann")},
		{"ann@[192.0.2.2]", refused(Default, "smtp", "[192.0.2.2]", "ann@[192.0.2.2]", "")},
		{"ann@[IPv6:2001:db8::2]", refused(Default, "smtp", "[ipv6:2001:db8::2]", "ann@[ipv6:2001:db8::2]", "")},
		{"ann@192.0.2.1", refused(Invalid, "error", "5.1.3 Bad recipient address syntax", "ann@192.0.2.1", "")},
		{"ann@2001:db8::1", refused(Invalid, "error", "5.1.3 Bad recipient address syntax", "ann@2001:db8::1", "")},

		// Attempts to be relayed: the last domain alone decides, and a local
		// part with a domain in it is not authorized.
		{"x%elsewhere.example@example.com", ours(Local, local, hop, "x%elsewhere.example@example.com", "x%elsewhere.example")},
		{"elsewhere.example!x@example.com", ours(Local, local, hop, "elsewhere.example!x@example.com", "elsewhere.example!x")},
		{"x@elsewhere.example@example.com", refused(Local, local, hop, "x@elsewhere.example@example.com", "x@elsewhere.example")},
		{"@example.com:x@elsewhere.example", refused(Default, "smtp", "elsewhere.example", "@example.com:x@elsewhere.example", "")},
		{"@elsewhere.example:x@example.com", refused(Local, local, hop, "@elsewhere.example:x@example.com", "@elsewhere.example:x")},
		{"x%elsewhere.example@relay.example", refused(Relay, "relay", "[10.0.0.1]:2525", "x%elsewhere.example@relay.example", "")},
		{"elsewhere.example!x@relay.example", refused(Relay, "relay", "[10.0.0.1]:2525", "elsewhere.example!x@relay.example", "")},
		{"x@elsewhere.example@[192.0.2.1]", refused(Local, local, hop, "x@elsewhere.example@[192.0.2.1]", "x@elsewhere.example")},
		{"example.com!x@elsewhere.example", refused(Default, "smtp", "elsewhere.example", "example.com!x@elsewhere.example", "")},

		// What cannot be an address.
		{"ann@", refused(Invalid, "error", "5.1.3 Bad recipient address syntax", "ann@", "")},
		{"@example.com", refused(Invalid, "error", "5.1.3 Bad recipient address syntax", "@example.com", "")},
		{"ann@[192.0.2.1", refused(Invalid, "error", "5.1.3 Bad recipient address syntax", "ann@[192.0.2.1", "")},
		{"ann@a..b", refused(Invalid, "error", "5.1.3 Bad recipient address syntax", "ann@a..b", "")},
	}
	for _, test := range tests {
		got, err := r.Resolve(test.addr, "")
		if err != nil {
			t.Errorf("%s: %v", test.addr, err)
		}
		if got != test.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.addr, got, test.want)
		}
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	r, err := New(load(t, testConfig, testFiles), nil)
	if err != nil {
		t.Fatal(err)
	}
	const local, virtual, relay = "local recipient table", "virtual mailbox table", "relay recipient table"
	tests := []struct{ addr, table string }{ // "" for one that is known
		{"ann@example.com", ""},
		{"ANN@localhost", ""},
		{"ann+list@example.com", ""},
		{"ann-list@example.com", ""},
		{"ann", ""},
		{"staff@example.com", ""},
		{"white space@example.com", ""},
		{"full@example.com", ""},
		{"full@localhost", local},
		{"nobody@example.com", local},
		{"nobody", local},
		{"anne@example.com", local},
		{"+ann@example.com", local},
		{"ann%elsewhere.example@example.com", local},
		{"ann@elsewhere.example@example.com", local},
		{"Postmaster@localhost", ""},
		{"abuse@example.com", ""},
		{"root@example.com", ""},
		{"MAILER-DAEMON@example.com", ""},
		{"", ""},
		{"postmaster+x@example.com", local},
		{"ann@[192.0.2.1]", ""},
		{"carol@virtual.example", ""},
		{"carol+x@virtual.example", ""},
		{"Carol@VIRTUAL.example", ""},
		{"dave+fixed@virtual.example", ""},
		{"dave@virtual.example", virtual},
		{"ann@virtual.example", virtual},
		{"anyone@table.example", ""},
		{"known@relay.example", ""},
		{"unknown@relay.example", relay},
		{"anyone@fallback.example", ""},
		{"anyone@elsewhere.example", ""},
	}
	for _, test := range tests {
		ok, table, err := r.Known(test.addr)
		if err != nil {
			t.Errorf("%s: %v", test.addr, err)
		}
		if ok != (test.table == "") || table != test.table {
			t.Errorf("%s: got %t, %q, want %q", test.addr, ok, table, test.table)
		}
	}
}

// Empty recipient tables switch the check off; unreadable ones answer nothing.
func TestKnownTables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, mainCF, addr, want string
	}{
		{"no local table", "local_recipient_maps =\n", "nobody@localhost", "known"},
		{"no relay table", "relay_domains = relay.example\n", "nobody@relay.example", "known"},
		{"no virtual table", "virtual_mailbox_domains = virtual.example\n", "nobody@virtual.example", "known"},
		{"local table is missing", "local_recipient_maps = hash:%DIR/none\n", "nobody@localhost", "error"},
		{"but root exists", "local_recipient_maps = hash:%DIR/none\n", "root@localhost", "known"},
		{"domain table is missing", "virtual_mailbox_domains = hash:%DIR/none\n", "nobody@virtual.example", "error"},
		{"which local domains do not need", "virtual_mailbox_domains = hash:%DIR/none\nlocal_recipient_maps =\n", "a@localhost", "known"},
		{"each key is asked of all tables", "local_recipient_maps = inline:{a=x} fail:x\n", "a@localhost", "error"},
		{"rules see whole addresses", "local_recipient_maps = regexp:%DIR/rules\n", "ann@localhost", "known"},
		{"and no part of them", "local_recipient_maps = regexp:%DIR/rules\n", "bob@localhost", "unknown"},
		{"domain by a rule", "virtual_mailbox_domains = regexp:%DIR/rules\n", "a@one.example", "known"},
		{"no domain by a part", "relay_domains = regexp:%DIR/rules\nrelay_recipient_maps = inline:{b=x}\n", "a@sub.one.example", "known"},
		{"postmaster from a failing domain table", "mydestination = fail:x\n", "postmaster@localhost", "error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"rules": "/^ann@/ x\n/^(bob|@localhost)$/ part\n/^one\\.example$/ x\n"}
			r, err := New(load(t, "myhostname = mx.example\n"+test.mainCF, files), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := "unknown"
			ok, _, err := r.Known(test.addr)
			switch {
			case err != nil:
				got = "error"
			case ok:
				got = "known"
			}
			if got != test.want {
				t.Errorf("%s: got %s (%v), want %s", test.addr, got, err, test.want)
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ mainCF, want string }{
		{"alias_maps = hash:x\nlocal_recipient_maps = $alias_maps\n", "local_recipient_maps: table hash:x: want an absolute path"},
		{"mydestination = a/b\n", "mydestination: bad net/mask pattern"},
		{"virtual_transport = :x\n", "virtual_transport: want transport or transport:nexthop"},
		{"default_transport =\n", "default_transport: want transport or transport:nexthop"},
		{"relayhost = 192.0.2.1\n", "relayhost: next hop \"192.0.2.1\": want brackets around an address: [192.0.2.1]"},
		{"transport_maps = /etc/yubin/transport\n", "transport_maps: expecting \"type:name\" form"},
		{"sender_dependent_relayhost_maps = ldap:x\n", "sender_dependent_relayhost_maps: table ldap:x: type \"ldap\" is not supported"},
	}
	for _, test := range tests {
		_, err := New(load(t, test.mainCF, nil), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.mainCF, err, test.want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	r, err := New(load(t, `
mydestination = localhost, both.example
virtual_mailbox_domains = both.example, virtual.example
relay_domains = virtual.example, relay.example
`, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.Problems() {
		if filepath.Base(p.File) != "main.cf" || p.Line == 0 {
			t.Errorf("%v: want file and line", p)
		}
		p.File = ""
		got = append(got, p.String())
	}
	want := []string{
		"virtual_mailbox_domains: domain both.example is in mydestination, too, which counts; remove it from one of the two",
		"relay_domains: domain virtual.example is in virtual_mailbox_domains, too, which counts; remove it from one of the two",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		addr, delimiters string
		bare             bool
		want             string
	}{
		{"u@d", "+", false, "u@d @d"},
		{"u+e@d", "+", false, "u+e@d u@d @d"},
		{"u+e@d", "+", true, "u+e@d u@d u+e u @d"},
		{"u+e@d", "", true, "u+e@d u+e @d"},
		{"u+@d", "+", false, "u+@d u@d @d"},
	}
	for _, test := range tests {
		if got := strings.Join(Keys(test.addr, test.delimiters, test.bare), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.addr, got, test.want)
		}
	}
}

func TestSplitExtension(t *testing.T) {
	t.Parallel()
	tests := []struct{ local, delimiters, base, extension string }{
		{"ann+list", "+", "ann", "list"},
		{"ann+list+x", "+", "ann", "list+x"},
		{"ann-list+x", "+-", "ann", "list+x"},
		{"ann+list", "", "ann+list", ""},
		{"ann+list", "-", "ann+list", ""},
		{"+list", "+", "+list", ""},
		{"ann+", "+", "ann", ""},
		{"ann→list", "→", "ann", "list"},
		{"mailer-daemon", "-", "mailer-daemon", ""},
		{"double-bounce", "-", "double-bounce", ""},
		{"owner-list", "-", "owner-list", ""},
		{"list-request", "-", "list-request", ""},
		{"owner-list", "+", "owner-list", ""},
		{"owner-list+x", "+", "owner-list", "x"},
	}
	for _, test := range tests {
		base, extension := SplitExtension(test.local, test.delimiters)
		if base != test.base || extension != test.extension {
			t.Errorf("%s by %q: got %q, %q, want %q, %q", test.local, test.delimiters, base, extension, test.base, test.extension)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		interfaces, addr string
		want             bool
	}{
		{"all", "127.0.0.1", true},
		{"all", "127.0.0.53", true},
		{"all", "192.0.2.99", false},
		{"loopback-only", "::1", true},
		{"192.0.2.1", "127.0.0.1", false},
		{"192.0.2.1 mail.example", "192.0.2.1", true},
	}
	for _, test := range tests {
		own := OwnAddresses(strings.Fields(test.interfaces))
		if got := own(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("%s with %s: got %t", test.addr, test.interfaces, got)
		}
	}
}

// FuzzResolve: whatever the address, resolving ends without an error; what is
// authorized is in one of our domains and has no @ in its local part; the next
// hop of other domains is one; and resolving the resolved recipient gives the
// same delivery.
func FuzzResolve(f *testing.F) {
	for _, s := range []string{"ann@example.com", "a%b@example.com", "@a,@b:c@relay.example", "\"a@b\"@example.com", "a@[192.0.2.1]", "a!b@c", "x@y@example.com", "@", ""} {
		f.Add(s)
	}
	r, err := New(load(f, testConfig, testFiles), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		got, err := r.Resolve(addr, "")
		if err != nil {
			t.Fatal(err)
		}
		local := got.Recipient[:max(strings.LastIndexByte(got.Recipient, '@'), 0)]
		if got.Authorized && (got.Class == Default || got.Class == Invalid || strings.Contains(local, "@")) {
			t.Errorf("%q is authorized: %+v", addr, got)
		}
		if hops, err := ParseHops(got.Nexthop); got.Class == Default && (err != nil || len(hops) != 1) {
			t.Errorf("%q: next hop %q: %v, %v", addr, got.Nexthop, hops, err)
		}
		again, err := r.Resolve(got.Recipient, "")
		if err != nil {
			t.Fatal(err)
		}
		if again != got {
			t.Errorf("%q resolves to %+v, which resolves to %+v", addr, got, again)
		}
		if _, _, err := r.Known(addr); err != nil {
			t.Error(err)
		}
	})
}

// What smtpd and qmgr pay for each recipient.
func BenchmarkResolve(b *testing.B) {
	r, err := New(load(b, testConfig, testFiles), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Resolve("carol@virtual.example", "x@elsewhere.example"); err != nil {
			b.Fatal(err)
		}
	}
}
