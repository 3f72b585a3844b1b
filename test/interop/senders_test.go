//go:build interop

package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// A mailing is a program that sends a letter to alice, and to bob, whom nobody
// sees, by the sendmail command.
type mailing struct {
	name   string
	run    func(t *testing.T, i *instance.Instance, sendmail string)
	sender string // of the envelope
	letter string // as wantLetter has it
}

const (
	ownSender = "root@" + instance.Host
	// symfony begins a PHP program that sends a letter by the mailer of Symfony,
	// and so of Laravel and Drupal.
	symfony = `<?php
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
use Symfony\Component\Mailer\{Mailer, Transport};
use Symfony\Component\Mime\Email;
$m = new Mailer(Transport::fromDsn($argv[1]));
`
	symfonyLetter = symfony + `$m->send((new Email())->from('Ann <ann@peer.test>')->to('alice@example.test')->bcc('bob@example.test')
	->returnPath('bounce@peer.test')->subject('Ein Gruß')->text("dots\n.\n.x\nGrüße\n")->attach("\0\1\xff", 'x.bin'));
`
	symfonyWant = `From: Ann <ann@peer.test>
To: alice@example.test
Subject: Ein =?utf-8?Q?Gru=C3=9F?=
Message-ID: <*@peer.test>
MIME-Version: 1.0
Date: *
Content-Type: multipart/mixed; boundary=*

--*
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

dots
.
.x
Gr=C3=BC=C3=9Fe

--*
Content-Type: application/octet-stream; name=x.bin
Content-Transfer-Encoding: base64
Content-Disposition: attachment; name=x.bin; filename=x.bin

AAH/
--*--
`
	ownFields = "Date: *\nMessage-Id: <*@" + instance.Host + ">\n"
	addedWho  = "Date: *\nFrom: * <" + ownSender + ">\nMessage-Id: <*@" + instance.Host + ">\n"
	awkward   = "Grüße\n.\n..\n.dot\nFrom here\n"
)

