//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"testing"
)

// sameLocal is what every trial of local(8) adds: the users man and games of
// Debian, an mbox file each, and what they write about forwarding in a place of
// the trial's.
var sameLocal = []string{
	"local_transport = local", "local_recipient_maps =", "alias_maps = hash:%ETC/aliases", "mail_spool_directory = %OUT",
	"forward_path = %ETC/$user.forward${recipient_delimiter}${extension}, %ETC/$user.forward", "default_privs = nobody", "biff = no",
}

// toldProgram is one that writes down what it is told, and what it gets.
const toldProgram = `#!/bin/sh
file=%OUT/told-$1; shift
{ echo "$*"; env | grep -E '^(LOGNAME|USER|HOME|SHELL|SENDER|RECIPIENT|ORIGINAL_RECIPIENT|LOCAL|EXTENSION|DOMAIN|USERNAME|SHLVL|MAIL)=' | sort; sed -E 's/^(From [^ ]*) .*/\1/' | grep -E '^(From |Return-Path:|X-Original-To:|Delivered-To:|Subject:|>?From)'; } >$file
`

// local is a trial of local(8).
func local(name string, main []string, files map[string]string, ours map[string]string, letters ...letterIn) trial {
	all := map[string]string{"aliases": "", "told": toldProgram}
	for n, text := range files {
		if n == "aliases" { // they are written without the colons
			text = aliasNames.ReplaceAllString(text, "$1: ")
		}
		all[n] = text
	}
	return trial{name: name, main: append(sameLocal[:len(sameLocal):len(sameLocal)], main...), files: all, letters: letters, ours: ours}
}

var aliasNames = regexp.MustCompile(`(?m)^(\S+) `)

// pipes are what every trial of pipe(8) adds: p1 to p3 deliver mail of these domains.
func pipes(name string, main []string, attributes []string, ours map[string]string, letters ...letterIn) trial {
	c := trial{name: name, letters: letters, ours: ours, files: map[string]string{"told": toldProgram},
		main: append([]string{"transport_maps = inline:{ {p1.test=p1:Hop.Test} {p2.test=p2:} {p3.test=p3:} }", "relay_domains = p1.test p2.test p3.test"}, main...)}
	for n, a := range attributes {
		c.master = append(c.master, fmt.Sprintf("p%d unix - n n - - pipe", n+1), "  user=nobody "+a)
	}
	return c
}

