//go:build root

package root

import (
	"os"
	"strings"
	"testing"

	"yubin/test/instance"
)

// A program of master.cf has the rights of the user that it names, and no
// others; one that would be root's, or the queue's owner's, is never run.
func TestPipeCredentials(t *testing.T) {
	i := newSystem(t, instance.Options{Stopped: true, Mailboxes: []string{"ann", "mixed", "root", "owner", "queue"}, Master: []string{
		"ann unix - n n - - pipe user=ann argv=/bin/sh -c { id -u; id -g; id -G; cat /proc/self/status | grep CapEff }",
		"mixed unix - n n - - pipe user=ann:ben argv=/bin/sh -c { id -u; id -g; id -G }",
		"root unix - n n - - pipe user=root argv=/usr/bin/touch " + "/yubin-root-was-here",
		"owner unix - n n - - pipe user=yubin argv=/bin/true",
		"group unix - n n - - pipe user=ann:maildrop argv=/bin/true",
		"queue unix - n n - - pipe user=ann argv=/bin/ls incoming",
	}})
	i.WriteFile("etc/transport", []string{
		"ann@example.test ann:", "mixed@example.test mixed:", "root@example.test root:", "owner@example.test owner:", "group@example.test group:", "queue@example.test queue:",
	})
	i.AppendMain("transport_maps = texthash:" + i.Path("etc", "transport"))
	i.WriteFile("etc/mailboxes", []string{"@example.test x/"})
	i.Start()
	for _, c := range []struct{ name, want string }{
		{"ann", "status=sent (delivered via ann service (61501 61501 61501 CapEff: 0000000000000000))"},
		{"mixed", "status=sent (delivered via mixed service (61501 61502 61502))"},
		{"root", "dsn=4.3.5, status=deferred (mail system configuration error)"},
		{"owner", "dsn=4.3.5, status=deferred (mail system configuration error)"},
		{"group", "dsn=4.3.5, status=deferred (mail system configuration error)"},
		{"queue", "Permission denied"},
	} {
		id := i.Submit("alice@example.test", c.name+"@example.test", "Subject: x\n\ny\n")
		i.WaitLog(id+": to=<"+c.name+"@example.test>", c.want)
	}
	i.WaitLog("warning", "user=root: user ID 0: no program is run as root")
	i.WaitLog("warning", "user=yubin: ", "mail_owner")
	if _, err := os.Stat("/yubin-root-was-here"); err == nil {
		t.Error("a program was run as root")
	}
}

// A content filter of an ordinary user takes a letter for two, and sends it back with
// setgid sendmail, as FILTER_README of Postfix has the simple one; a letter that it
// refuses goes back.
func TestPipeFilter(t *testing.T) {
	i := newSystem(t, instance.Options{Stopped: true, Mailboxes: []string{"x"}})
	i.WriteFile("filter", []string{
		"#!/bin/sh",
		`trap "rm -f in.$$" 0 1 2 3 15`,
		"cat >in.$$ || exit 75",
		"grep -q VIRUS in.$$ && { echo Message content rejected; exit 69; }",
		"{ echo 'X-Spam-Status: No'; cat in.$$; } | " + i.Bin + `/sendmail -C "$MAIL_CONFIG" -G -i "$@"`,
	})
	if err := os.Chmod(i.Path("filter"), 0o755); err != nil {
		t.Fatal(err)
	}
	allowConfig(t, i)
	i.WriteFile("etc/master.cf", []string{
		i.Addr + " inet n - n - - smtpd", "  -o content_filter=filter:dummy",
		"filter unix - n n - 10 pipe flags=Rq null_sender= directory=" + open(t, i) + " user=ann argv=" + i.Path("filter") + " -f ${sender} -- ${recipient}",
	})
	i.Start()
	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO x.test")
	id, err := s.Deliver("carol@example.com", []string{"ben@localhost", "ann@localhost"}, "Subject: x\n\nline\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"ben", "ann"} {
		i.WaitLog(id+": to=<"+who+"@localhost>, relay=filter,", "status=sent (delivered via filter service)")
		var letter string
		i.Until("the filtered letter is in the Maildir of "+who, func() bool {
			for _, l := range instance.ReadMaildir(t, home(t, who)+"/Maildir") {
				letter = l
			}
			return letter != ""
		})
		if !strings.HasSuffix(letter, "\n\nline\n") || strings.Count(letter, "X-Spam-Status: No\n") != 1 || !strings.Contains(letter, "Return-Path: <carol@example.com>\n") || !strings.Contains(letter, "from userid 61501") {
			t.Errorf("the letter is\n%s", letter)
		}
	}
	if n := strings.Count(i.Log(), "uid=61501 from=<carol@example.com>"); n != 1 {
		t.Errorf("the filter has sent %d letters back, want one for both", n)
	}
	id = i.Submit("", "ben@localhost", "Subject: VIRUS\n\nline\n")
	i.WaitLog(id+": to=<ben@localhost>, relay=filter,", "dsn=5.3.0, status=bounced", "Message content rejected")
}
