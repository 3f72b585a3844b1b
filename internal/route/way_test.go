package route

import (
	"slices"
	"strings"
	"testing"
)

// wayConfig has a value for every parameter of a way; what a case sets comes
// behind it, and the last value counts.
const wayConfig = `
myhostname = mx.example.com
mydestination = localhost, $myhostname
virtual_mailbox_domains = virtual.example
relay_domains = relay.example
recipient_delimiter = +
`

// Who decides where mail goes: each rule alone, and against those it overrules.
func TestWays(t *testing.T) {
	t.Parallel()
	const maps = "transport_maps = hash:%DIR/transport\n"
	tests := []struct {
		name, mainCF, addr, sender, want, rule string // want is transport|nexthop
	}{
		{"rule for the whole address", "transport_maps = pcre:%DIR/rules\n", "ann@b.example", "", "slow|b.example", "transport_maps pcre:%DIR/rules: ann@b.example"},
		{"no rule for or with parts of it", "transport_maps = pcre:%DIR/rules\n", "bob@b.example", "", "smtp|b.example", "default_transport"},
		{"nothing set", "", "a@b.example", "", "smtp|b.example", "default_transport"},
		{"relay class", "", "a@x.relay.example", "", "relay|x.relay.example", "relay_transport"},
		{"literal", "", "a@[192.0.2.9]", "", "smtp|[192.0.2.9]", "default_transport"},

		{"relayhost", "relayhost = [r.example]:587\n", "a@b.example", "", "smtp|[r.example]:587", "relayhost"},
		{"relayhost, relay class", "relayhost = [r.example]:587\n", "a@relay.example", "", "relay|[r.example]:587", "relayhost"},
		{"relayhost, literal", "relayhost = r.example\n", "a@[192.0.2.9]", "", "smtp|r.example", "relayhost"},
		{"several relayhosts", "relayhost = [r.example], [s.example]\n", "a@b.example", "", "smtp|[r.example], [s.example]", "relayhost"},
		{"not for local", "relayhost = r.example\n", "a@localhost", "", "local|mx.example.com", "local_transport"},
		{"not for virtual", "relayhost = r.example\n", "a@virtual.example", "", "virtual|virtual.example", "virtual_transport"},
		{"not with a next hop", "relayhost = r.example\ndefault_transport = smtp:d.example\n", "a@b.example", "", "smtp|d.example", "default_transport"},
		{"not with a next hop, relay class", "relayhost = r.example\nrelay_transport = relay:[10.0.0.1]\n", "a@relay.example", "", "relay|[10.0.0.1]", "relay_transport"},
		{"not for error", "relayhost = r.example\ndefault_transport = error\n", "a@b.example", "", "error|", "default_transport"},
		{"text of error", "default_transport = error:5.1.2 outbound mail: not here\n", "a@b.example", "", "error|5.1.2 outbound mail: not here", "default_transport"},
		{"LMTP for virtual", "virtual_transport = lmtp:unix:private/dovecot-lmtp\n", "a@virtual.example", "", "lmtp|unix:private/dovecot-lmtp", "virtual_transport"},

		{"sender's relayhost", "relayhost = r.example\nsender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "Ann@s.example", "smtp|[ann.example]", "sender_dependent_relayhost_maps hash:%DIR/relay: Ann@s.example"},
		{"with extension", "sender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "ann+x@s.example", "smtp|[ann.example]", "sender_dependent_relayhost_maps hash:%DIR/relay: ann@s.example"},
		{"by domain", "sender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@relay.example", "bob@s.example", "relay|s-relay.example:26", "sender_dependent_relayhost_maps hash:%DIR/relay: @s.example"},
		{"DUNNO", "relayhost = r.example\nsender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "carl@s.example", "smtp|r.example", "relayhost"},
		{"DUNNO alone", "sender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "carl@s.example", "smtp|b.example", "default_transport"},
		{"unknown sender", "relayhost = r.example\nsender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "x@t.example", "smtp|r.example", "relayhost"},
		{"null sender", "sender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "", "smtp|[null.example]", "sender_dependent_relayhost_maps hash:%DIR/relay: <>"},
		{"key of the null sender", "sender_dependent_relayhost_maps = inline:{ none=[n.example] }\nempty_address_relayhost_maps_lookup_key = none\n", "a@b.example", "", "smtp|[n.example]", "sender_dependent_relayhost_maps inline:{ none=[n.example] }: none"},
		{"sender without a domain", "myorigin = s.example\nsender_dependent_relayhost_maps = hash:%DIR/relay\n", "a@b.example", "ann", "smtp|[ann.example]", "sender_dependent_relayhost_maps hash:%DIR/relay: ann@s.example"},
		{"not for local mail", "sender_dependent_relayhost_maps = fail:x\n", "a@localhost", "ann@s.example", "local|mx.example.com", "local_transport"},

		{"sender's transport", "sender_dependent_default_transport_maps = hash:%DIR/senders\n", "a@b.example", "ann@s.example", "slow|b.example", "sender_dependent_default_transport_maps hash:%DIR/senders: ann@s.example"},
		{"and relayhost", "relayhost = r.example\nsender_dependent_default_transport_maps = hash:%DIR/senders\n", "a@b.example", "ann@s.example", "slow|r.example", "sender_dependent_default_transport_maps hash:%DIR/senders: ann@s.example, relayhost"},
		{"with next hop", "relayhost = r.example\nsender_dependent_default_transport_maps = hash:%DIR/senders\n", "a@b.example", "bob@s.example", "slow|[bob.example]", "sender_dependent_default_transport_maps hash:%DIR/senders: bob@s.example"},
		{"next hop alone", "sender_dependent_default_transport_maps = hash:%DIR/senders\n", "a@b.example", "dora@s.example", "smtp|[dora.example]", "sender_dependent_default_transport_maps hash:%DIR/senders: dora@s.example"},
		{"DUNNO for a transport", "default_transport = x\nsender_dependent_default_transport_maps = hash:%DIR/senders\n", "a@b.example", "carl@s.example", "x|b.example", "default_transport"},
		{"not for the relay class", "sender_dependent_default_transport_maps = hash:%DIR/senders\n", "a@relay.example", "ann@s.example", "relay|relay.example", "relay_transport"},
		{"key of the null sender for a transport", "sender_dependent_default_transport_maps = static:n\nempty_address_default_transport_maps_lookup_key = none\n", "a@b.example", "", "n|b.example", "sender_dependent_default_transport_maps static:n: none"},

		{"address", maps, "User+x@full.example", "", "uucp|full-ext", "transport_maps hash:%DIR/transport: User+x@full.example"},
		{"address without extension", maps, "user+y@full.example", "", "uucp|full", "transport_maps hash:%DIR/transport: user@full.example"},
		{"domain", maps, "other@full.example", "", "smtp|[d.example]:26", "transport_maps hash:%DIR/transport: full.example"},
		{"no @domain key", maps, "a@at.example", "", "smtp|[all.example]", "transport_maps hash:%DIR/transport: *"},
		{"parent", maps, "a@x.sub.example", "", "smtp|[below.example]", "transport_maps hash:%DIR/transport: .sub.example"},
		{"nearest parent", maps, "a@y.x.deep.sub.example", "", "smtp|[deep.example]", "transport_maps hash:%DIR/transport: .deep.sub.example"},
		{"the parent itself is not below", maps, "a@sub.example", "", "smtp|[all.example]", "transport_maps hash:%DIR/transport: *"},
		{"parents without dot", maps + "parent_domain_matches_subdomains = transport_maps\n", "a@x.full.example", "", "smtp|[d.example]:26", "transport_maps hash:%DIR/transport: full.example"},
		{"address literal", maps, "a@[192.0.2.9]", "", "smtp|[lit.example]", "transport_maps hash:%DIR/transport: [192.0.2.9]"},
		{"local domain", maps, "a@localhost", "", "smtp|[inside.example]", "transport_maps hash:%DIR/transport: localhost"},
		{"null recipient", maps, "", "", "smtp|[null-rcpt.example]", "transport_maps hash:%DIR/transport: MAILER-DAEMON@mx.example.com"},
		{"lone colon", "relayhost = r.example\n" + maps, "a@colon.example", "", "smtp|r.example", "relayhost"},
		{"lone colon for local", maps, "a@mx.example.com", "", "local|mx.example.com", "local_transport"},
		{"empty transport", maps, "a@x.relay.example", "", "relay|[inner.example]", "transport_maps hash:%DIR/transport: .relay.example"},
		{"empty next hop is the domain and not relayhost", "relayhost = r.example\n" + maps, "a@direct.example", "", "smtp|direct.example", "transport_maps hash:%DIR/transport: direct.example"},
		{"no colon", maps, "a@bare.example", "", "smtp|bare.example", "transport_maps hash:%DIR/transport: bare.example"},
		{"error", maps, "a@err.example", "", "error|5.7.1 not: from here", "transport_maps hash:%DIR/transport: err.example"},
		{"error without text", maps, "a@err2.example", "", "error|", "transport_maps hash:%DIR/transport: err2.example"},
		{"retry", maps, "a@retry.example", "", "retry|4.7.1 later", "transport_maps hash:%DIR/transport: retry.example"},
		{"discard", maps, "a@gone.example", "", "discard|", "transport_maps hash:%DIR/transport: gone.example"},
		{"the first table", "transport_maps = inline:{ b.example=one: } inline:{ b.example=two: a@b.example=three: }\n", "a@b.example", "", "three|b.example", "transport_maps inline:{ b.example=two: a@b.example=three: }: a@b.example"},
		{"over a sender's transport", maps + "sender_dependent_default_transport_maps = static:s:\n", "a@full.example", "x@y.example", "smtp|[d.example]:26", "transport_maps hash:%DIR/transport: full.example"},

		{"unreadable transport_maps", "transport_maps = fail:x\n", "a@b.example", "", "fails", "look up a@b.example in transport_maps"},
		{"unreadable, local mail", "transport_maps = fail:x\n", "a@localhost", "", "fails", "look up a@localhost in transport_maps"},
		{"unreadable relayhosts", "sender_dependent_relayhost_maps = fail:x\n", "a@b.example", "s@t.example", "fails", "look up s@t.example in sender_dependent_relayhost_maps"},
		{"unreadable transports", "sender_dependent_default_transport_maps = fail:x\n", "a@b.example", "s@t.example", "fails", "look up s@t.example in sender_dependent_default_transport_maps"},
	}
	files := map[string]string{
		"relay":   "ann@s.example [ann.example]\n@s.example s-relay.example:26\ncarl@s.example dunno\n<> [null.example]\n",
		"rules":   "/^ann@/ slow:\n/^b\\.example$/ part:\n/^(bob)@/ $1:\n",
		"senders": "ann@s.example slow:\nbob@s.example slow:[bob.example]\ncarl@s.example DUNNO\ndora@s.example :[dora.example]\n",
		"transport": `
user+x@full.example  uucp:full-ext
user@full.example    uucp:full
full.example         smtp:[d.example]:26
@at.example          smtp:[wrong.example]
.sub.example         smtp:[below.example]
.deep.sub.example    smtp:[deep.example]
[192.0.2.9]          smtp:[lit.example]
localhost            smtp:[inside.example]
mailer-daemon@mx.example.com smtp:[null-rcpt.example]
mx.example.com       :
colon.example        :
.relay.example       :[inner.example]
direct.example       smtp:
bare.example         smtp
err.example          error:5.7.1 not: from here
err2.example         error:
retry.example        retry:4.7.1 later
gone.example         discard:
*                    smtp:[all.example]
`,
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, wayConfig+test.mainCF, files)
			r, err := New(c, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, steps, err := r.Explain(test.addr, test.sender)
			if test.want == "fails" {
				if err == nil || !strings.Contains(err.Error(), test.rule) {
					t.Errorf("got %+v, %v, want an error with %q", res, err, test.rule)
				}
				return
			}
			got, want := res.Transport+"|"+res.Nexthop, strings.ReplaceAll(test.rule, "%DIR", c.Dir)
			if err != nil || got != test.want || res.Rule != want {
				t.Errorf("got %s by %q, %v, want %s by %q\nsteps %+v", got, res.Rule, err, test.want, want, steps)
			}
			if again, err := r.Resolve(test.addr, test.sender); err != nil || again != res {
				t.Errorf("without steps: got %+v, %v, want %+v", again, err, res)
			}
		})
	}
}

// Explain says what was asked, in order, and nothing of what is not set.
func TestExplain(t *testing.T) {
	t.Parallel()
	r, err := New(load(t, wayConfig+`
relayhost = [r.example]
sender_dependent_relayhost_maps = inline:{ @s.example=DUNNO }
transport_maps = inline:{ x=y }
`, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, steps, err := r.Explain("a+b@c.example", "ann@s.example")
	want := []Step{
		{"mydestination", "does not have c.example"},
		{"virtual_alias_domains", "does not have c.example"},
		{"virtual_mailbox_domains", "does not have c.example"},
		{"relay_domains", "does not have c.example"},
		{"default_transport", "smtp:"},
		{"sender_dependent_relayhost_maps inline:{ @s.example=DUNNO }: @s.example", "DUNNO"},
		{"relayhost", "[r.example]"},
		{"transport_maps", "nothing for a+b@c.example, a@c.example, c.example, .example, *"},
	}
	if err != nil || !slices.Equal(steps, want) {
		t.Errorf("got %q, %v\nwant %q", steps, err, want)
	}
}

// What is counted per mailbox, and what per next hop.
func TestMailboxes(t *testing.T) {
	t.Parallel()
	r, err := New(load(t, wayConfig+"transport_maps = inline:{ here.example=local: v.example=virtual: mx.example.com=smtp:[inside.example] }\n", nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"Ann+x@localhost":       "ann",
		"ann+x@virtual.example": "ann@virtual.example",
		"ann@b.example":         "",
		"ann@mx.example.com":    "",
		"Bob+y@here.example":    "bob",
		"Bob+y@v.example":       "bob@v.example",
	} {
		if got, err := r.Resolve(addr, ""); err != nil || got.Mailbox != want {
			t.Errorf("%s: got %q, %v, want %q", addr, got.Mailbox, err, want)
		}
	}
}
