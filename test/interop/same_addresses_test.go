//go:build interop

package interop

import "testing"

// letter is one without anything of note.
func letterTo(to ...string) letterIn { return letterIn{from: "eve@far.test", to: to} }

// What addresses become, and where they lead.
func TestSameAddresses(t *testing.T) {
	t.Parallel()
	sameAs(t, []trial{
		{name: "classes", letters: []letterIn{
			letterTo("ann@own.test"), letterTo("ann"), letterTo("ann+x@local.test"), letterTo("nobody@own.test"), letterTo("Postmaster"),
			letterTo("ann@box.test"), letterTo("ann+x@box.test"), letterTo("no@box.test"), letterTo("any@relay.test"), letterTo("x@away.test"),
			letterTo("bob@own.test", "BOB@own.test"),
			{from: "", to: []string{"ann@own.test"}, head: []string{"From: MAILER-DAEMON"}},
			{from: "ann", to: []string{"x@away.test"}},
		}},
		{name: "headers", letters: []letterIn{{from: "ann@own.test", to: []string{"x@away.test"}, head: []string{
			"From: Ann Smith <ann>", "To: bob, Carol <carol@own.test>, friends: dave, e@far.test;", "Cc: \"Doe, J.\" <jd>,", " f (with a comment)",
			"Reply-To: ann", "X-To: ann", "Errors-To: ann"}}}},
		{name: "append_dot_mydomain", main: []string{"append_dot_mydomain = yes"}, letters: []letterIn{
			{from: "ann@host", to: []string{"x@mail"}, head: []string{"From: ann@host", "To: x@mail"}}}},
		{name: "old operators", main: []string{"swap_bangpath = yes", "allow_percent_hack = yes"}, letters: []letterIn{
			letterTo("relay.test!x"), letterTo("x%relay.test"), letterTo("box.test!ann"), letterTo("x%away.test")}},
		{name: "canonical", main: []string{"canonical_maps = texthash:%ETC/canonical", "sender_canonical_maps = inline:{ {bob@own.test=robert@own.test} }"},
			files: map[string]string{"canonical": "ann@own.test Ann.Smith@own.test\nAnn.Smith@own.test a.s@own.test\ncarol C@far.test\n@old.test @new.test\n" +
				"two@own.test x@own.test, y@own.test\nrobert@own.test r@far.test\n"},
			letters: []letterIn{
				{from: "ann@own.test", to: []string{"carol@local.test", "x@old.test", "carol+z@own.test"}, head: []string{"From: Ann <ann>", "To: carol@local.test, Y <y+z@old.test>"}},
				{from: "bob@own.test", to: []string{"bob@own.test", "two@own.test"}, head: []string{"From: bob", "To: bob@own.test", "Cc: two"}},
			}},
		{name: "canonical classes", main: []string{"canonical_maps = static:c@far.test", "canonical_classes = envelope_sender, header_recipient"},
			letters: []letterIn{letterTo("ann@own.test")}},
		{name: "recipient canonical", main: []string{"recipient_canonical_maps = inline:{ {no@own.test=ann@own.test} }", "propagate_unmatched_extensions ="},
			letters: []letterIn{letterTo("no+x@own.test"), {from: "no@own.test", to: []string{"ann@own.test"}}}},
		{name: "masquerade", main: []string{"masquerade_domains = !keep.example.test example.test", "masquerade_exceptions = root"},
			letters: []letterIn{
				{from: "ann@a.b.example.test", to: []string{"x@h.example.test"}, head: []string{"From: ann@a.b.example.test", "To: x@h.example.test, root@h.example.test, z@h.keep.example.test"}},
				{from: "root@h.example.test", to: []string{"x@h.example.test"}},
			}},
		{name: "masquerade classes", main: []string{"masquerade_domains = example.test", "masquerade_classes = envelope_recipient header_sender"},
			letters: []letterIn{{from: "ann@h.example.test", to: []string{"x@h.example.test"}}}},
		{name: "headers of strangers", main: []string{"local_header_rewrite_clients =", "canonical_maps = inline:{ {ann@far.test=a@far.test} }"},
			letters: []letterIn{{from: "ann@far.test", to: []string{"x@away.test"}, head: []string{"From: ann@far.test", "To: bob"}}}},
		{name: "headers of strangers, with a domain", main: []string{"local_header_rewrite_clients =", "remote_header_rewrite_domain = domain.invalid", "canonical_maps = inline:{ {ann@far.test=a@far.test} }"},
			letters: []letterIn{{from: "ann@far.test", to: []string{"x@away.test"}, head: []string{"From: ann@far.test", "To: bob"}}}},
		{name: "virtual aliases", main: []string{"virtual_alias_maps = texthash:%ETC/virtual"},
			files: map[string]string{"virtual": "alias.test anything\nann@alias.test bob@box.test\nteam@alias.test ann@own.test, bob@own.test, x@away.test\n" +
				"chain@alias.test team@alias.test\nself@alias.test self@own.test, self@alias.test\nno@own.test ann@own.test\nbare@alias.test carol\n" +
				"@swap.test @own.test\n@catch.test ann@own.test\nkey@catch.test bob@own.test\nnobody ann@box.test\nloop1@alias.test loop2@alias.test\nloop2@alias.test loop1@alias.test\n"},
			letters: []letterIn{
				letterTo("ann@alias.test"), letterTo("team@alias.test"), letterTo("chain@alias.test"), letterTo("ann+x@alias.test"), letterTo("unknown@alias.test"),
				letterTo("no@own.test"), letterTo("bare+x@alias.test"), letterTo("nobody@local.test"), letterTo("team@alias.test", "ann@own.test", "chain@alias.test"),
				letterTo("ann@alias.test NOTIFY=FAILURE ORCPT=rfc822;a@b"), letterTo("self@alias.test"), letterTo("loop1@alias.test"),
			},
			ours: map[string]string{
				"client 12.3: DATA 354":                          "client 12.3: DATA 451 4.6.0 <loop1@alias.test>: Alias expansion error",
				"client 12.4: . 451 4.6.0 Alias expansion error": "",
			}},
		{name: "virtual alias domains", main: []string{"virtual_alias_domains = swap.test catch.test", "virtual_alias_maps = texthash:%ETC/virtual", "show_user_unknown_table_name = no"},
			files:   map[string]string{"virtual": "@swap.test @own.test\n@catch.test ann@own.test\nkey@catch.test bob@own.test\n"},
			letters: []letterIn{letterTo("ann+x@swap.test"), letterTo("any@catch.test"), letterTo("key@catch.test")}},
		{name: "unknown in a virtual alias domain", main: []string{"virtual_alias_domains = empty.test", "unknown_virtual_alias_reject_code = 450", "transport_maps = inline:{ {empty.test=discard:} }"},
			letters: []letterIn{letterTo("x@empty.test")}},
		{name: "virtual alias limits", main: []string{"virtual_alias_maps = inline:{ {a@own.test=b@own.test c@own.test d@own.test} }", "virtual_alias_expansion_limit = 2"},
			letters: []letterIn{letterTo("a@own.test")},
			ours: map[string]string{
				"client 1.3: DATA 354":                          "client 1.3: DATA 451 4.6.0 <a@own.test>: Alias expansion error",
				"client 1.4: . 451 4.6.0 Alias expansion error": "",
			}},
		{name: "copies", main: []string{"always_bcc = log", "sender_bcc_maps = inline:{ {@far.test=s@away.test} }", "recipient_bcc_maps = texthash:%ETC/bcc", "virtual_alias_maps = inline:{ {ann@own.test=bob@own.test}, {log@own.test=log@away.test} }"},
			files:   map[string]string{"bcc": "ann@own.test r@away.test\nbob@own.test no@away.test\n"},
			letters: []letterIn{letterTo("ann@own.test"), letterTo("bob+x@own.test", "ann@own.test"), {from: "", to: []string{"ann@own.test"}, head: []string{"From: x@y.test"}}}},
		{name: "no original recipients", main: []string{"enable_original_recipient = no", "virtual_alias_maps = inline:{ {x@own.test=ann@own.test}, {y@own.test=ann@own.test} }"},
			letters: []letterIn{letterTo("x@own.test", "y@own.test", "ann@own.test")},
			ours:    map[string]string{"local: <eve@far.test> to <ann@own.test> ORCPT=rfc822;x@own.test": "local: <eve@far.test> to <ann@own.test>"}},
		{name: "no_address_mappings", main: []string{"receive_override_options = no_address_mappings", "canonical_maps = static:c@far.test", "virtual_alias_maps = static:v@far.test", "always_bcc = log", "masquerade_domains = far.test"},
			letters: []letterIn{{from: "ann@h.far.test", to: []string{"bob"}, head: []string{"From: ann", "To: bob"}}}},
		{name: "relocated", main: []string{"relocated_maps = texthash:%ETC/relocated", "smtpd_reject_unlisted_recipient = yes"},
			files:   map[string]string{"relocated": "ann@own.test ann@new.test\nbob somewhere else\n@gone.test the other side\n"},
			letters: []letterIn{letterTo("ann+x@own.test"), letterTo("bob@local.test"), letterTo("x@gone.test"), letterTo("carol@own.test")}},
		{name: "relocated behind an alias", main: []string{"relocated_maps = inline:{ {bob@own.test=far away} }", "virtual_alias_maps = inline:{ {ann@own.test=bob@own.test} }"},
			letters: []letterIn{letterTo("ann@own.test")}},
		{name: "transports", main: []string{"transport_maps = texthash:%ETC/transport"},
			files: map[string]string{"transport": "user@t.test discard:silently\nuser+x@t.test discard:with extension\nt.test discard:domain\n.t.test discard:below\n" +
				"hop.test :[%SINK]:%RELAY\nnothing.test :\nlate.test retry:4.3.0 later\nshut.test error:5.2.1 closed\nann@own.test error:5.3.0 not ann\nbob@own.test retry:4.1.1 not yet\n" +
				"shutter.test error:\nlater.test retry:\nno.test error:just text\nwrong.test error:4.0.0 wrong class\n"},
			letters: []letterIn{
				letterTo("user@t.test"), letterTo("user+x@t.test"), letterTo("user+y@t.test"), letterTo("other@t.test"), letterTo("x@a.b.t.test"),
				letterTo("x@nothing.test"), letterTo("x@late.test"), letterTo("x@shut.test"), letterTo("ann@own.test"), letterTo("bob@own.test"),
				letterTo("x@shutter.test"), letterTo("x@later.test"), letterTo("x@no.test"), letterTo("x@wrong.test"),
			},
			ours: map[string]string{"client 14.2: RCPT 550 5.0.0 <x@wrong.test>: Recipient address rejected: wrong class": "client 14.2: RCPT 550 5.1.1 <x@wrong.test>: Recipient address rejected: wrong class"}},
		{name: "errors behind the door", main: []string{"smtpd_reject_unlisted_recipient = no", "transport_maps = texthash:%ETC/transport"},
			files:   map[string]string{"transport": "shut.test error:5.2.1 closed\nno.test error:just text\nshutter.test error:\n* discard:rest\nann@own.test :\n"},
			letters: []letterIn{letterTo("x@shut.test"), letterTo("x@no.test"), letterTo("x@shutter.test"), letterTo("x@other.test"), letterTo("ann@own.test")}},
		{name: "transports of parents", main: []string{"transport_maps = inline:{ {p.test=discard:parent} }", "parent_domain_matches_subdomains = transport_maps"},
			letters: []letterIn{letterTo("x@a.p.test")}},
		{name: "an address in two forms", letters: []letterIn{letterTo("bob", "bob@own.test")},
			once: []string{"header: from: <eve@far.test> | to: <bob@own.test> | subject: x", "local: <eve@far.test> to <bob@own.test>"}},
		{name: "a copy for a recipient", main: []string{"always_bcc = bob@own.test"}, letters: []letterIn{letterTo("bob@own.test")},
			once: []string{"header: from: <eve@far.test> | to: <bob@own.test> | subject: x", "local: <eve@far.test> to <bob@own.test> NOTIFY=NEVER"}},
		{name: "a table that is not there", main: []string{"virtual_alias_maps = fail:broken"}, letters: []letterIn{letterTo("ann@own.test")}},
	})
}

