package smtpd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"yubin/test/dns"
)

// named is a client at an address whose name nobody has looked for.
func named(addr string) peer {
	p := nobody
	p.ip, p.port = netip.MustParseAddr(addr), 1025
	return p
}

// namesRig is a server that asks a name server of the test.
func namesRig(t *testing.T, lines ...string) (*rig, *dns.Server) {
	t.Helper()
	d := dns.Start(t)
	d.Zone("2.0.192.in-addr.arpa", `
1   PTR good.example.
2   PTR forged.example.
3   PTR silent.example.
5   PTR gone.example.
6   PTR 192.0.2.6.
7   PTR wrong.example.
7   PTR also.example.
`)
	d.Zone("example", `
good   A 192.0.2.1
forged A 192.0.2.99
also   A 192.0.2.7
wrong  A 192.0.2.99
silent A 192.0.2.3
`)
	d.Zone("8.b.d.0.1.0.0.2.ip6.arpa", `
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR six.test.
`)
	d.Zone("test", "six AAAA 2001:db8::1\n")
	d.Fail("silent.example", dns.ServFail)
	d.Fail("4.2.0.192.in-addr.arpa", dns.ServFail)
	lines = append([]string{
		"smtpd_peername_lookup = yes", "resolver_addresses = " + d.Addr(), "resolver_timeout = 10s",
		"relay_domains =", "unknown_client_reject_code = 550",
	}, lines...)
	return newRig(t, lines...), d
}

// A client has a name where its address and that name point at each other; the
// log, the envelope and the restrictions have that name.
func TestClientNames(t *testing.T) {
	t.Parallel()
	const unknown550 = "550 5.7.25 Client host rejected: cannot find your hostname, "
	for _, tt := range []struct {
		addr, client, reply, reverse string
		log                          string // a warning
	}{
		{"192.0.2.1", "good.example[192.0.2.1]", "250 2.1.5 Ok", "250 2.1.5 Ok", ""},
		{"192.0.2.2", "unknown[192.0.2.2]", unknown550 + "[192.0.2.2]", "250 2.1.5 Ok",
			"warning: hostname forged.example does not resolve to address 192.0.2.2"},
		{"192.0.2.3", "unknown[192.0.2.3]", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.3]", "250 2.1.5 Ok",
			"warning: hostname silent.example does not resolve to address 192.0.2.3: "},
		{"192.0.2.4", "unknown[192.0.2.4]", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.4]",
			"450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.4]", ""},
		{"192.0.2.5", "unknown[192.0.2.5]", unknown550 + "[192.0.2.5]", "250 2.1.5 Ok",
			"warning: hostname gone.example does not resolve to address 192.0.2.5: "},
		{"192.0.2.6", "unknown[192.0.2.6]", unknown550 + "[192.0.2.6]",
			"550 5.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.6]", ""},
		{"192.0.2.7", "also.example[192.0.2.7]", "250 2.1.5 Ok", "250 2.1.5 Ok", ""},
		{"192.0.2.8", "unknown[192.0.2.8]", unknown550 + "[192.0.2.8]",
			"550 5.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.8]", ""},
		{"2001:db8::1", "six.test[2001:db8::1]", "250 2.1.5 Ok", "250 2.1.5 Ok", ""},
	} {
		t.Run(tt.addr, func(t *testing.T) {
			t.Parallel()
			for _, ask := range []struct{ restriction, reply string }{
				{"reject_unknown_client_hostname", tt.reply}, {"reject_unknown_reverse_client_hostname", tt.reverse},
			} {
				r, _ := namesRig(t, "smtpd_client_restrictions = "+ask.restriction)
				c := r.connect(named(tt.addr))
				c.reply()
				c.say("EHLO c")
				c.say("MAIL FROM:<eve@elsewhere.example>")
				if got := c.say("RCPT TO:<ann@example.org>"); got != ask.reply {
					t.Errorf("%s: %q, want %q", ask.restriction, got, ask.reply)
				}
				c.say("QUIT")
				c.close()
				lines := r.logged()
				if !slices.Contains(lines, "connect from "+tt.client) {
					t.Errorf("no connect line of %s in %q", tt.client, lines)
				}
				if warned := strings.HasPrefix(lines[0], "warning: ") || strings.Contains(strings.Join(lines, "\n"), "does not resolve"); warned != (tt.log != "") ||
					tt.log != "" && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, tt.log) }) {
					t.Errorf("warnings: %q, want %q", lines, tt.log)
				}
			}
		})
	}
}

// While DNS keeps its answer back, the client hears the greeting and whatever
// does not depend on its name; what does waits.
func TestNameHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r, d := namesRig(t, "smtpd_client_restrictions = check_client_access inline:{good.example=REJECT}", "resolver_timeout = 60s")
	d.Hold()
	c := r.connect(named("192.0.2.1"))
	c.play(`
		S: 220 ...
		C: HELO c
		S: 250 mx.example
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok`)
	d.Release()
	c.play(`
		C: RCPT TO:<ann@example.org>
		S: 554 5.7.1 <good.example[192.0.2.1]>: Client host rejected: Access denied
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	if lines := r.logged(); lines[0] != "connect from good.example[192.0.2.1]" {
		t.Errorf("log: %q", lines)
	}
}

// A client that hangs up ends the question of its name.
func TestNameOfWhoHasGone(t *testing.T) {
	t.Parallel()
	r, d := namesRig(t, "resolver_timeout = 60s")
	d.Hold()
	c := r.connect(named("192.0.2.1"))
	c.reply()
	c.stop()
	c.close()
	d.Release()
	if lines := r.logged(); !slices.Contains(lines, "connect from unknown[192.0.2.1]") {
		t.Errorf("log: %q", lines)
	}
}

// The letter carries the name.
func TestNameInLetter(t *testing.T) {
	t.Parallel()
	r, _ := namesRig(t, "smtpd_relay_restrictions = reject_unauth_destination",
		"smtpd_recipient_restrictions = check_reverse_client_hostname_access inline:{good.example=OK}, reject")
	c := r.connect(named("192.0.2.1"))
	c.play(`
		S: 220 ...
		C: HELO c
		S: 250 mx.example
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok...
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	m := r.taken()[0]
	if !strings.HasPrefix(m.content, "Received: from c (good.example [192.0.2.1])\n") || m.env.Attrs["client_name"] != "good.example" {
		t.Errorf("letter %q, attributes %v", m.content, m.env.Attrs)
	}
}
