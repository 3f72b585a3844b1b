//go:build interop

package interop

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"yubin/test/instance"
)

// Programs that people deliver to, set up as their manuals say for Postfix.
func TestPipePrograms(t *testing.T) {
	who := "nobody" // never root
	if os.Geteuid() != 0 {
		u, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		who = u.Username
	}
	i := instance.New(t, instance.Options{Stopped: true, Mailboxes: []string{"x"}})
	out := i.Path("out")
	for _, d := range []string{out, out + "/home", out + "/maildrop", out + "/maildrop/tmp", out + "/maildrop/new", out + "/maildrop/cur"} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	i.WriteFile("maildroprc", []string{`to "` + out + `/maildrop"`})
	if os.Geteuid() == 0 { // maildrop reads no file of another user
		u, err := user.Lookup(who)
		if err != nil {
			t.Fatal(err)
		}
		uid, err := strconv.Atoi(u.Uid)
		if err == nil {
			err = os.Chown(i.Path("maildroprc"), uid, -1)
		}
		if err == nil {
			err = os.Chmod(i.Path("maildroprc"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	i.WriteFile("procmailrc", []string{"DEFAULT=" + out + "/procmail/", ":0", "* ^Subject: refuse", "{", "  EXITCODE=67", "  HOST", "}"})
	i.WriteFile("dovecot.conf", []string{"mail_location = maildir:" + out + "/dovecot", "log_path = " + out + "/dovecot.log", "postmaster_address = postmaster@example.test"})
	i.WriteFile("list", []string{"#!/usr/bin/python3", "import sys, email, os", "m = email.message_from_binary_file(sys.stdin.buffer)",
		"open(os.path.join('" + out + "', 'list-' + sys.argv[2]), 'w').write(sys.argv[1] + ' ' + m['Subject'])"})
	if err := os.Chmod(i.Path("list"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := "/usr/bin/env HOME=" + out + "/home USER=" + who + " LOGNAME=" + who + " "
	i.WriteFile("etc/master.cf", []string{
		i.Addr + " inet n - n - - smtpd",
		"maildrop unix - n n - - pipe", "  flags=DRXhu user=" + who + " argv=" + env + "maildrop " + i.Path("maildroprc") + " ${user}",
		"procmail unix - n n - - pipe", "  flags=DRhu user=" + who + " argv=" + env + "procmail -t -m " + i.Path("procmailrc") + " ${sender} ${recipient}",
		"dovecot unix - n n - - pipe", "  flags=DRhu user=" + who + " argv=" + env + "/usr/lib/dovecot/dovecot-lda -c " + i.Path("dovecot.conf") + " -e -f ${sender} -a ${original_recipient}",
		"mailman unix - n n - - pipe", "  flags=FR user=" + who + " argv=" + i.Path("list") + " ${nexthop} ${user}",
	})
	i.WriteFile("etc/mailboxes", []string{"@example.test x/"})
	var routes []string
	for _, n := range []string{"maildrop", "procmail", "dovecot", "mailman"} {
		routes = append(routes, n+"@example.test "+n+":lists.example.test")
	}
	i.WriteFile("etc/transport", routes)
	i.AppendMain("transport_maps = texthash:"+i.Path("etc", "transport"), "maildrop_destination_recipient_limit = 1")
	i.Start()
	for _, n := range []string{"maildrop", "procmail", "dovecot", "mailman"} {
		id := i.Submit("alice@example.test", n+"@example.test", "Subject: to "+n+"\n\nbody\n")
		i.WaitLog(id+": to=<"+n+"@example.test>, relay="+n+",", "status=sent (delivered via "+n+" service")
	}
	for _, n := range []string{"maildrop", "procmail", "dovecot"} {
		letter := instance.One(t, instance.ReadMaildir(t, out+"/"+n))
		if !strings.Contains(letter, "Subject: to "+n+"\n\nbody\n") || !strings.Contains(letter, "Delivered-To: "+n+"@example.test\n") {
			t.Errorf("%s has\n%s", n, letter)
		}
	}
	if b, err := os.ReadFile(out + "/list-mailman"); err != nil || string(b) != "lists.example.test to mailman" {
		t.Errorf("the list has %q, %v", b, err)
	}
	id := i.Submit("alice@example.test", "procmail@example.test", "Subject: refuse\n\nbody\n")
	i.WaitLog(id+": to=<procmail@example.test>", "dsn=5.1.1, status=bounced (user unknown")
}
