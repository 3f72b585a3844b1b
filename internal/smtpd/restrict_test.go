package smtpd

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yubin/internal/table"
)

// One RCPT under each set of restrictions.
func TestRestrictions(t *testing.T) {
	t.Parallel()
	const accepted = "250 2.1.5 Ok"
	const aliases = "virtual_alias_maps = inline:{ {alias.example=x}, {sales@alias.example=ann@example.org}, {no@example.org=ann@example.org} }"
	for _, tc := range []struct {
		name string
		main string // lines
		helo string // "" for client.example
		from string
		to   string // "" for ann@example.org
		who  peer
		want string
	}{
		{name: "reject", main: "smtpd_recipient_restrictions = reject",
			want: "554 5.7.1 <ann@example.org>: Recipient address rejected: Access denied"},
		{name: "reject clients", main: "smtpd_client_restrictions = permit_mynetworks, reject",
			want: "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"},
		{name: "own client", main: "smtpd_client_restrictions = permit_mynetworks, reject", who: insider, want: accepted},
		{name: "defer", main: "smtpd_sender_restrictions = defer", from: "x@y.example",
			want: "450 4.3.2 <x@y.example>: Sender address rejected: Try again later"},
		{name: "permit ends one list", main: "smtpd_recipient_restrictions = permit", to: "x@elsewhere.example",
			want: "554 5.7.1 <x@elsewhere.example>: Relay access denied"},
		{name: "relay deferred", main: "smtpd_relay_restrictions = permit_mynetworks, defer_unauth_destination", to: "x@elsewhere.example",
			want: "454 4.7.1 <x@elsewhere.example>: Relay access denied"},
		{name: "warn", main: "smtpd_recipient_restrictions = warn_if_reject reject", want: accepted},
		{name: "permit destination", main: "smtpd_recipient_restrictions = permit_auth_destination, reject", want: accepted},
		{name: "unlisted", to: "no@example.org",
			want: "550 5.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table"},
		{name: "unlisted, table not named", main: "show_user_unknown_table_name = no\nunknown_local_recipient_reject_code = 450", to: "no@example.org",
			want: "450 4.1.1 <no@example.org>: Recipient address rejected: User unknown"},
		{name: "unlisted may come", main: "smtpd_reject_unlisted_recipient = no", to: "no@example.org", want: accepted},
		{name: "unlisted, asked early", main: "smtpd_reject_unlisted_recipient = no\nsmtpd_recipient_restrictions = reject_unlisted_recipient", to: "no@example.org",
			want: "550 5.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table"},
		{name: "unlisted sender", main: "smtpd_reject_unlisted_sender = yes", from: "no@example.org",
			want: "550 5.1.0 <no@example.org>: Sender address rejected: User unknown in local recipient table"},
		{name: "virtual", main: "virtual_mailbox_domains = v.example\nvirtual_mailbox_maps = inline:{a@v.example=x}", to: "b@v.example",
			want: "550 5.1.1 <b@v.example>: Recipient address rejected: User unknown in virtual mailbox table"},
		{name: "error transport", main: "relay_domains = shut.example\ntransport_maps = inline:{ {shut.example=error:5.2.1 closed for good} }", to: "x@shut.example",
			want: "550 5.2.1 <x@shut.example>: Recipient address rejected: closed for good"},
		{name: "error transport without text", main: "transport_maps = inline:{ ann@example.org=error: }",
			want: "550 5.1.1 <ann@example.org>: Recipient address rejected: Address is undeliverable"},
		{name: "error transport with a wrong class", main: "transport_maps = inline:{ {ann@example.org=error:4.2.1 text} }",
			want: "550 5.1.1 <ann@example.org>: Recipient address rejected: text"},
		{name: "error transport for one sender", main: "sender_dependent_default_transport_maps = inline:{ {eve@y.example=error:5.7.1 not from you} }", from: "eve@y.example", to: "x@elsewhere.example", who: insider,
			want: "550 5.7.1 <x@elsewhere.example>: Recipient address rejected: not from you"},
		{name: "error transport of a sender", main: "smtpd_reject_unlisted_sender = yes\ntransport_maps = inline:{ y.example=error: }", from: "eve@y.example",
			want: "550 5.1.0 <eve@y.example>: Sender address rejected: Address is undeliverable"},
		{name: "error transport, not asked", main: "smtpd_reject_unlisted_recipient = no\ntransport_maps = inline:{ ann@example.org=error: }", want: accepted},
		{name: "retry transport", main: "transport_maps = inline:{ {ann@example.org=retry:4.7.1 later} }",
			want: "450 4.7.1 <ann@example.org>: Recipient address rejected: later"},
		{name: "virtual alias", main: aliases, to: "sales@alias.example", want: accepted},
		{name: "virtual alias of another domain", main: aliases, to: "no@example.org", want: accepted},
		{name: "unknown virtual alias", main: aliases, to: "no@alias.example",
			want: "550 5.1.1 <no@alias.example>: Recipient address rejected: User unknown in virtual alias table"},
		{name: "unknown virtual alias, another code", main: aliases + "\nunknown_virtual_alias_reject_code = 450\nshow_user_unknown_table_name = no", to: "no@alias.example",
			want: "450 4.1.1 <no@alias.example>: Recipient address rejected: User unknown"},
		{name: "alias domain and transport table", main: aliases + "\ntransport_maps = static:discard:", to: "no@alias.example",
			want: "550 5.1.1 <no@alias.example>: Recipient address rejected: User unknown in virtual alias table"},
		{name: "virtual alias authorizes nobody", main: "virtual_alias_maps = static:ann@example.org\nvirtual_alias_domains =", to: "x@elsewhere.example",
			want: "554 5.7.1 <x@elsewhere.example>: Relay access denied"},
		{name: "virtual aliases cannot be read", main: "virtual_alias_maps = fail:x\nvirtual_alias_domains =",
			want: "451 4.3.0 <ann@example.org>: Temporary lookup failure"},
		{name: "canonical recipient", main: "recipient_canonical_maps = inline:{no@example.org=ann@example.org}", to: "no@example.org", want: accepted},
		{name: "canonical sender is no recipient", main: "sender_canonical_maps = inline:{no@example.org=ann@example.org}", to: "no@example.org",
			want: "550 5.1.1 <no@example.org>: Recipient address rejected: User unknown in local recipient table"},
		{name: "canonical sender", main: "smtpd_reject_unlisted_sender = yes\nsender_canonical_maps = inline:{no@example.org=ann@example.org}", from: "no@example.org", want: accepted},
		{name: "unlisted, checks left out", main: "receive_override_options = no_unknown_recipient_checks", to: "no@example.org", want: accepted},
		{name: "relocated", main: "relocated_maps = inline:{ {ann=Ann at example.net} }",
			want: "550 5.1.6 <ann@example.org>: Recipient address rejected: User has moved to Ann at example.net"},
		{name: "percent hack", main: "allow_percent_hack = yes", to: "x%elsewhere.example",
			want: "554 5.7.1 <x%elsewhere.example>: Relay access denied"},
		{name: "bang path", main: "swap_bangpath = yes", to: "example.org!ann", want: accepted},
		{name: "transport table fails", main: "transport_maps = fail:x",
			want: "451 4.3.0 <ann@example.org>: Temporary lookup failure"},
		{name: "address without brackets", to: "x@192.0.2.1", who: insider,
			want: "550 5.1.3 <x@192.0.2.1>: Recipient address rejected: Bad recipient address syntax"},
		{name: "helo without a domain", main: "smtpd_helo_restrictions = reject_non_fqdn_helo_hostname", helo: "pc",
			want: "504 5.5.2 <pc>: Helo command rejected: need fully-qualified hostname"},
		{name: "helo literal", main: "smtpd_helo_restrictions = reject_non_fqdn_hostname, reject_invalid_hostname", helo: "[192.0.2.1]", want: accepted},
		{name: "helo invalid", main: "smtpd_helo_restrictions = reject_invalid_helo_hostname", helo: "a..b",
			want: "501 5.5.2 <a..b>: Helo command rejected: Invalid name"},
		{name: "sender without a domain", main: "smtpd_sender_restrictions = reject_non_fqdn_sender", from: "joe",
			want: "504 5.5.2 <joe>: Sender address rejected: need fully-qualified address"},
		{name: "null sender", main: "smtpd_sender_restrictions = reject_non_fqdn_sender, reject_unlisted_sender", want: accepted},
		{name: "recipient without a domain", main: "myorigin = example.org\nsmtpd_recipient_restrictions = reject_non_fqdn_recipient", to: "ann",
			want: "504 5.5.2 <ann>: Recipient address rejected: need fully-qualified address"},
		{name: "bare postmaster", main: "smtpd_recipient_restrictions = reject_non_fqdn_recipient", to: "Postmaster", want: accepted},
		{name: "client access", main: "smtpd_client_restrictions = check_client_access inline:{192.0.2=reject}",
			want: "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"},
		{name: "helo access", main: "smtpd_helo_restrictions = check_helo_access inline:{{example = 550 5.7.0 no thanks}}",
			want: "550 5.7.0 <client.example>: Helo command rejected: no thanks"},
		{name: "access, tabs", main: "smtpd_helo_restrictions = check_helo_access inline:{{example = 550\t5.7.0\tno thanks}}",
			want: "550 5.7.0 <client.example>: Helo command rejected: no thanks"},
		{name: "null sender access", main: "smtpd_sender_restrictions = check_sender_access inline:{{<> = REJECT no bounces}}",
			want: "554 5.7.1 <>: Sender address rejected: no bounces"},
		{name: "access class that does not fit", main: "smtpd_recipient_restrictions = check_recipient_access inline:{{ann@ = 450 5.1.1 later}}",
			want: "450 4.7.1 <ann@example.org>: Recipient address rejected: later"},
		{name: "access OK, DUNNO, digits", main: "smtpd_recipient_restrictions = check_recipient_access inline:{ann@example.org=DUNNO}, check_recipient_access inline:{example.org=1234}, reject",
			want: accepted},
		{name: "access OK relays nothing", main: "smtpd_recipient_restrictions = check_recipient_access static:OK", to: "x@elsewhere.example",
			want: "554 5.7.1 <x@elsewhere.example>: Relay access denied"},
		{name: "access action unknown", main: "smtpd_recipient_restrictions = check_recipient_access static:FROBNICATE",
			want: "451 4.3.5 Server configuration error"},
		{name: "access list", main: "smtpd_recipient_restrictions = check_recipient_access inline:{{ann@ = permit_mynetworks, reject_unauth_destination, reject}}",
			want: "554 5.7.1 <ann@example.org>: Recipient address rejected: Access denied"},
		{name: "access list that ends well", main: "smtpd_recipient_restrictions = check_recipient_access inline:{{ann@ = permit_mynetworks, warn_if_reject reject}}, defer",
			want: "450 4.3.2 <ann@example.org>: Recipient address rejected: Try again later"},
		{name: "access list permits", main: "smtpd_recipient_restrictions = check_recipient_access inline:{{ann@ = permit_auth_destination}}, defer", want: accepted},
		{name: "access list with a table", main: "smtpd_recipient_restrictions = check_recipient_access inline:{{ann@ = check_client_access static:OK}}",
			want: "451 4.3.5 Server configuration error"},
		{name: "class", main: "smtpd_restriction_classes = strict\nstrict = reject_invalid_helo_hostname, check_client_access inline:{192.0.2.1=defer}\nsmtpd_recipient_restrictions = strict, reject",
			want: "450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"},
		{name: "class by a table", main: "smtpd_restriction_classes = insiders\ninsiders = check_sender_access inline:{example.org=OK}, reject\nsmtpd_recipient_restrictions = check_recipient_access inline:{ann@example.org=insiders}", from: "eve@y.example",
			want: "554 5.7.1 <ann@example.org>: Recipient address rejected: Access denied"},
		{name: "class lets in", main: "smtpd_restriction_classes = insiders\ninsiders = check_sender_access inline:{example.org=OK}, reject\nsmtpd_recipient_restrictions = check_recipient_access inline:{ann@example.org=insiders}, reject", from: "bob@example.org", want: accepted},
		{name: "class of a class", main: "smtpd_restriction_classes = a, b\na = b\nb = reject\nsmtpd_recipient_restrictions = a",
			want: "554 5.7.1 <ann@example.org>: Recipient address rejected: Access denied"},
		{name: "class only warns", main: "smtpd_restriction_classes = a\na = reject\nsmtpd_recipient_restrictions = warn_if_reject a", want: accepted},
		{name: "class without end", main: "smtpd_restriction_classes = a\na = check_recipient_access static:a\nsmtpd_recipient_restrictions = a",
			want: "451 4.3.5 Server configuration error"},
		{name: "class closes", main: "smtpd_restriction_classes = a\na = reject_unauth_destination\nsmtpd_relay_restrictions = permit_mynetworks, a", to: "x@elsewhere.example",
			want: "554 5.7.1 <x@elsewhere.example>: Relay access denied"},
		{name: "deferred if permitted", main: "smtpd_client_restrictions = defer_if_permit",
			want: "450 4.7.0 <unknown[192.0.2.1]>: Client host rejected: defer_if_permit requested"},
		{name: "deferred if permitted, refused", main: "smtpd_client_restrictions = defer_if_permit\nsmtpd_recipient_restrictions = reject",
			want: "554 5.7.1 <ann@example.org>: Recipient address rejected: Access denied"},
		{name: "deferred if refused", main: "smtpd_client_restrictions = check_client_access static:{DEFER_IF_REJECT 4.7.9 ask later}, reject",
			want: "450 4.7.9 <unknown[192.0.2.1]>: Client host rejected: ask later"},
		{name: "deferred if refused, elsewhere", main: "smtpd_client_restrictions = defer_if_reject\nsmtpd_recipient_restrictions = reject",
			want: "554 5.7.1 <ann@example.org>: Recipient address rejected: Access denied"},
		{name: "deferred if refused, put off", main: "smtpd_recipient_restrictions = defer_if_reject, defer",
			want: "450 4.3.2 <ann@example.org>: Recipient address rejected: Try again later"},
		{name: "deferred if refused, permitted", main: "smtpd_client_restrictions = defer_if_reject", want: accepted},
		{name: "deferred if permitted, before", main: "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access static:DEFER_IF_PERMIT",
			want: "450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Service unavailable"},
		{name: "deferred if permitted, only warned of", main: "smtpd_client_restrictions = warn_if_reject defer_if_permit", want: accepted},
		{name: "the first doubt", main: "smtpd_sender_restrictions = check_sender_access static:{DEFER_IF_PERMIT one}\nsmtpd_recipient_restrictions = defer_if_permit", from: "eve@y.example",
			want: "450 4.7.1 <eve@y.example>: Sender address rejected: one"},
		{name: "redirect to nobody", main: "smtpd_recipient_restrictions = check_recipient_access static:{REDIRECT nobody}",
			want: "451 4.3.5 Server configuration error"},
		{name: "prepend no field", main: "smtpd_recipient_restrictions = check_recipient_access static:{PREPEND no field}",
			want: "451 4.3.5 Server configuration error"},
		{name: "access table fails", main: "smtpd_recipient_restrictions = check_recipient_access fail:x",
			want: "451 4.3.0 <ann@example.org>: Temporary lookup failure"},
		{name: "recipient table fails", main: "local_recipient_maps = hash:/nonexistent/table",
			want: "451 4.3.0 <ann@example.org>: Temporary lookup failure"},
		{name: "domain table fails", main: "relay_domains = fail:x", to: "x@elsewhere.example",
			want: "451 4.3.0 <x@elsewhere.example>: Temporary lookup failure"},
		{name: "networks fail", main: "mynetworks = fail:x", to: "x@elsewhere.example",
			want: "451 4.3.0 <unknown[192.0.2.1]>: Temporary lookup failure"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.main)
			if tc.helo == "" {
				tc.helo = "client.example"
			}
			if tc.to == "" {
				tc.to = "ann@example.org"
			}
			if tc.who.name == "" {
				tc.who = stranger
			}
			c := r.connect(tc.who)
			c.reply()
			c.say("HELO " + tc.helo)
			if got := c.say("MAIL FROM:<" + tc.from + ">"); got != "250 2.1.0 Ok" {
				t.Errorf("MAIL: %q", got)
			}
			if got := c.say("RCPT TO:<" + tc.to + ">"); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			c.close()
			if tc.want != accepted && !slices.ContainsFunc(r.logged(), func(line string) bool {
				return strings.HasPrefix(line, "NOQUEUE: reject: RCPT from "+tc.who.String()+": "+tc.want+"; from=<"+tc.from+"> to=<"+tc.to+"> proto=SMTP helo=<"+tc.helo+">")
			}) {
				t.Errorf("no line of the refusal in %q", r.logged())
			}
		})
	}
}