// Where mail goes that a content filter is to see.
func TestSameFilters(t *testing.T) {
	t.Parallel()
	const filter = "smtp:[%SINK]:%RELAY"
	const table = "inline:{ {eve@far.test=FILTER smtp:[%SINK]:%DEFAULT}, {ann@far.test=FILTER discard:gone}, {late@far.test=FILTER retry:4.3.0 later} }"
	sameAs(t, []trial{
		{name: "content_filter", main: []string{"content_filter = " + filter, "virtual_alias_maps = inline:{ {team@own.test=ann@own.test, x@away.test} }", "always_bcc = carol@own.test", "transport_maps = inline:{ {box.test=error:5.0.0 closed} }"},
			letters: []letterIn{letterTo("team@own.test", "bob+y@own.test"), letterTo("ann@box.test"), {from: "", to: []string{"ann@own.test"}, head: []string{"From: x@y.test"}}}},
		{name: "a filter without a next hop", main: []string{"content_filter = discard"}, letters: []letterIn{letterTo("ann@own.test")},
			ours: map[string]string{"log: to=<ann@own.test>, relay=none, dsn=2.0.0, status=sent (own.test)": "log: to=<ann@own.test>, relay=none, dsn=2.0.0, status=sent (discarded)"}},
		{name: "default_filter_nexthop", main: []string{"content_filter = error:", "default_filter_nexthop = 5.7.1 no mail"}, letters: []letterIn{letterTo("ann@own.test")}},
		{name: "FILTER", main: []string{"smtpd_sender_restrictions = check_sender_access " + table, "content_filter = discard:all"},
			letters: []letterIn{letterTo("ann@own.test", "ann@box.test"), {from: "ann@far.test", to: []string{"bob@own.test"}}, {from: "late@far.test", to: []string{"bob@own.test"}}, {from: "x@far.test", to: []string{"bob@own.test"}}}},
	})
}
