package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// bounce_template_file: what a sender reads, what postconf and mailctl check say of
// it, and what of it counts after a mistake.
func TestBounceTemplate(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true, Main: []string{"bounce_template_file = $config_directory/bounce.cf"}})
	i.WriteFile("etc/bounce.cf", []string{
		"failure_template = <<EOF", "Charset: utf-8", "From: Post Office <post>", "Subject: Zurück", "", "x", "EOF",
		"delay_template = <<EOF", "Subject: Late", "", "Since $delay_warning_time_hours hours.", "EOF",
	})
	if r := i.Mailctl("check"); !strings.Contains(r.Stdout, "bounce.cf:1: failure_template: Subject: want printable ASCII") {
		t.Errorf("mailctl check: %+v", r)
	}
	i.WriteFile("etc/bounce.cf", []string{
		"failure_template = <<EOF", "Charset: utf-8", "From: Post Office <post>", "Subject: Came back", "", "Grüße von $myhostname.", "EOF", "",
		"delay_template = <<EOF", "Subject: Late", "", "Since $nobody hours.", "EOF",
	})
	if r := tool(i, "", "postconf", "-t"); r.Code != 0 || !strings.HasPrefix(r.Stdout, "failure_template = <<EOF\nCharset: utf-8\nFrom: Post Office <post>\n"+
		"Subject: Came back\nPostmaster-Subject: Postmaster Copy: Undelivered Mail\n\nGrüße von $myhostname.\nEOF\n\ndelay_template = <<EOF\n") {
		t.Errorf("postconf -t: %+v", r)
	}
	wants(t, "postconf -b of a mistake", tool(i, "", "postconf", "-b"), 1, "expanded_failure_text = <<EOF\nGrüße von mx.example.test.\nEOF\n\n",
		`postconf: fatal: delay_template: no parameter is called "nobody"\n`)
	if r := tool(i, "", "postconf", "-b", ""); r.Code != 0 || strings.Count(r.Stdout, "This is the mail system at host mx.example.test.\n") != 4 {
		t.Errorf("postconf -b of our own: %+v", r)
	}
	wants(t, "postconf -t of nothing", tool(i, "", "postconf", "-t", "/no/such/file"), 1, "", "postconf: fatal: /no/such/file: no such file.*\n")
	i.Start()
	i.WaitLog("postfix/bounce[", "warning: ", `delay_template: no parameter is called "nobody"; it is left out`)
	i.Sendmail("Subject: x\n\nbody\n", "-f", "alice@example.test", "no-such-user@localhost")
	got := instance.One(t, i.WaitMail("alice", 1))
	for _, want := range []string{"From: Post Office <post@mx.example.test>\n", "Subject: Came back\n", "\nGrüße von mx.example.test.\n\n<no-such-user@localhost>: "} {
		if !strings.Contains(got, want) {
			t.Errorf("the notice lacks %q:\n%s", want, got)
		}
	}
}