// With smtpd_delay_reject = no, and at DATA and its end, each list speaks at
// its own time.
func TestStages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, main, script string }{
		{"client", "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access static:521", `
			S: 521 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied`},
		{"helo", "smtpd_delay_reject = no\nsmtpd_helo_restrictions = reject_non_fqdn_helo_hostname", `
			S: 220 ...
			C: HELO h
			S: 504 5.5.2 <h>: Helo command rejected: need fully-qualified hostname
			C: QUIT
			S: 221 2.0.0 Bye`},
		{"sender", "smtpd_delay_reject = no\nsmtpd_sender_restrictions = reject_non_fqdn_sender", `
			S: 220 ...
			C: MAIL FROM:<h>
			S: 504 5.5.2 <h>: Sender address rejected: need fully-qualified address
			C: RCPT TO:<ann@example.org>
			S: 503 5.5.1 Error: need MAIL command
			C: QUIT
			S: 221 2.0.0 Bye`},
		{"hang up", "smtpd_recipient_restrictions = check_recipient_access inline:{{ann@ = 421 go away}}", `
			S: 220 ...
			C: MAIL FROM:<>
			S: 250 2.1.0 Ok
			C: RCPT TO:<ann@example.org>
			S: 421 4.7.1 <ann@example.org>: Recipient address rejected: go away`},
		{"data", "smtpd_data_restrictions = reject_multi_recipient_bounce", `
			S: 220 ...
			C: MAIL FROM:<>
			S: 250 2.1.0 Ok
			C: RCPT TO:<ann@example.org>
			S: 250 2.1.5 Ok
			C: RCPT TO:<bob@example.org>
			S: 250 2.1.5 Ok
			C: DATA
			S: 550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce
			C: QUIT
			S: 221 2.0.0 Bye`},
		{"end of data", "smtpd_end_of_data_restrictions = reject", toData + `
			C: .
			S: 554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: Access denied
			C: QUIT
			S: 221 2.0.0 Bye`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.main)
			c := r.connect(stranger)
			c.play(tc.script)
			c.close()
			if len(r.taken()) != 0 {
				t.Error("a message was taken")
			}
		})
	}
}