// What programs of master.cf are given.
func TestSamePipe(t *testing.T) {
	t.Parallel()
	sameAs(t, []trial{
		pipes("macros", nil, []string{
			"flags=DORXhu argv=%ETC/told 1 f=${sender} r=${recipient} o=${original_recipient} u=${user} e=$extension m=$(mailbox) d=${domain} h=${nexthop} $$x",
			"flags=F argv=%ETC/told 2 f=${sender} r=${recipient} u=${user} e=${extension} d=${domain} h=$nexthop",
			"flags=q null_sender= argv=%ETC/told 3 <${sender}> ${recipient} end",
		}, map[string]string{
			`told-1 of 65534 with 600: "f=eve@far.test r=ann+ext@p1.test o=ann+ext@p1.test u=ann e=ext m=ann+ext d=p1.test h=hop.test $x\nReturn-Path: <eve@far.test>\nX-Original-To: Ann+Ext@P1.test\nDelivered-To: Ann+Ext@P1.test\nFrom: <eve@far.test>\nSubject: x\nFrom: ann\n"`: `told-1 of 65534 with 600: "f=eve@far.test r=ann+ext@p1.test o=ann+ext@p1.test u=ann e=ext m=ann+ext d=p1.test h=hop.test $x\nReturn-Path: <eve@far.test>\nX-Original-To: Ann+Ext@p1.test\nDelivered-To: Ann+Ext@p1.test\nFrom: <eve@far.test>\nSubject: x\nFrom: ann\n"`,
		}, letterTo("Ann+Ext@P1.test"), letterTo("Ann+Ext@p2.test"), letterTo("\"a b\"@p3.test")),
		pipes("several recipients", []string{"p2_destination_recipient_limit = 5"}, []string{"argv=%ETC/told 1 x${recipient} y", "argv=%ETC/told 2 ${recipient} ${user}"}, nil,
			letterTo("a@p2.test", "b@p2.test")),
		pipes("null senders", nil, []string{"argv=%ETC/told 1 ${sender}", "null_sender=<> argv=%ETC/told 2 ${sender}", "null_sender= argv=%ETC/told 3 ${sender} x"}, nil,
			letterIn{to: []string{"b@p1.test"}, head: []string{"From: x"}}, letterIn{to: []string{"b@p2.test"}, head: []string{"From: x"}}, letterIn{to: []string{"b@p3.test"}, head: []string{"From: x"}}),
		pipes("ends", nil, []string{"argv=/bin/sh -c {exit 67}", "argv=/bin/sh -c {exit 75}", "argv=/bin/sh -c {echo 5.7.1 no; exit 1}"}, nil,
			letterTo("a@p1.test"), letterTo("a@p2.test"), letterTo("a@p3.test")),
		pipes("other ends", nil, []string{"argv=/no/such/program", "argv=/bin/sh -c {exit 99}", "size=10 argv=/bin/true"}, map[string]string{
			`log: to=<a@p1.test>, dsn=4.3.0, status=deferred`: `log: to=<a@p1.test>, dsn=4.3.5, status=deferred`,
		},
			letterTo("a@p1.test"), letterTo("a@p2.test"), letterTo("a@p3.test")),
		pipes("lines", nil, []string{`flags=.> eol=\r\n argv=/bin/sh -c { exec cat >%OUT/one }`, `flags=FB argv=/bin/sh -c { exec cat >%OUT/two }`}, nil, letterTo("a@p1.test"), letterTo("a@p2.test")),
	})
}

