package system

import (
	"strings"
	"testing"

	"yubin/test/dns"
	"yubin/test/instance"
)

// A front end speaks for a client that DNS has a name for, and a filter says where its
// letter was before; log and letter have both.
func TestSpeakingForClients(t *testing.T) {
	t.Parallel()
	d := dns.Start(t)
	d.Zone("2.0.192.in-addr.arpa", "7 PTR spike.example.\n")
	d.Zone("example", "spike A 192.0.2.7\n")
	i := instance.New(t, instance.Options{Main: []string{
		"smtpd_authorized_xclient_hosts = 127.0.0.0/8", "smtpd_authorized_xforward_hosts = 127.0.0.0/8",
		"smtpd_client_restrictions = reject_unknown_client_hostname",
		"resolver_addresses = " + d.Addr(),
	}})
	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO front.example")
	s.Want("220", "XCLIENT ADDR=192.0.2.8 PROTO=ESMTP HELO=nameless")
	s.Want("250", "MAIL FROM:<eve@elsewhere.example>")
	s.Want("450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.8]", "RCPT TO:<bob@example.test>")
	s.Want("250", "RSET")
	s.Want("220", "XCLIENT ADDR=192.0.2.7 PROTO=ESMTP HELO=spike")
	s.Want("250", "XFORWARD NAME=before.example ADDR=192.0.2.1 IDENT=4Dabc")
	if _, err := s.Deliver("eve@elsewhere.example", []string{"bob@example.test"}, "Subject: x\n\ntext\n"); err != nil {
		t.Fatal(err)
	}
	i.WaitLog(": client=spike.example[192.0.2.7], orig_queue_id=4Dabc, orig_client=before.example[192.0.2.1]")
	letter := instance.One(t, i.WaitMail("bob", 1))
	if !strings.Contains(letter, "from spike (spike.example [192.0.2.7])") {
		t.Errorf("the letter:\n%s", letter)
	}
}

// A sender whose letter waits is told so.
func TestDelayWarning(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{
		"delay_warning_time = 1s", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s", "transport_maps = inline:{ far.test=smtp:[127.0.0.1]:1 }",
	}})
	i.Sendmail("Subject: slow\n\ntext\n", "-f", "alice@example.test", "x@far.test")
	letter := instance.One(t, i.WaitMail("alice", 1))
	for _, want := range []string{"Subject: Delayed Mail (still being retried)\n", "This is only a warning", "Action: delayed\n", "<x@far.test>"} {
		if !strings.Contains(letter, want) {
			t.Errorf("no %q in\n%s", want, letter)
		}
	}
	i.WaitLog(": sender delay notification: ")
}