// Lists that cannot be obeyed stop the program, with file and line.
func TestRestrictionFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ main, want string }{
		{"smtpd_client_restrictions = reject_rbl_client zen.example", `smtpd_client_restrictions: restriction "reject_rbl_client" is not known or not supported yet`},
		{"smtpd_restriction_classes = a\nsmtpd_recipient_restrictions = a", "class a has no definition: want a = restrictions"},
		{"smtpd_restriction_classes = a, b\na = b\nb = a\nsmtpd_recipient_restrictions = a", "main.cf:12: a: want a class that does not name itself"},
		{"smtpd_restriction_classes = a\na = frobnicate\nsmtpd_recipient_restrictions = a", "a: restriction \"frobnicate\" is not known"},
		{"smtpd_restriction_classes = a\na = reject\nsmtpd_relay_restrictions = warn_if_reject a", "everybody may relay"},
		{"smtpd_recipient_restrictions = check_recipient_access", "want a table type:name behind it"},
		{"smtpd_recipient_restrictions = check_recipient_access pgsql:x", `type "pgsql" is not supported`},
		{"smtpd_recipient_restrictions = permit, warn_if_reject", "warn_if_reject: want a restriction behind it"},
		{"smtpd_relay_restrictions = permit_mynetworks", "everybody may relay"},
		{"smtpd_relay_restrictions = warn_if_reject reject_unauth_destination", "everybody may relay"},
		{"mynetworks = 10.0.0.1/8", "mynetworks: "},
	} {
		_, err := tryRig(t, tc.main)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "main.cf:") {
			t.Errorf("%s: got %v, want %q", tc.main, err, tc.want)
		}
	}
	if _, err := tryRig(t, "smtpd_relay_restrictions =", "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination"); err != nil {
		t.Error(err)
	}
}

