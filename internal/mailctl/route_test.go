package mailctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/dns"
)

// The way of an address, its end, and the exit status.
func TestRoute(t *testing.T) {
	t.Parallel()
	s := dns.Start(t)
	s.Zone("far.test", `
		@   MX 10 mx
		@   MX 20 gone
		mx  A 127.0.0.2
		mx  AAAA 2001:db8::2
		sub A 127.0.0.3
		null MX 0 .
		bad MX 10 gone`)
	s.Sign("far.test")
	s.Fail("broken.test", dns.ServFail)
	main := `myhostname = mx.example.test
mydestination = $myhostname
local_recipient_maps = inline:{ ann=x }
relay_transport = smtp
alias_maps = inline:{ {ann=root} {team=root, "|/bin/prog -x", /var/mail/team, dave@err.test} {loop=loop} {postmaster=root} }
mail_spool_directory = /var/mail
default_privs = nobody
virtual_alias_domains = alias.test
virtual_alias_maps = texthash:%VIRTUAL
sender_canonical_maps = inline:{ {old@mx.example.test=new@mx.example.test} }
sender_bcc_maps = inline:{ {new@mx.example.test=copy@di.test} }
virtual_mailbox_domains = box.test
virtual_mailbox_maps = inline:{ {ann@box.test=box/ann/} }
virtual_mailbox_base = /srv
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
mailbox_command_maps = inline:{ {daemon=/bin/mda} }
relay_domains = relayed.test
sender_dependent_relayhost_maps = inline:{ {ann@mx.example.test=[127.0.0.5]:587} }
transport_maps = inline:{ {lm.test=lmtp:unix:private/lmtp} {err.test=error:5.7.1 no way} {re.test=retry:} {di.test=discard:} {hop.test=smtp:127.0.0.1} {none.test=none:} {in.test=nomx:localhost} {lmtp.test=lm:localhost} {host.test=native:[localhost]} }
resolver_addresses = ` + s.Addr() + "\n"
	const master = `local unix - n n - - local
smtp unix - - n - - smtpd
lmtp unix - - n - - smtpd
nomx unix - - n - - smtp -o smtp_dns_support_level=disabled
lm unix - - n - - lmtp -o lmtp_dns_support_level=disabled
native unix - - n - - smtp -o smtp_host_lookup=native
`
	virtual := filepath.Join(t.TempDir(), "virtual")
	if err := os.WriteFile(virtual, []byte("# aliases\nsales@alias.test ann@box.test, x@di.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	main = strings.ReplaceAll(main, "%VIRTUAL", virtual)
	tests := []struct {
		name string
		args []string
		code int
		want []string // lines, in order, among others
	}{
		{"local", []string{"Ann@mx.example.test"}, 0, []string{
			"asked      mydestination: has mx.example.test", "recipient  Ann@mx.example.test", "class      local", "transport  local",
			"next hop   mx.example.test", "by         local_transport", "service    local, CONF/master.cf line 1, by local(8)",
			"asked      inline:{ {ann=root} {team=root, \"|/bin/prog -x\", /var/mail/team, dave@err.test} {loop=loop} {postmaster=root} }: ann is root",
			"mailbox    /var/mail/root, an mbox file of root"}},
		{"every form", []string{"team@mx.example.test"}, 1, []string{
			"command    /bin/prog -x, with the rights of nobody (default_privs)", "file       /var/mail/team, with the rights of nobody (default_privs)",
			"mailbox    /var/mail/root, an mbox file of root", "follow     dave@err.test", "goes back  5.7.1 no way"}},
		{"alias loop", []string{"loop@mx.example.test"}, 1, nil},
		{"bare postmaster", []string{"postmaster"}, 0, []string{"class      local", "mailbox    /var/mail/root, an mbox file of root"}},
		{"command", []string{"daemon@mx.example.test"}, 1, []string{"command    /bin/mda, with the rights of daemon, by mailbox_command_maps inline:{ {daemon=/bin/mda} }"}},
		{"virtual alias", []string{"sales@alias.test"}, 0, []string{
			"asked      virtual_alias_maps texthash:VIRTUAL line 2: sales@alias.test: ann@box.test, x@di.test",
			"recipient  ann@box.test", "class      virtual", "mailbox    /srv/box/ann/, a Maildir of uid 5000", "recipient  x@di.test", "dropped"}},
		{"unknown virtual alias", []string{"no@alias.test"}, 1, []string{"class      alias", "goes back  5.1.1 User unknown in virtual alias table"}},
		{"canonical sender, copy", []string{"x@di.test", "--from", "old@mx.example.test"}, 0, []string{
			"asked      sender_canonical_maps inline:{ {old@mx.example.test=new@mx.example.test} }: old@mx.example.test: new@mx.example.test",
			"sender     new@mx.example.test", "recipient  x@di.test", "copy       to copy@di.test", "recipient  copy@di.test"}},
		{"unknown", []string{"bob@mx.example.test"}, 1, []string{"refused    smtpd says: User unknown in local recipient table"}},
		{"by MX", []string{"<ann@far.test>"}, 0, []string{
			"asked      relay_domains: does not have far.test", "class      default", "transport  smtp", "next hop   far.test", "by         default_transport",
			"service    smtp, CONF/master.cf line 2, by smtpd(8)",
			"host       mx.far.test[127.0.0.2] (secure) MX 10 of far.test (secure)", "host       mx.far.test[2001:db8::2] (secure) MX 10 of far.test (secure)",
			"goes back  gone.far.test does not exist: name server DNS knows no such domain"}},
		{"without MX", []string{"ann@sub.far.test"}, 0, []string{"host       sub.far.test[127.0.0.3] (secure) no MX"}},
		{"no host of several", []string{"ann@bad.far.test"}, 1, []string{"goes back  gone.far.test does not exist: name server DNS knows no such domain"}},
		{"null MX", []string{"ann@null.far.test"}, 1, []string{"goes back  null.far.test takes no mail: it says so by a null MX record"}},
		{"no such domain", []string{"ann@gone.far.test"}, 1, []string{"goes back  gone.far.test does not exist: name server DNS knows no such domain"}},
		{"server failure", []string{"ann@broken.test"}, 1, []string{"waits      cannot look up the MX record of broken.test: name server DNS says SERVFAIL"}},
		{"sender's relayhost", []string{"ann@far.test", "-f", "ann@mx.example.test"}, 0, []string{
			"next hop   [127.0.0.5]:587", "host       [127.0.0.5]:587"}},
		{"no DNS", []string{"ann@in.test"}, 0, []string{
			"asked      smtp_dns_support_level: disabled, so there are no mail exchangers", "host       localhost[127.0.0.1]"}},
		{"LMTP without DNS", []string{"ann@lmtp.test"}, 0, []string{
			"asked      lmtp_dns_support_level: disabled, so there are no mail exchangers", "host       localhost[127.0.0.1]"}},
		{"by the system's names", []string{"ann@host.test"}, 0, []string{"host       localhost[127.0.0.1]"}},
		{"LMTP", []string{"ann@lm.test"}, 0, []string{"transport  lmtp", "service    lmtp, CONF/master.cf line 3, by smtpd(8)", "socket     private/lmtp"}},
		{"error", []string{"ann@err.test"}, 1, []string{"by         transport_maps inline:{ {lm.test=lmtp:unix:private/lmtp} {err.test=error:5.7.1 no way} {re.test=retry:} {di.test=discard:} {hop.test=smtp:127.0.0.1} {none.test=none:} {in.test=nomx:localhost} {lmtp.test=lm:localhost} {host.test=native:[localhost]} }: err.test", "goes back  5.7.1 no way"}},
		{"retry", []string{"ann@re.test"}, 1, []string{"waits      address is temporarily not deliverable"}},
		{"discard", []string{"ann@di.test"}, 0, []string{"dropped"}},
		{"bad next hop", []string{"ann@hop.test"}, 1, []string{`waits      next hop "127.0.0.1": want brackets around an address: [127.0.0.1]`}},
		{"no service", []string{"ann@none.test"}, 1, []string{"waits      master.cf has no service none that is started"}},
		{"no address", []string{"ann@"}, 1, []string{"class      invalid", "goes back  5.1.3 Bad recipient address syntax"}},
		{"usage", []string{"a", "b"}, 64, nil},
		{"no operand", nil, 64, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			env, stdout, _ := environment(t, main, master)
			env.Args = append([]string{"route"}, test.args...)
			code := exitStatus(t, run(t.Context(), env))
			out := strings.NewReplacer(env.Config.Dir, "CONF", s.Addr(), "DNS", virtual, "VIRTUAL").Replace(stdout.String())
			rest := out
			for _, line := range test.want {
				var ok bool
				if _, rest, ok = strings.Cut(rest, line); !ok || !strings.HasPrefix(strings.TrimLeft(rest, " "), "\n") {
					t.Errorf("want the line %q, in its place, in\n%s", line, out)
				}
			}
			if code != test.code {
				t.Errorf("exit status %d, want %d\n%s", code, test.code, out)
			}
		})
	}
}
