package addrmap

import (
	"os"
	"path/filepath"
	"testing"

	"yubin/internal/config"
	"yubin/internal/table"
)

func open(t *testing.T, main string) (*Map, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(append(Params(), config.SmtpGenericMaps.Rows()...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return Open(c, config.SmtpGenericMaps.In(false), "generic", table.Report(func(p config.Problem) { t.Error(p) }))
}

// Which key counts, and what becomes of its value. "!" is a temporary error.
func TestAddress(t *testing.T) {
	t.Parallel()
	const local = "myorigin = own.test\nmydestination = $myorigin, near.test\ninet_interfaces = 127.0.0.9\nrecipient_delimiter = +\n"
	for _, c := range []struct{ name, table, addr, want string }{
		{"the address", "{ann@own.test=ann@example.com}, {@own.test=all@example.com}", "ann@own.test", "ann@example.com"},
		{"in any case", "{ann@own.test=ann@example.com}", "Ann@OWN.test", "ann@example.com"},
		{"with extension before without", "{a+x@own.test=1@example.com}, {a@own.test=2@example.com}", "a+x@own.test", "1@example.com"},
		{"without extension", "{a@own.test=2@example.com}", "a+x@own.test", "2@example.com"},
		{"local part of a local domain", "{a=3@example.com}, {@near.test=4@example.com}", "a@near.test", "3@example.com"},
		{"and its extension", "{a+x=3@example.com}, {a=4@example.com}", "a+x@own.test", "3@example.com"},
		{"of an address of ours", "{a=3@example.com}", "a@[127.0.0.9]", "3@example.com"},
		{"not of another domain", "{a=3@example.com}", "a@far.test", "a@far.test"},
		{"no domain", "{a@own.test=5@example.com}", "a", "5@example.com"},
		{"the domain", "{@own.test=6@example.com}", "a@own.test", "6@example.com"},
		{"another domain, same local part", "{@own.test=@example.com}", "a+x@own.test", "a+x@example.com"},
		{"value in myorigin", "{a@far.test=b}", "a@far.test", "b@own.test"},
		{"quoted", `{a b@own.test="c d"@example.com}`, "a b@own.test", "c d@example.com"},
		{"no chain", "{a@own.test=b@own.test}, {b@own.test=c@own.test}", "a@own.test", "b@own.test"},
		{"the last of two @", "{ann@own.test=ann@own.test@reply.test}", "ann@own.test", "ann@own.test@reply.test"},
		{"the same by quotes", `{ann@own.test="ann@own.test"@reply.test}`, "ann@own.test", "ann@own.test@reply.test"},
		{"no domain behind the last @", "{ann@own.test=ann@own.test@}", "ann@own.test", "!"},
		{"nothing before the last @", "{ann@own.test=<@own.test@reply.test>}", "ann@own.test", "!"},
		{"nothing", "{x@own.test=y@own.test}", "a@own.test", "a@own.test"},
		{"null sender", "{@own.test=y@own.test}", "", ""},
		{"two addresses", "{a@own.test=b@x.test, c@x.test}", "a@own.test", "!"},
		{"no address", "{a@own.test=<>}", "a@own.test", "!"},
		{"no domain behind the @", "{@own.test=@bad_domain!}", "a@own.test", "!"},
	} {
		m, err := open(t, local+"smtp_generic_maps = inline:{"+c.table+"}")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, err := m.Address(c.addr)
		if err != nil {
			got = "!"
		}
		if got != c.want {
			t.Errorf("%s: %q is %q (%v), want %q", c.name, c.addr, got, err, c.want)
		}
	}
	extended := local + "propagate_unmatched_extensions = generic\nsmtp_generic_maps = inline:{ {a@own.test=b@example.com}, {@near.test=c@example.com}, {d+y@own.test=e@example.com} }"
	m, err := open(t, extended)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"a+x@own.test": "b+x@example.com", "a@own.test": "b@example.com", "z+x@near.test": "c@example.com", "d+y@own.test": "e@example.com",
	} {
		if got, err := m.Address(addr); got != want {
			t.Errorf("%s is %s, %v; want %s", addr, got, err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	if m, err := open(t, ""); m != nil || err != nil {
		t.Errorf("no tables: %v, %v", m, err)
	}
	if got, err := (*Map)(nil).Address("a@b"); got != "a@b" || err != nil {
		t.Errorf("no tables: %q, %v", got, err)
	}
	if _, err := open(t, "smtp_generic_maps = nosuch:x"); err == nil {
		t.Error("an unknown table was taken")
	}
	m, err := open(t, "smtp_generic_maps = hash:/nowhere/generic")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Address("a@b.test"); err == nil {
		t.Errorf("a table that cannot be read gave %q", got)
	}
}