// Tables of rules are asked for the whole of what is asked about, never for parts.
func TestAccessPatterns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("/^(ann@)?example\\.org$/ reject\n/^192\\.0\\.2(\\.1)?$/ reject\n/^ann@$/ reject\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := table.Open("pcre:" + path)
	if err != nil {
		t.Fatal(err)
	}
	a := &accessTable{k: &compiler{}, t: rules, rejectCode: 554, parents: "."}
	q := &query{s: &session{said: true}}
	for _, tc := range []struct {
		keys    [][]string
		refused bool
	}{
		{[][]string{a.mailKeys("ann@example.org")}, true},
		{[][]string{a.mailKeys("bob@example.org")}, false},
		{[][]string{a.mailKeys("ann@example.net")}, false},
		{[][]string{a.domainKeys("example.org")}, true},
		{[][]string{a.domainKeys("a.example.org"), addressKeys(netip.MustParseAddr("192.0.2.1"))}, true},
		{[][]string{a.domainKeys("a.example.org"), addressKeys(netip.MustParseAddr("192.0.2.2"))}, false},
	} {
		if got := a.find(q, tc.keys); (got.action == refuse) != tc.refused {
			t.Errorf("%q: got %v, want refusal %t", tc.keys, got, tc.refused)
		}
	}
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	a := &accessTable{delimiters: "+"}
	for _, tc := range []struct {
		got  []string
		want string
	}{
		{a.mailKeys("u+x@a.b.example"), "u+x@a.b.example u@a.b.example a.b.example b.example example u+x@ u@"},
		{a.mailKeys("u"), "u@"},
		{(&accessTable{parents: "."}).domainKeys("a.b.example"), "a.b.example .b.example .example"},
		{a.domainKeys(""), ""},
		{addressKeys(netip.MustParseAddr("192.0.2.1")), "192.0.2.1 192.0.2 192.0 192"},
		{addressKeys(netip.MustParseAddr("2001:db8::1")), "2001:db8::1 2001:db8 2001"},
		{addressKeys(netip.Addr{}), ""},
	} {
		if got := strings.Join(tc.got, " "); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