var mailings = []mailing{
	{"s-nail", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, awkward, "s-nail", "-n", "-S", "mta="+sendmail, "-S", "sendwait", "-S", "ttycharset=utf-8", "-s", "Ein Gruß", "-r", "ann@peer.test", "-b", bob, alice)
	}, "ann@peer.test", `Date: *
From: ann@peer.test
To: alice@example.test
Subject: Ein =?utf-8?B?R3J1w58=?=
Message-ID: <*ann@peer.test>
User-Agent: s-nail *
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
=2E
..
.dot
=46rom here
`},
	{"bsd-mailx", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, awkward, beside(t, i, nil, "bsd-mailx", "-n", "-s", "a greeting", "-r", "ann@peer.test", "-b", bob, alice)...)
	}, "ann@peer.test", `From: ann@peer.test
To: alice@example.test
Subject: a greeting
MIME-Version: 1.0
Content-Type: text/plain; charset="UTF-8"
Content-Transfer-Encoding: 8bit
` + ownFields + "\n" + awkward},
	{"PHP mail", func(t *testing.T, i *instance.Instance, sendmail string) {
		code := fmt.Sprintf(`exit(mail("alice@example.test", "Ein Gruß", "dots\n.\nFrom here\r\nwith CR LF\n%s\n",
			"From: Ann <ann@peer.test>\r\nBcc: bob@example.test\r\nX-Folded: one\r\n two\r\nContent-Type: text/plain; charset=utf-8", "-fbounce@peer.test") ? 0 : 1);`,
			strings.Repeat("x", 3000))
		succeed(t, "", "php", "-d", "sendmail_path="+sendmail+" -t -i", "-r", code)
	}, "bounce@peer.test", `To: alice@example.test
Subject: Ein Gruß
From: Ann <ann@peer.test>
X-Folded: one
 two
Content-Type: text/plain; charset=utf-8
` + ownFields + "\ndots\n.\nFrom here\nwith CR LF\n" + strings.Repeat("x", 3000) + "\n\n"}, // which it adds
	{"PHP mail, as it is set up", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, "", beside(t, i, nil, "php", "-n", "-r",
			`exit(mail("alice@example.test, bob@example.test", "plain", ".\nGrüße", ["Reply-To" => "ann@peer.test"]) ? 0 : 1);`)...)
	}, ownSender, "To: alice@example.test, bob@example.test\nSubject: plain\nReply-To: ann@peer.test\n" + addedWho + "\n.\nGrüße\n"},
	{"MIME::Lite", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, fmt.Sprintf(`use MIME::Lite;
my $m = MIME::Lite->new(From => 'Ann <ann@peer.test>', To => 'alice@example.test', Bcc => 'bob@example.test', Subject => 'lite', Type => 'multipart/mixed');
$m->attach(Type => 'TEXT', Data => "dots\n.\n.x\n");
$m->attach(Type => 'application/octet-stream', Encoding => 'base64', Data => "\0\1\xff", Filename => 'x.bin');
$m->send('sendmail', '%s -t -oi -oem -fbounce@peer.test') or exit 1;
`, sendmail), "perl", "-")
	}, "bounce@peer.test", `Content-Transfer-Encoding: binary
Content-Type: multipart/mixed; boundary="*"
MIME-Version: 1.0
X-Mailer: MIME::Lite *
Date: *
From: Ann <ann@peer.test>
To: alice@example.test
Subject: lite
Message-Id: <*@mx.example.test>

This is a multi-part message in MIME format.

--*
Content-Disposition: inline
Content-Length: 10
Content-Transfer-Encoding: binary
Content-Type: text/plain

dots
.
.x

--*
Content-Disposition: inline; filename="x.bin"
Content-Transfer-Encoding: base64
Content-Type: application/octet-stream; name="x.bin"

AAH/

--*--
`},
	{"MIME::Lite, as it is set up", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, "", beside(t, i, nil, "perl", "-MMIME::Lite", "-e",
			`MIME::Lite->new(From => 'ann@peer.test', To => 'alice@example.test', Cc => 'bob@example.test', Subject => 'l', Data => ".\n")->send or exit 1`)...)
	}, "ann@peer.test", `Content-Disposition: inline
Content-Transfer-Encoding: binary
Content-Type: text/plain
MIME-Version: 1.0
X-Mailer: MIME::Lite *
Date: *
From: ann@peer.test
To: alice@example.test
Cc: bob@example.test
Subject: l
Message-Id: <*@mx.example.test>

.
`},
	{"Symfony, SMTP on standard input", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, "", "php", writeFile(t, "send.php", symfonyLetter), "sendmail://default?command="+sendmail+"%20-bs")
	}, "bounce@peer.test", symfonyWant + "\n"}, // which it adds
	{"Symfony, as it is set up", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, "", beside(t, i, nil, "php", writeFile(t, "send.php", symfonyLetter), "sendmail://default")...)
	}, "bounce@peer.test", symfonyWant + "\n"},
	{"Symfony, with -t", func(t *testing.T, i *instance.Instance, sendmail string) {
		succeed(t, "", "php", writeFile(t, "send.php", symfonyLetter), "sendmail://default?command="+sendmail+"%20-oi%20-t")
	}, "bounce@peer.test", symfonyWant},
	{"nodemailer", func(t *testing.T, i *instance.Instance, sendmail string) {
		nodemailer(t, fmt.Sprintf("{sendmail: true, newline: 'windows', path: %q}", sendmail), "")
	}, "ann@peer.test", nodemailerWant},
	{"cron", func(t *testing.T, i *instance.Instance, sendmail string) {
		// It does not end by itself.
		argv := beside(t, i, map[string]string{
			"var/spool/cron/crontabs/.keep": "", // the directory is of another package
			"etc/crontab":                   "",
			"etc/cron.d/mine":               "MAILTO=alice@example.test,bob@example.test\n@reboot root printf 'Gr\\303\\274\\303\\237e\\n.\\n..\\n.dot\\nFrom here\\n'\n",
		}, "sh", "-c", `cron -f & cron=$!; until [ -e "$0" ]; do sleep 0.05; done; kill $cron`)
		over := argv[2]
		sendmailOf(t, i, over+"/usr/sbin/sendmail.real")
		putFiles(t, over, map[string]string{"usr/sbin/sendmail": "#!/bin/sh\n/usr/sbin/sendmail.real \"$@\" && : >" + over + "/done\n"})
		chmod(t, over+"/usr/sbin/sendmail")
		succeed(t, "", append(argv, over+"/done")...)
	}, ownSender, `From: root@mx.example.test (Cron Daemon)
To: alice@example.test,bob@example.test
Subject: Cron <root@*> *
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <MAILTO=alice@example.test,bob@example.test>
X-Cron-Env: <SHELL=/bin/sh>
X-Cron-Env: <HOME=/root>
X-Cron-Env: <PATH=/usr/bin:/bin>
X-Cron-Env: <LOGNAME=root>
` + ownFields + "\n" + awkward},
	{"anacron", func(t *testing.T, i *instance.Instance, sendmail string) {
		table := writeFile(t, "anacrontab", "SHELL=/bin/sh\nPATH=/usr/bin:/bin\nMAILTO=alice@example.test,bob@example.test\n1 0 job echo ..; echo From here; echo .; echo lost\n")
		succeed(t, "", beside(t, i, nil, "anacron", "-d", "-f", "-n", "-t", table, "-S", t.TempDir())...)
	}, ownSender, `From: Anacron <root@mx.example.test>
To: alice@example.test,bob@example.test
Subject: Anacron job 'job' on *
Content-Type: text/plain; charset=*
` + ownFields + "\n..\nFrom here\n"}, // without -i a dot ends the letter
}

