package system

import (
	"strings"
	"testing"

	"yubin/test/dns"
	"yubin/test/instance"
)

// Where mail goes is what the tables say, for a recipient and for a sender, and
// mailctl route says the same.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := dns.Start(t)
	s.Zone("elsewhere.test", "@ MX 10 mx\nmx A 127.0.0.2")
	i := instance.New(t, instance.Options{Stopped: true})
	i.AppendMain("resolver_addresses = "+s.Addr(), "relayhost = elsewhere.test",
		"sender_dependent_default_transport_maps = inline:{ {bob@example.test=retry:4.7.1 bob has to wait} }",
		"transport_maps = texthash:"+i.Path("etc", "transport"))
	i.WriteFile("etc/transport", []string{
		"shut.test error:5.7.1 nothing goes there",
		".late.test retry:4.2.1 come back later",
		"void.test discard:thrown away",
	})
	i.Start()

	// A sender's rule, and the rules for recipients that overrule it.
	i.Sendmail("Subject: 1\n\nx\n", "-f", "bob@example.test", "dave@anywhere.test")
	i.WaitLog(": to=<dave@anywhere.test>, relay=none", "dsn=4.7.1, status=deferred (bob has to wait)")
	id := i.Submit("bob@example.test", "dave@void.test", "Subject: 2\n\nx\n")
	i.WaitLog(id+": to=<dave@void.test>, relay=none", "status=sent (thrown away)")

	i.Sendmail("Subject: 3\n\nx\n", "-f", "alice@example.test", "dave@x.late.test")
	i.WaitLog(": to=<dave@x.late.test>, relay=none", "dsn=4.2.1, status=deferred (come back later)")

	// A client learns at once that it is no use, a script by a notice.
	c := i.Dial()
	c.Want("250", "EHLO client.test")
	c.Want("250 2.1.0 Ok", "MAIL FROM:<alice@example.test>")
	c.Want("450 4.2.1 <dave@x.late.test>: Recipient address rejected: come back later", "RCPT TO:<dave@x.late.test>")
	c.Want("550 5.7.1 <dave@shut.test>: Recipient address rejected: nothing goes there", "RCPT TO:<dave@shut.test>")
	i.Sendmail("Subject: 4\n\nx\n", "-f", "alice@example.test", "dave@shut.test")
	i.WaitLog(": to=<dave@shut.test>, relay=none", "dsn=5.7.1, status=bounced (nothing goes there)")
	for _, letter := range i.WaitMail("alice", 1) {
		if !strings.Contains(letter, "nothing goes there") {
			t.Errorf("the notice is\n%s", letter)
		}
	}

	for _, test := range []struct{ addr, want string }{
		{"dave@anywhere.test", "host       mx.elsewhere.test[127.0.0.2] MX 10 of elsewhere.test\n"},
		{"dave@shut.test", "goes back  5.7.1 nothing goes there\n"},
		{"dave@[192.0.2.1]", "by         relayhost\n"},
		{"dave@192.0.2.1", "goes back  5.1.3 Bad recipient address syntax\n"},
	} {
		if r := i.Mailctl("route", test.addr); !strings.Contains(r.Stdout, test.want) {
			t.Errorf("mailctl route %s: %+v, want the line %q", test.addr, r, test.want)
		}
	}
}