// What aliases, .forward files and mailboxes make of mail.
func TestSameLocal(t *testing.T) {
	t.Parallel()
	sameAs(t, []trial{
		local("mbox", nil, nil, nil, letterTo("man@own.test"), letterTo("man+x@own.test"), letterTo("MAN@own.test"), letterIn{to: []string{"games@own.test"}, head: []string{"From: x"}}),
		local("Maildir", []string{"mail_spool_directory = %OUT/"}, nil, nil, letterTo("man@own.test")),
		local("unknown users", nil, nil, nil, letterTo("nobody-here@own.test")),
		local("aliases", nil, map[string]string{"aliases": "team man, games, x@away.test\nchain team\nOne man\nquoted \"man\", \"Full Name\" <games@own.test>\n" +
			"loop1 loop2\nloop2 loop1\nself \\man, self@away.test\nman man, copy@away.test\nempty \nowner-list boss@away.test\nlist games, y@away.test, \"|%ETC/told list\"\n"}, map[string]string{
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;loop2@own.test, Original-Recipient: rfc822;loop1@own.test, Action: failed, Status: 5.4.6`:                                                                                                                                `notice to <eve@far.test> by default: Final-Recipient: rfc822;loop1@own.test, Action: failed, Status: 5.4.6`,
			`told-list of 65534 with 600: "\nDOMAIN=own.test\nLOCAL=list\nLOGNAME=list\nRECIPIENT=list@own.test\nSENDER=owner-list@own.test\nUSER=list\nFrom owner-list@own.test\nReturn-Path: <owner-list@own.test>\nDelivered-To: list@own.test\nFrom: <eve@far.test>\nSubject: x\nFrom: ann\n"`: `told-list of 65534 with 600: "\nDOMAIN=own.test\nLOCAL=list\nLOGNAME=list\nORIGINAL_RECIPIENT=list@own.test\nRECIPIENT=list@own.test\nSENDER=owner-list@own.test\nUSER=list\nFrom owner-list@own.test\nReturn-Path: <owner-list@own.test>\nX-Original-To: list@own.test\nDelivered-To: list@own.test\nFrom: <eve@far.test>\nSubject: x\nFrom: ann\n"`,
		},
			letterTo("team@own.test"), letterTo("chain+x@own.test"), letterTo("one@own.test"), letterTo("quoted@own.test"), letterTo("loop1@own.test"),
			letterTo("man@own.test"), letterTo("list@own.test")),
		local("commands and files", nil, map[string]string{"aliases": "command \"|%ETC/told command a b\"\nquoted \"|%ETC/told quoted 'c d' \\\"e\\\"\"\nfile %OUT/file\n" +
			"exit67 \"|exit 67\"\nexit75 \"|exit 75\"\nexit1 \"|exit 1\"\ncode \"|echo 5.7.1 no entry; exit 1\"\nboth \"|%ETC/told both\", %OUT/both\nmissing |/no/such/program\n"}, map[string]string{
			`log: to=<missing@own.test>, dsn=4.3.0, status=deferred`: `log: to=<missing@own.test>, dsn=4.3.5, status=deferred`,
		},
			letterTo("command@own.test"), letterTo("quoted+ext@own.test"), letterTo("file@own.test"), letterTo("exit67@own.test"), letterTo("exit75@own.test"),
			letterTo("exit1@own.test"), letterTo("code@own.test"), letterTo("both@own.test"), letterTo("missing@own.test")),
		local("include", nil, map[string]string{
			"aliases": "list :include:%ETC/list\nowner-list boss@away.test\nmissing :include:%ETC/missing\nprivate man, :include:%ETC/cmd\n",
			"list":    "# members\nman, games\n  x@away.test\n\n\"Y\" <y@away.test> (comment)\n", "cmd": "\"|%ETC/told private\"\n"}, map[string]string{
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;missing@own.test, Action: failed, Status: 5.3.5`: `log: to=<missing@own.test>, dsn=4.3.5, status=deferred`,
		},
			letterTo("list@own.test"), letterTo("missing@own.test"), letterTo("private@own.test")),
		local("include, commands allowed", []string{"allow_mail_to_commands = alias, forward, include", "allow_mail_to_files = alias, forward, include"}, map[string]string{
			"aliases": "list :include:%ETC/list\n", "list": "\"|%ETC/told include\"\n%OUT/included\n"}, nil, letterTo("list@own.test")),
		local("forward", nil, map[string]string{"man.forward": "x@away.test, \\man\n# comment\n\"|%ETC/told forward $USER\"\n%OUT/forwarded\n", "man.forward+ext": "ext@away.test\n",
			"games.forward": "games, z@away.test\n"}, nil,
			letterTo("man@own.test"), letterTo("man+ext@own.test"), letterTo("games@own.test"), letterTo("games+y@own.test")),
		local("empty forward", nil, map[string]string{"man.forward": "\n", "games.forward": "# nothing\n"}, nil, letterTo("man@own.test"), letterTo("games@own.test")),
		local("forward to oneself through another", nil, map[string]string{"man.forward": "games\n", "games.forward": "man\n"}, nil, letterTo("man@own.test")),
		local("mailbox_command", []string{"mailbox_command = %ETC/told mailbox \"$EXTENSION\" $HOME", "mailbox_command_maps = inline:{ {games=%ETC/told games $USER} }"}, nil, nil,
			letterTo("man+ext@own.test"), letterTo("games@own.test")),
		local("mailbox_transport", []string{"mailbox_transport = smtp:[%SINK]:%RELAY"}, map[string]string{"man.forward": "\\man, x@away.test\n"}, map[string]string{
			`header: from: <eve@far.test> | to: <man@own.test> | subject: x`: `header: delivered-to: man@own.test | from: <eve@far.test> | to: <man@own.test> | subject: x`,
		},
			letterTo("games+x@own.test"), letterTo("man@own.test"), letterTo("unknown@own.test")),
		local("mailbox_transport_maps", []string{"mailbox_transport_maps = inline:{ {man=smtp:[%SINK]:%RELAY} }"}, nil, nil, letterTo("man@own.test"), letterTo("games@own.test")),
		local("fallback_transport", []string{"fallback_transport = smtp:[%SINK]:%RELAY"}, nil, nil, letterTo("unknown+x@own.test"), letterTo("games@own.test")),
		local("luser_relay", []string{"luser_relay = $local+found@away.test"}, nil, nil, letterTo("unknown@own.test"), letterTo("unknown+e@own.test"), letterTo("games@own.test")),
		local("luser_relay to a user", []string{"luser_relay = man"}, nil, nil, letterTo("unknown@own.test")),
		local("luser_relay to an address", []string{"luser_relay = $user@%SINK.test.invalid", "transport_maps = inline:{ {%SINK.test.invalid=smtp:[%SINK]:%RELAY} }"}, nil, nil, letterTo("un+known@own.test")),
		local("owner of a command", nil, map[string]string{"man.forward": "\"|%ETC/told owner\"\n"}, nil, letterTo("man+b@own.test")),
		local("without original recipients", []string{"prepend_delivered_header = command, file", "enable_original_recipient = no"}, map[string]string{"aliases": "list man, x@away.test\n"}, map[string]string{
			`default: <eve@far.test> to <x@away.test> ORCPT=rfc822;list@own.test`:                                                                                                        `default: <eve@far.test> to <x@away.test>`,
			`man of 6 with 600: From eve@far.test | return-path: <eve@far.test> | delivered-to: list@own.test | from: <eve@far.test> | to: <list@own.test> | subject: x "From: ann\n\n"`: `man of 6 with 600: From eve@far.test | return-path: <eve@far.test> | delivered-to: man@own.test | from: <eve@far.test> | to: <list@own.test> | subject: x "From: ann\n\n"`,
		},
			letterTo("list@own.test")),
		local("owners expanded", []string{"expand_owner_alias = yes"}, map[string]string{"aliases": "list games, x@away.test\nowner-list o1@away.test, o2@away.test\n"}, map[string]string{
			`default: <"o1@away.test, to <x@away.test>`: `default: <owner-list@own.test> to <x@away.test>`,
			`games of 5 with 600: From "o1@away.test, | return-path: <"o1@away.test, o2"@away.test> | x-original-to: games@own.test | delivered-to: list@own.test | from: <eve@far.test> | to: <list@own.test> | subject: x "From: ann\n\n"`: `games of 5 with 600: From owner-list@own.test | return-path: <owner-list@own.test> | x-original-to: games@own.test | delivered-to: list@own.test | from: <eve@far.test> | to: <list@own.test> | subject: x "From: ann\n\n"`,
		}, letterTo("list@own.test")),
		local("owner with a bounce", nil, map[string]string{"aliases": "list nobody-here, x@away.test\nowner-list boss@away.test\n"}, nil, letterTo("list@own.test")),
		local("commands without quotes", nil, map[string]string{"aliases": "words |%ETC/told words two\n"}, map[string]string{
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;words@own.test, Action: failed, Status: 5.3.0, Final-Recipient: rfc822;words@own.test, Action: failed, Status: 5.1.1, Final-Recipient: rfc822;two@own.test, Original-Recipient: rfc822;words@own.test, Action: failed, Status: 5.1.1`: `told-words of 65534 with 600: "two\nDOMAIN=own.test\nLOCAL=words\nLOGNAME=words\nORIGINAL_RECIPIENT=words@own.test\nRECIPIENT=words@own.test\nSENDER=eve@far.test\nUSER=words\nFrom eve@far.test\nReturn-Path: <eve@far.test>\nX-Original-To: words@own.test\nDelivered-To: words@own.test\nFrom: <eve@far.test>\nSubject: x\nFrom: ann\n"`,
		},
			letterTo("words@own.test")),
		local("a user's files", nil, map[string]string{"man.forward": "~/no/such/directory/file\n", "games.forward": "/no/such/directory/file\n"}, map[string]string{
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;man@own.test, Action: failed, Status: 5.2.0`:   `log: to=<man@own.test>, dsn=4.2.0, status=deferred`,
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;games@own.test, Action: failed, Status: 5.2.0`: `log: to=<games@own.test>, dsn=4.2.0, status=deferred`,
		},
			letterTo("man@own.test"), letterTo("games@own.test")),
		local("files of other users", nil, map[string]string{"aliases": "include :include:%ETC/list\n", "list": "/dev/null\n", "man.forward": "/dev/null\n"}, nil,
			letterTo("include@own.test"), letterTo("man@own.test")),
		local("addresses in lists", nil, map[string]string{"aliases": "a Joe User <man@own.test>, (nobody) games\nb @\nc man@, games\nd -x@away.test\ne man@unknown.test\nf MAN@OWN.TEST\n" +
			"long man,\n  games,\n\tx@away.test\n"}, map[string]string{
			`default: <eve@far.test> to <MAILER-DAEMON@mx.example.test> ORCPT=rfc822;b@own.test`:                     `log: to=<b@own.test>, dsn=4.3.5, status=deferred`,
			`header: delivered-to: b@own.test | from: <eve@far.test> | to: <b@own.test> | subject: x`:                `header: delivered-to: d@own.test | from: <eve@far.test> | to: <d@own.test> | subject: x`,
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;c@own.test, Action: failed, Status: 5.1.3`: `log: to=<c@own.test>, dsn=4.3.5, status=deferred`,
			`notice to <eve@far.test> by default: Final-Recipient: rfc822;d@own.test, Action: failed, Status: 5.1.3`: `default: <eve@far.test> to <-x@away.test> ORCPT=rfc822;d@own.test`,
		},
			letterTo("a@own.test"), letterTo("b@own.test"), letterTo("c@own.test"), letterTo("d@own.test"), letterTo("e@own.test"), letterTo("f@own.test"), letterTo("long@own.test")),
		local("loops", nil, nil, nil, letterIn{from: "eve@far.test", to: []string{"man@own.test"}, head: []string{"Delivered-To: man@own.test", "From: x@y.test"}},
			letterIn{from: "eve@far.test", to: []string{"man+x@own.test"}, head: []string{"Delivered-To: man@own.test", "From: x@y.test"}}),
		local("notify", nil, map[string]string{"aliases": "team man, games\n"}, nil, letterTo("man@own.test NOTIFY=SUCCESS"), letterTo("nobody-here@own.test NOTIFY=NEVER"), letterTo("nobody-here@own.test NOTIFY=FAILURE ORCPT=rfc822;a@b.test"),
			letterTo("nobody-here@own.test ORCPT=rfc822;a+2Bb@b.test")),
		local("notices of several", []string{"virtual_alias_maps = inline:{ {all@own.test=man@own.test, nobody-here@own.test} }"}, nil, nil,
			letterTo("all@own.test NOTIFY=SUCCESS"), letterTo("all@own.test NOTIFY=SUCCESS,FAILURE"), letterTo("all@own.test NOTIFY=FAILURE"), letterTo("man@own.test NOTIFY=SUCCESS", "nobody-here@own.test")),
		local("copies of notices", []string{"notify_classes = bounce, 2bounce", "bounce_notice_recipient = b@away.test", "2bounce_notice_recipient = d@away.test"}, nil, nil,
			letterTo("nobody-here@own.test"), letterTo("nobody-here@own.test NOTIFY=NEVER"), letterIn{from: "", to: []string{"nobody-here@own.test"}}),
		local("mailbox_size_limit", []string{"message_size_limit = 5000", "mailbox_size_limit = 5000"}, map[string]string{"man.forward": "%OUT/big\n", "big": ""}, nil, letterTo("games@own.test")),
		local("two alias tables", []string{"alias_maps = hash:%ETC/aliases, inline:{ {second=x@away.test} {first=y@away.test} }"}, map[string]string{"aliases": "first z@away.test\n"}, nil,
			letterTo("first@own.test"), letterTo("second@own.test")),
		local("root", nil, map[string]string{"aliases": "root admin@away.test\npostmaster root\n"}, map[string]string{
			`header: delivered-to: postmaster@own.test | from: <eve@far.test> | to: <Postmaster@own.test> | subject: x`: `header: delivered-to: Postmaster@own.test | from: <eve@far.test> | to: <Postmaster@own.test> | subject: x`,
		}, letterTo("root@own.test"), letterTo("postmaster@own.test"), letterTo("Postmaster")),
	})
}