// Programs that send by the sendmail command, as their packages come or with its
// path told: what arrives is what they sent, when the system is up and when it was down.
func TestSenders(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"s-nail", "php", "perl", "node"} {
		need(t, program)
	}
	for _, m := range mailings {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			i := start(t)
			sendmail := sendmailOf(t, i, t.TempDir()+"/sendmail")
			m.run(t, i, sendmail)
			for _, box := range []string{"alice", "bob"} {
				wantLetter(t, one(t, i, box), m.sender, m.letter)
			}
			i.Stop()
			m.run(t, i, sendmail)
			i.Start()
			for _, box := range []string{"alice", "bob"} {
				for _, letter := range i.WaitMail(box, 2) {
					wantLetter(t, letter, m.sender, m.letter)
				}
			}
			wantEmpty(t, i)
		})
	}
}

// What sendmail refuses, the programs that call it say, and it leaves nothing behind.
func TestSendersRefused(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"mynetworks = 127.0.0.1", "message_size_limit = 5000"}})
	sendmail := sendmailOf(t, i, t.TempDir()+"/sendmail")
	const big = "message file too big"
	long := strings.Repeat("a long letter\n", 1000)
	data := writeFile(t, "long", long)
	for _, c := range []struct {
		name, stdin string
		argv        []string
		code        int
		says        string
	}{
		{"s-nail", long, []string{"s-nail", "-n", "-S", "mta=" + sendmail, "-S", "sendwait", "-S", "nosave", "-s", "x", alice}, 4, big},
		{"s-nail, no such option", "x\n", []string{"s-nail", "-n", "-S", "mta=" + sendmail, "-S", "mta-arguments=-Xlog", "-S", "sendwait", "-S", "nosave", "-s", "x", alice}, 4, "sendmail: fatal: unsupported: -Xlog"},
		{"bsd-mailx", long, beside(t, i, nil, "bsd-mailx", "-n", "-s", "x", alice), 1, big},
		{"PHP", "", []string{"php", "-d", "sendmail_path=" + sendmail + " -t -i", "-r",
			fmt.Sprintf(`exit(mail("alice@example.test", "x", file_get_contents(%q)) ? 0 : 3);`, data)}, 3, big},
		{"PHP, no recipient", "", []string{"php", "-d", "sendmail_path=" + sendmail + " -t -i", "-r", `exit(mail("", "x", "y") ? 0 : 3);`}, 3, "No recipient addresses found in message header"},
		{"MIME::Lite", "", []string{"perl", "-MMIME::Lite", "-e",
			fmt.Sprintf(`MIME::Lite->new(To => 'alice@example.test', Data => 'a long letter' x 1000)->send('sendmail', '%s -t -oi -oem') or exit 3`, sendmail)}, 3, big},
		{"Symfony, SMTP on standard input", "", []string{"php", writeFile(t, "send.php", symfony+`
			try { $m->send((new Email())->from('ann@peer.test')->to('alice@example.test')->text(str_repeat("a long letter\n", 1000))); }
			catch (Symfony\Component\Mailer\Exception\TransportException $e) { echo $e->getMessage(); exit(3); }`), "sendmail://default?command=" + sendmail + "%20-bs"},
			3, "552 5.3.4 Message size exceeds fixed limit"},
	} {
		o := peer(t, c.stdin, c.argv...)
		if o.code != c.code || !strings.Contains(o.output, c.says) {
			t.Errorf("%s: exit status %d, want %d and %q:\n%s", c.name, o.code, c.code, c.says, o.output)
		}
	}
	o := runNodemailer(t, fmt.Sprintf("{sendmail: true, path: %q}", sendmail), "html: 'a long letter'.repeat(1000)")
	if o.code != 1 || !strings.Contains(o.output, "69") && !strings.Contains(o.output, "EPIPE") { // it was still writing
		t.Errorf("nodemailer: exit status %d\n%s", o.code, o.output)
	}
	wantEmpty(t, i)
	if left, _ := filepath.Glob(i.Path("queue", "maildrop", "*")); len(left)+len(i.Mail("alice")) > 0 {
		t.Errorf("maildrop has %q, alice %d letters", left, len(i.Mail("alice")))
	}
}
