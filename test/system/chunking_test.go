package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// A message in chunks arrives as one with DATA does, here and elsewhere; one that
// was broken off does not, and the session goes on.
func TestChunking(t *testing.T) {
	t.Parallel()
	i, p := outbound(t, peer.Options{Name: "mx.far.test"})
	s := i.Dial()
	defer s.Close()
	if reply := s.Want("250-", "EHLO client.test"); !strings.Contains(reply, "250-CHUNKING") {
		t.Errorf("EHLO: %s", reply)
	}
	s.Want("250 ", "MAIL FROM:<alice@example.test>")
	s.Want("250 ", "RCPT TO:<bob@example.test>")
	s.Want("250 2.0.0 Ok: 6 bytes", "BDAT 6\r\nx: y") // and its line end
	s.Want("250 ", "RSET")

	s.Want("250 ", "MAIL FROM:<alice@example.test>")
	s.Want("250 ", "RCPT TO:<bob@example.test>")
	s.Want("250 ", "RCPT TO:<dave@far.test>")
	s.Want("250 2.0.0 Ok: 19 bytes", "BDAT 19\r\nSubject: far\r\n\r\n.")
	s.Want("250 2.0.0 Ok: 25 bytes queued as ", "BDAT 6 LAST\r\n.end")
	s.Want("221 ", "QUIT")
	got := instance.One(t, i.WaitMail("bob", 1))
	if want := "Subject: far\n\n.\n.end\n"; !strings.HasSuffix(got, want) {
		t.Errorf("bob has %q, want %q at its end", got, want)
	}
	i.WaitLog("to=<dave@far.test>", "status=sent")
	i.Until("the queue is empty", i.Drained)
	for _, m := range p.Messages() {
		if want := "Subject: far\r\n\r\n.\r\n.end\r\n"; !strings.HasSuffix(m.Data, want) {
			t.Errorf("the next host has %q, want %q at its end", m.Data, want)
		}
	}
}
